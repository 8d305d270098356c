#include "policy/bearer.h"

#include "base/assert.h"
#include "base/strings.h"
#include "crypto/crypto.h"

namespace sandgate::policy {

std::optional<std::string_view> bearer_token(std::optional<std::string_view> authorization) {
  if (!authorization) return std::nullopt;
  const std::string_view value = trim_blanks(*authorization);
  const size_t gap = find_blank(value);
  if (gap == std::string_view::npos || !iequals(value.substr(0, gap), "bearer")) return std::nullopt;
  const std::string_view token = trim_blanks(value.substr(gap));
  if (token.empty() || find_blank(token) != std::string_view::npos) return std::nullopt;
  return token;
}

bool token_matches(std::string_view given, const Secret& token) {
  SG_ASSERT(!token.empty());
  uint8_t bits = 0;
  for (const char c : given) bits |= static_cast<uint8_t>(c);
  const bool ascii = bits < 0x80;
  return ascii && crypto::equal_constant_time(given, token.reveal());
}

}  // namespace sandgate::policy
