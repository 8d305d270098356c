// Response heads: however the bytes are cut, one outcome; what was taken and is passed on is read as the same
// head with the same framing, so that the client cannot see another message than we did.
//
// Input: byte 0 picks bounds (bits 0 and 1) and whether a HEAD is answered (bit 2), byte 1 seeds the cuts;
// the rest is what a sandbox sends.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/random.h"
#include "http/forwarding.h"
#include "http/framing.h"
#include "http/h1/head_parser.h"
#include "http/h1/head_writer.h"
#include "http/h1/test_support.h"

namespace {

using namespace sandgate::http;
using namespace sandgate::http::h1;
using sandgate::http::h1::testing::HeadOutcome;

void check_forwarded(const ResponseHead& head, bool to_head) {
  const auto framing = response_framing(head, to_head);
  if (!framing) return;
  if (to_head || head.status < 200 || head.status == 204 || head.status == 304) {
    SG_ASSERT(framing->kind == BodyKind::kNone);
  }
  ResponseOut out;
  out.status = head.status;
  out.reason = head.reason();
  forward_fields(head, {}, out.fields);
  const size_t room = response_head_size(out);
  const auto to = std::make_unique<char[]>(room);
  const size_t size = write_response_head(out, *framing, "close", to.get());
  SG_ASSERT(size <= room);
  const std::string bytes(to.get(), size);
  HeadBounds wide;
  wide.head_bytes_max = bytes.size() + 1;
  wide.fields_max = out.fields.size() + 3;
  ResponseHead again;
  const HeadResult result = parse_response_head(bytes, wide, again);
  SG_ASSERT(result.status == HeadStatus::kComplete && result.size == bytes.size());
  SG_ASSERT(again.status == head.status && again.reason() == head.reason());
  for (size_t i = 0; i < out.fields.size(); ++i) {
    const Field& read = again.fields()[i];
    SG_ASSERT(again.name(read) == out.fields[i].name && again.value(read) == out.fields[i].value);
    SG_ASSERT(read.id != FieldId::kSandgate && read.id != FieldId::kContentLength);
    SG_ASSERT(!is_hop_by_hop(read.id));
  }
  const auto framing_again = response_framing(again, to_head);
  SG_ASSERT(framing_again && framing_again->kind == framing->kind && framing_again->length == framing->length);
  SG_ASSERT(again.has_token(FieldId::kConnection, "close"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  HeadBounds bounds;
  if (data[0] & 1) bounds.head_bytes_max = 64;
  if (data[0] & 2) bounds.fields_max = 3;
  const bool to_head = (data[0] & 4) != 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const HeadOutcome whole = testing::parse_whole<ResponseHead>(bytes, bounds);

  sandgate::Random random(data[1]);
  const uint64_t largest = 1 + random.below(20);
  const auto cut = [&](size_t) { return static_cast<size_t>(random.below(largest + 1)); };
  SG_ASSERT(testing::parse_in_pieces<ResponseHead>(bytes, bounds, false, cut) == whole);
  const HeadOutcome scanned = testing::parse_in_pieces<ResponseHead>(bytes, bounds, true, cut);
  // A connection looks again only when there is a blank line or twice the bytes, so a refusal may come later.
  const bool refused = whole.status != HeadStatus::kComplete && whole.status != HeadStatus::kNeedMore;
  SG_ASSERT(scanned == whole || (refused && scanned.status != HeadStatus::kComplete));

  if (whole.status != HeadStatus::kComplete) return 0;
  SG_ASSERT(whole.size <= bytes.size() && whole.size <= bounds.head_bytes_max);
  const std::string exact(bytes.substr(0, whole.size));
  SG_ASSERT(testing::parse_whole<ResponseHead>(exact, bounds) == whole);
  ResponseHead head;
  parse_response_head(exact, bounds, head);
  SG_ASSERT(head.status >= 100 && head.status <= 599);
  check_forwarded(head, to_head);
  return 0;
}
