// Scoped tokens: bearer tokens that open one sandbox until a given second (contract sandbox-router 2.3, threat model 1,
// row 14; docs/authorization.md has the formats for those who make them). Pure.
//
//   v1.<payload>.<HMAC-SHA-256(secret, "agent-sandbox/scoped-token/v1." + payload)>
//   v2.<payload>.<Ed25519(key named by kid, "sandgate/scoped-token/v2." + payload)>
//
// <payload> is JSON in base64url, and signatures cover it in that form: nothing is signed that was not read.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/signature.h"
#include "policy/scoped_token_payload.h"

namespace sandgate::policy {

inline constexpr size_t kScopedSecretBytesMin = 32;
inline constexpr size_t kScopedTokenBytesMax = 8192;
inline constexpr size_t kScopedKeysMax = 1000;
/// v2: a token that is good for longer is refused, however well it is signed.
inline constexpr Seconds kScopedTokenLifeMax{24 * 3600};

/// The HMAC secret of v1 from its file: blanks and line ends around it are taken off, at least 32 bytes must be left.
Result<Secret> read_scoped_secret(std::string_view text);

/// Who may sign v2 tokens. One key a line, words parted by blanks, `#` starts a comment:
///
///   <key id>  ed25519:<public key, 32 bytes in base64url>  [ns=<namespace>[,...]]
///
/// A key id has 1 to 64 of letters, digits, `.`, `_` and `-`. With `ns` the key signs for these namespaces only.
class ScopedKeyBook {
 public:
  struct Key {
    crypto::Ed25519PublicKey public_key{};
    std::vector<std::string> namespaces;  ///< empty: all
    bool covers(std::string_view ns) const;
  };

  /// The message names the line. A file without keys is an error: it would lock everybody out.
  static Result<std::shared_ptr<const ScopedKeyBook>> parse(std::string_view text);

  const Key* find(const std::string& id) const;
  size_t size() const { return keys_.size(); }

 private:
  std::unordered_map<std::string, Key> keys_;
};

/// What tokens are checked against. Either may be missing: tokens of that version are then refused.
struct ScopedTrust {
  std::shared_ptr<const Secret> secret;       ///< v1
  std::shared_ptr<const ScopedKeyBook> keys;  ///< v2
};

/// A token whose signature and time are good.
struct ScopedToken {
  bool strong = false;  ///< v2
  TokenClaims claims;
};

/// Nothing: not a token, not signed by anyone we trust, expired, or (v2) good for more than a day.
std::optional<ScopedToken> check_scoped_token(std::string_view token, const ScopedTrust& trust, WallTime now);

/// What a request wants to reach.
struct ScopedTarget {
  std::string_view ns;
  std::string_view name;
  uint16_t port = 0;
  std::string_view method;
  std::string_view path;  ///< as the sandbox will get it; a query is not looked at
};

/// Does the token open this? The UID is a question of its own, as it needs the sandbox to be looked up.
bool scope_covers(const ScopedToken& token, const ScopedTarget& target);

/// Is `path` at or below `prefix`, however often a server decodes it? `/api` covers `/api` and `/api/x`, not `/apix`;
/// `/api/` covers what begins so. Nothing with a dot-dot segment in it is covered, decoded up to four times.
bool path_covered(std::string_view prefix, std::string_view path);

// For whoever makes tokens.
std::string make_scoped_token_v1(const TokenClaims& claims, const Secret& secret);
/// `claims.key_id` and `claims.port` must be set.
std::string make_scoped_token_v2(const TokenClaims& claims, const crypto::Ed25519PrivateKey& key);

/// The trust in force, replaced by whoever reads the files; remembers lately verified v2 signatures, which cost a tenth
/// of a millisecond each. Thread safe.
class ScopedTokenRing {
 public:
  /// `verified_max`: how many tokens are remembered, in each of two generations.
  explicit ScopedTokenRing(size_t verified_max = 4096) : verified_max_(verified_max) {}

  void replace_secret(Secret secret);
  void replace_keys(std::shared_ptr<const ScopedKeyBook> keys);
  std::optional<ScopedToken> check(std::string_view token, WallTime now) const;
  size_t remembered() const;

 private:
  struct Hash {
    size_t operator()(const crypto::Sha256& digest) const;
  };
  using Verified = std::unordered_map<crypto::Sha256, ScopedToken, Hash>;

  std::optional<ScopedToken> recall(const crypto::Sha256& digest, ScopedTrust& trust) const;
  void remember(const crypto::Sha256& digest, const ScopedToken& token, const ScopedTrust& trust) const;

  const size_t verified_max_;
  mutable std::mutex mutex_;
  ScopedTrust trust_;
  mutable Verified young_;  ///< becomes the old one when it is full; both go with the keys
  mutable Verified old_;
};

}  // namespace sandgate::policy
