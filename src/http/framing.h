// How long is the body? The one place that decides (RFC 9112 section 6), for both directions. What is ambiguous is
// refused, never repaired: we relay, so a second reader may disagree with a repair.
#pragma once

#include <cstdint>
#include <optional>

#include "base/failure.h"
#include "http/head.h"

namespace sandgate::http {

enum class BodyKind : uint8_t { kNone, kFixed, kChunked, kUntilClose };

struct Framing {
  BodyKind kind = BodyKind::kNone;
  uint64_t length = 0;  ///< kFixed
  /// A length to state although no body follows (HEAD, 304): passed on as given.
  std::optional<uint64_t> stated_length{};
};

/// A request's body (RFC 9112 6.3, as a server reads it). Never kUntilClose.
std::optional<Framing> request_framing(const RequestHead& head);

/// A response's body. `to_head`: it answers a HEAD request. Nothing: the response must not be passed on.
std::optional<Framing> response_framing(const ResponseHead& head, bool to_head);

}  // namespace sandgate::http
