// The payload of a scoped token: one flat JSON object (RFC 8259), read without a library and without trust. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sandgate::policy {

/// What a token says; which of it must be there is the version's affair.
struct TokenClaims {
  std::string ns;
  std::string name;
  int64_t expires_s = 0;             ///< Unix seconds, exclusive
  std::string key_id;                ///< from here on v2 only
  std::string uid;                   ///< empty: any
  uint16_t port = 0;                 ///< 0: none stated
  std::vector<std::string> methods;  ///< empty: any
  std::string path;                  ///< prefix of the path at the sandbox; empty: any
};

enum class OtherClaims : uint8_t { kIgnored, kRefused };

inline constexpr size_t kTokenPayloadBytesMax = 4096;
inline constexpr size_t kTokenMethodsMax = 16;

/// The members `ns`, `name`, `exp`, `kid`, `uid`, `port`, `methods` and `path`; each at most once, with its own type.
/// With kRefused any other member is an error: a restriction that is not understood must not be dropped. The message is
/// for whoever makes tokens, never for clients.
Result<TokenClaims> read_token_payload(std::string_view json, OtherClaims others);

/// The members that are set, in a fixed order, without blanks.
std::string write_token_payload(const TokenClaims& claims);

}  // namespace sandgate::policy
