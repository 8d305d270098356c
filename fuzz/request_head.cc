// Request heads: however the bytes are cut, one outcome; what was taken and is written again is read as the
// same head with the same framing; what is forwarded holds no field that must not go on.
//
// Input: byte 0 picks bounds, byte 1 seeds the cuts; the rest is what a client sends.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/random.h"
#include "base/strings.h"
#include "http/forwarding.h"
#include "http/framing.h"
#include "http/h1/head_parser.h"
#include "http/h1/head_writer.h"
#include "http/h1/test_support.h"

namespace {

using namespace sandgate::http;
using namespace sandgate::http::h1;
using sandgate::http::h1::testing::HeadOutcome;

HeadBounds bounds_from(uint8_t choice) {
  HeadBounds bounds;
  if (choice & 1) bounds.head_bytes_max = 64;
  if (choice & 2) bounds.fields_max = 3;
  if (choice & 4) bounds.target_bytes_max = 8;
  return bounds;
}

std::string write(const RequestOut& out, const Framing& framing) {
  const size_t room = request_head_size(out);
  const auto to = std::make_unique<char[]>(room);
  const size_t size = write_request_head(out, framing, {}, to.get());
  SG_ASSERT(size <= room);
  return {to.get(), size};
}

void check_forwarded(const RequestHead& head) {
  const auto framing = request_framing(head);
  if (!framing) return;
  SG_ASSERT(framing->kind != BodyKind::kUntilClose);
  RequestOut out;
  out.method = head.method();
  out.target = head.target();
  out.authority = "sandbox:8888";
  forward_fields(head, FieldSet{FieldId::kHost}, out.fields);
  for (const OutField& f : out.fields) {
    const FieldId id = field_id(f.name);
    SG_ASSERT(id == FieldId::kTe ? f.value == "trailers" : !is_hop_by_hop(id));
    SG_ASSERT(id != FieldId::kSandgate && id != FieldId::kUnderscoreTwin && id != FieldId::kContentLength);
    SG_ASSERT(is_protected(id) || id == FieldId::kTe || !head.has_token(FieldId::kConnection, f.name) ||
              !head.has(FieldId::kConnection) || sandgate::iequals(f.name, "close") ||
              sandgate::iequals(f.name, "keep-alive"));
  }
  const std::string bytes = write(out, *framing);
  HeadBounds wide;
  wide.head_bytes_max = bytes.size() + 1;
  wide.fields_max = out.fields.size() + 3;
  RequestHead again;
  const HeadResult result = parse_request_head(bytes, wide, again);
  SG_ASSERT(result.status == HeadStatus::kComplete && result.size == bytes.size());
  SG_ASSERT(again.method() == head.method() && again.target() == head.target());
  SG_ASSERT(again.first(FieldId::kHost) == "sandbox:8888");
  size_t at = 1;  // Host comes first
  for (const OutField& f : out.fields) {
    const Field& read = again.fields()[at++];
    SG_ASSERT(again.name(read) == f.name && again.value(read) == f.value);
  }
  const auto framing_again = request_framing(again);
  SG_ASSERT(framing_again && framing_again->kind == framing->kind && framing_again->length == framing->length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const HeadBounds bounds = bounds_from(data[0]);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const HeadOutcome whole = testing::parse_whole<RequestHead>(bytes, bounds);

  sandgate::Random random(data[1]);
  const uint64_t largest = 1 + random.below(20);
  const auto cut = [&](size_t) { return static_cast<size_t>(random.below(largest + 1)); };
  SG_ASSERT(testing::parse_in_pieces<RequestHead>(bytes, bounds, false, cut) == whole);
  const HeadOutcome scanned = testing::parse_in_pieces<RequestHead>(bytes, bounds, true, cut);
  // A connection looks again only when there is a blank line or twice the bytes, so a refusal may come later.
  const bool refused = whole.status != HeadStatus::kComplete && whole.status != HeadStatus::kNeedMore;
  SG_ASSERT(scanned == whole || (refused && scanned.status != HeadStatus::kComplete));

  if (whole.status != HeadStatus::kComplete) return 0;
  SG_ASSERT(whole.size <= bytes.size() && whole.size <= bounds.head_bytes_max);
  const std::string exact(bytes.substr(0, whole.size));
  SG_ASSERT(testing::parse_whole<RequestHead>(exact, bounds) == whole);  // what follows has no say
  RequestHead head;
  parse_request_head(exact, bounds, head);
  SG_ASSERT(head.fields().size() <= bounds.fields_max && head.target().size() <= bounds.target_bytes_max);
  RequestHead kept;
  std::string storage;
  kept.keep(head, whole.size, storage);
  SG_ASSERT(testing::dump(kept) == whole.dump);
  if (const auto host = head.first(FieldId::kHost)) is_valid_host(*host);
  check_forwarded(head);
  return 0;
}
