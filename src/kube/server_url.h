// The address of an API server, taken apart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sandgate::kube {

struct ServerUrl {
  bool tls = true;
  std::string host;    ///< without brackets, in lower case
  uint16_t port = 0;   ///< the scheme's own when the text has none
  std::string prefix;  ///< a path in front of /api, without a slash at the end; usually empty

  /// `host:port` with brackets around an IPv6 address; without the port when it is the scheme's own.
  std::string authority() const;
  std::string text() const;
  /// localhost, 127.0.0.0/8, ::1.
  bool loopback() const;
};

/// `http(s)://host[:port][/prefix]`. Refused: other schemes, user and password, a query, a fragment, blanks.
Result<ServerUrl> parse_server_url(std::string_view text);

}  // namespace sandgate::kube
