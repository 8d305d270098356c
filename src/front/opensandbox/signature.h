// Signed routes (contract opensandbox-ingress 3.3, threat model 1, row 14): the product's short form, 8 hex digits of a
// digest, and a strong one of ours at the same places, 128 bits of an HMAC in base 32. Pure.
//
// Short: SHA-256 over BE32(size of secret), secret, BE32(size of canonical), canonical, where canonical is
// "v1", "short", id, port, expires, each followed by LF.
// Strong: HMAC-SHA-256 with the secret over "sandgate-route-v1", namespace, id, port, expires, each followed by LF; the
// first 16 bytes in base 32 (RFC 4648 section 6, lower case, no padding: 26 characters, so that it fits a DNS label).
// It may not be valid for longer than kStrongValidityMax. Both end in the key's one-character id. `expires` is Unix
// seconds in base 36.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/secret.h"

namespace sandgate::front::opensandbox {

inline constexpr size_t kShortSignatureSize = 9;
inline constexpr size_t kStrongSignatureSize = 27;
inline constexpr Seconds kStrongValidityMax{24 * 3600};

enum class SignatureForm : uint8_t { kShort, kStrong };

/// What a signature vouches for.
struct SignedClaim {
  std::string_view ns;  ///< only the strong form covers it
  std::string_view id;
  uint16_t port = 0;
  std::string_view expires;  ///< base 36, lower case
};

struct SigningKey {
  char id = 0;  ///< [0-9a-z]
  Secret secret;
};

std::string signature_of(SignatureForm form, const SignedClaim& claim, const SigningKey& key);
/// The text the digest is made of.
std::string canonical_of(SignatureForm form, const SignedClaim& claim);

/// By its length.
SignatureForm form_of(std::string_view signature);

std::string to_base36(uint64_t value);
/// Nothing when it is not is_expires().
std::optional<uint64_t> from_base36(std::string_view text);

}  // namespace sandgate::front::opensandbox
