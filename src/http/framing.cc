#include "http/framing.h"

#include "base/strings.h"

namespace sandgate::http {
namespace {

/// All Content-Length lines as one number. Outer empty: refused. Inner empty: none was there. A list in one line, a
/// sign, an empty value or two different values are refused; the same value on several lines is the same value.
std::optional<std::optional<uint64_t>> content_length(const MessageHead& head) {
  std::optional<uint64_t> length;
  if (!head.has(FieldId::kContentLength)) return std::optional<uint64_t>{};
  for (const Field& f : head.fields()) {
    if (f.id != FieldId::kContentLength) continue;
    const auto value = parse_decimal<uint64_t>(head.value(f));
    if (!value || *value > UINT64_MAX / 2 || (length && *length != *value)) return std::nullopt;
    length = value;
  }
  return length;
}

/// Exactly one Transfer-Encoding line saying exactly `chunked`: no other coding is ours to undo.
bool is_chunked_only(const MessageHead& head) {
  unsigned lines = 0;
  bool chunked = false;
  for (const Field& f : head.fields()) {
    if (f.id != FieldId::kTransferEncoding) continue;
    ++lines;
    chunked = iequals(head.value(f), "chunked");
  }
  return lines == 1 && chunked;
}

}  // namespace

std::optional<Framing> request_framing(const RequestHead& head) {
  const auto length = content_length(head);
  if (!length) return std::nullopt;
  if (head.has(FieldId::kTransferEncoding)) {
    // 6.1: both fields may be an attempt at smuggling; and a 1.0 peer cannot mean it.
    if (*length || head.minor_version == 0 || !is_chunked_only(head)) return std::nullopt;
    return Framing{BodyKind::kChunked};
  }
  if (*length && **length > 0) return Framing{BodyKind::kFixed, **length};
  return Framing{BodyKind::kNone, 0, *length};
}

std::optional<Framing> response_framing(const ResponseHead& head, bool to_head) {
  const auto length = content_length(head);
  if (!length) return std::nullopt;
  const bool coded = head.has(FieldId::kTransferEncoding);
  if (coded && (*length || head.minor_version == 0 || !is_chunked_only(head))) return std::nullopt;
  // 6.3 rule 1: these never have a body, whatever they say.
  if (to_head || head.status < 200 || head.status == 204 || head.status == 304) {
    const bool may_state = to_head || head.status == 304 || head.status == 204;  // kept as given (contract 1.6)
    return Framing{BodyKind::kNone, 0, may_state ? *length : std::nullopt};
  }
  if (coded) return Framing{BodyKind::kChunked};
  if (*length) return Framing{**length > 0 ? BodyKind::kFixed : BodyKind::kNone, **length, *length};
  return Framing{BodyKind::kUntilClose};
}

}  // namespace sandgate::http
