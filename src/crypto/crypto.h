// OpenSSL behind one face: digests, constant-time comparison, base64, random bytes. No OpenSSL type gets out.
// All functions may be called from any thread. A failure inside the library (no memory, no entropy) ends the
// process: there is no safe way on without it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sandgate::crypto {

using Sha256 = std::array<uint8_t, 32>;
using Sha1 = std::array<uint8_t, 20>;

/// Equality in a time that depends on the lengths but not on where the bytes differ. For tokens and
/// signatures.
bool equal_constant_time(std::string_view a, std::string_view b);

Sha256 sha256(std::string_view bytes);

/// Broken for signatures; only for Sec-WebSocket-Accept, which needs no strength.
Sha1 sha1(std::string_view bytes);

/// RFC 4648 section 4, with padding, one line.
std::string base64_encode(std::span<const uint8_t> bytes);

/// The strict reverse: the alphabet of section 4 only, whole groups of four, padding where it belongs and
/// unused bits zero. Nothing for anything else (blanks and line ends included).
std::optional<std::string> base64_decode(std::string_view text);

/// The value of Sec-WebSocket-Accept that answers this Sec-WebSocket-Key (RFC 6455 4.2.2): 28 characters.
std::string websocket_accept(std::string_view key);

/// Fills with bytes nobody can foresee.
void random_bytes(std::span<uint8_t> out);

/// `random_array<4>()`: a WebSocket mask; `random_array<16>()`: what a WebSocket key encodes.
template <size_t kSize>
std::array<uint8_t, kSize> random_array() {
  std::array<uint8_t, kSize> out;
  random_bytes(out);
  return out;
}

}  // namespace sandgate::crypto
