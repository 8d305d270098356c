#include "policy/bearer.h"

#include <algorithm>

#include "base/assert.h"
#include "base/strings.h"
#include "crypto/crypto.h"

namespace sandgate::policy {
namespace {

constexpr std::string_view kBlanks = " \t";

}  // namespace

BearerVerdict check_bearer(std::optional<std::string_view> authorization, const Secret& token) {
  SG_ASSERT(!token.empty());
  if (!authorization) return BearerVerdict::kMissing;
  const std::string_view value = trim_blanks(*authorization);
  const size_t gap = value.find_first_of(kBlanks);
  if (gap == std::string_view::npos || !iequals(value.substr(0, gap), "bearer")) return BearerVerdict::kMissing;
  const std::string_view given = value.substr(value.find_first_not_of(kBlanks, gap));
  if (given.find_first_of(kBlanks) != std::string_view::npos) return BearerVerdict::kMissing;
  const bool ascii = std::none_of(given.begin(), given.end(), [](char c) { return static_cast<uint8_t>(c) >= 0x80; });
  return ascii && crypto::equal_constant_time(given, token.reveal()) ? BearerVerdict::kOk : BearerVerdict::kWrong;
}

}  // namespace sandgate::policy
