// Signatures of access tokens: HMAC-SHA-256 and Ed25519, and the base64url they travel in. All functions may be called
// from any thread; no OpenSSL type gets out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/crypto.h"

namespace sandgate::crypto {

/// RFC 2104 with SHA-256. `key` must not be empty.
Sha256 hmac_sha256(std::string_view key, std::string_view bytes);

/// RFC 4648 section 5, without padding.
std::string base64url_encode(std::string_view bytes);
/// The strict reverse: the alphabet of section 5 only, no padding, unused bits zero.
std::optional<std::string> base64url_decode(std::string_view text);

inline std::string_view as_text(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

inline constexpr size_t kEd25519SignatureBytes = 64;
using Ed25519PublicKey = std::array<uint8_t, 32>;
using Ed25519PrivateKey = std::array<uint8_t, 32>;  ///< RFC 8032: the seed

/// RFC 8032 section 5.1.7. False for a signature of another length and for a key that is no point of the curve.
bool ed25519_verify(const Ed25519PublicKey& key, std::string_view message, std::string_view signature);
std::string ed25519_sign(const Ed25519PrivateKey& key, std::string_view message);
Ed25519PublicKey ed25519_public_key(const Ed25519PrivateKey& key);
/// A private key as `openssl genpkey -algorithm ed25519` writes it (PKCS #8, PEM, not encrypted).
Result<Ed25519PrivateKey> read_ed25519_pem(std::string_view pem);

}  // namespace sandgate::crypto
