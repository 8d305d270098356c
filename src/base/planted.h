// Bugs planted on purpose. SG_PLANTED(n) is constant false in every product build; in the `planted` preset it is true
// for the one bug named by SANDGATE_PLANTED_BUG=n, so that the simulation proves it would notice (tests/simulation).
#pragma once

#ifdef SANDGATE_PLANTED_BUGS
#include <cstdlib>
#include <string>
#include <string_view>
namespace sandgate {
inline bool planted_bug(int number) {
  const char* value = std::getenv("SANDGATE_PLANTED_BUG");
  return value != nullptr && std::string_view(value) == std::to_string(number);
}
}  // namespace sandgate
#define SG_PLANTED(number) ::sandgate::planted_bug(number)
#else
#define SG_PLANTED(number) false
#endif
