#include "client/connector.h"

#include <algorithm>

#include "base/strings.h"

namespace sandgate::client {

void Connector::answered(const Headers& headers) {
  constexpr std::string_view kPrefix = "X-Sandgate-";
  sandgate_ = sandgate_ || std::any_of(headers.begin(), headers.end(), [kPrefix](const auto& header) {
                return iequals(std::string_view(header.first).substr(0, kPrefix.size()), kPrefix);
              });
}

}  // namespace sandgate::client
