// For the tests and fuzz harnesses of the HTTP/1 codec: parses messages cut in any way and prints what came
// out, so that two ways of cutting can be compared as text. No product code includes it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "http/h1/body.h"
#include "http/h1/head_parser.h"

namespace sandgate::http::h1::testing {

inline void append_fields(const MessageHead& head, std::string& out) {
  for (const Field& f : head.fields()) out.append("\n").append(head.name(f)).append(":").append(head.value(f));
}

/// `METHOD TARGET MINOR`, then a line `name:value` for each field.
inline std::string dump(const RequestHead& head) {
  std::string out(head.method());
  out.append(" ").append(head.target()).append(" ").append(std::to_string(head.minor_version));
  append_fields(head, out);
  return out;
}

/// `STATUS MINOR REASON`, then the fields.
inline std::string dump(const ResponseHead& head) {
  std::string out = std::to_string(head.status) + " " + std::to_string(head.minor_version) + " ";
  out.append(head.reason());
  append_fields(head, out);
  return out;
}

inline HeadResult parse(std::string_view bytes, const HeadBounds& bounds, RequestHead& head) {
  return parse_request_head(bytes, bounds, head);
}
inline HeadResult parse(std::string_view bytes, const HeadBounds& bounds, ResponseHead& head) {
  return parse_response_head(bytes, bounds, head);
}

struct HeadOutcome {
  HeadStatus status = HeadStatus::kNeedMore;
  size_t size = 0;
  std::string dump;
  friend bool operator==(const HeadOutcome&, const HeadOutcome&) = default;
  friend std::ostream& operator<<(std::ostream& out, const HeadOutcome& o) {
    return out << "status " << int{static_cast<uint8_t>(o.status)} << ", " << o.size << " bytes: " << o.dump;
  }
};

template <class Head>
HeadOutcome parse_whole(std::string_view bytes, const HeadBounds& bounds = {}) {
  Head head;
  const HeadResult result = parse(bytes, bounds, head);
  HeadOutcome outcome{result.status, result.size, {}};
  if (result.status == HeadStatus::kComplete) outcome.dump = dump(head);
  return outcome;
}

/// Gives the bytes in fragments; `next_size(left)` says how long the next one is. Parses at every fragment,
/// or, with `scan`, only when HeadScan finds it worth it: then as a connection does, to whom a full buffer
/// without a blank line is too large a head. Ends at the first answer that is not "more".
template <class Head, class NextSize>
HeadOutcome parse_in_pieces(std::string_view bytes, const HeadBounds& bounds, bool scan, NextSize&& next_size) {
  HeadScan scanner;
  for (size_t have = 0; have < bytes.size();) {
    have += std::clamp<size_t>(next_size(bytes.size() - have), 1, bytes.size() - have);
    const std::string_view so_far = bytes.substr(0, have);
    if (scan && !scanner.worth_parsing(so_far)) {
      if (have >= bounds.head_bytes_max) return {HeadStatus::kTooLarge, 0, {}};
      continue;
    }
    // A copy of exactly these bytes, so that the sanitizer sees every read past them.
    const std::string exact(so_far);
    HeadOutcome outcome = parse_whole<Head>(exact, bounds);
    if (outcome.status != HeadStatus::kNeedMore) return outcome;
  }
  return {};
}

struct BodyOutcome {
  BodyStep step = BodyStep::kNeedMore;
  size_t consumed = 0;
  std::string payload;
  std::string trailers;
  friend bool operator==(const BodyOutcome&, const BodyOutcome&) = default;
  friend std::ostream& operator<<(std::ostream& out, const BodyOutcome& o) {
    return out << "step " << int{static_cast<uint8_t>(o.step)} << ", " << o.consumed << " bytes: " << o.payload << " | "
               << o.trailers;
  }
};

/// Decodes `bytes` given in fragments. With `skip_payload`, payload is passed by skip() as splice does
/// instead of next().
template <class NextSize>
BodyOutcome decode_in_pieces(BodyDecoder decoder, std::string_view bytes, bool skip_payload, NextSize&& next_size) {
  BodyOutcome outcome;
  while (outcome.consumed < bytes.size() && outcome.step == BodyStep::kNeedMore) {
    const size_t left = bytes.size() - outcome.consumed;
    std::string fragment(bytes.substr(outcome.consumed, std::clamp<size_t>(next_size(left), 1, left)));
    std::string_view rest = fragment;
    while (!rest.empty() && outcome.step == BodyStep::kNeedMore) {
      if (skip_payload && decoder.opaque_left() > 0) {
        const auto n = static_cast<size_t>(std::min<uint64_t>(decoder.opaque_left(), rest.size()));
        decoder.skip(n);
        outcome.payload.append(rest.substr(0, n));
        outcome.consumed += n;
        rest.remove_prefix(n);
        if (decoder.complete()) outcome.step = BodyStep::kEnd;
        continue;
      }
      const BodyPiece piece = decoder.next(rest);
      SG_ASSERT(piece.consumed <= rest.size());
      SG_ASSERT(piece.step != BodyStep::kData || !piece.data.empty());
      outcome.payload.append(piece.data);
      outcome.consumed += piece.consumed;
      rest.remove_prefix(piece.consumed);
      if (piece.step == BodyStep::kNeedMore) SG_ASSERT(rest.empty());
      if (piece.step != BodyStep::kData) outcome.step = piece.step;
      if (decoder.complete()) outcome.step = BodyStep::kEnd;
    }
  }
  if (outcome.step == BodyStep::kEnd) {
    outcome.trailers = decoder.trailer_bytes();
  } else if (outcome.step == BodyStep::kMalformed) {
    outcome.consumed = 0;  // how far a refused body was read is nobody's business
  }
  return outcome;
}

}  // namespace sandgate::http::h1::testing
