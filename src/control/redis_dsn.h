// Where a Redis server is and how to log in, from one text (contract opensandbox-ingress 1 and 6):
//
//   redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]     rediss://... over TLS     unix://[USER:PASSWORD@]/PATH[?db=N]
//
// USER, PASSWORD and PATH may be percent-encoded; HOST may be an IPv6 address in brackets. Without HOST: localhost;
// without PORT: 6379; without DB: 0. `?db=N` is read in every form, the path comes first. Other options that the
// replaced product's library knows are taken and listed, so that old command lines go on working; unknown ones are an
// error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace sandgate::control {

inline constexpr size_t kRedisDsnBytesMax = 4096;

struct RedisDsn {
  enum class Transport : uint8_t { kTcp, kTls, kUnix };

  Transport transport = Transport::kTcp;
  std::string host = "localhost";  ///< a name or an address without brackets; not for kUnix
  uint16_t port = 6379;
  std::string path;  ///< of the socket: kUnix alone
  std::string user;  ///< empty: the default one
  Secret password;   ///< empty: none is sent
  uint32_t db = 0;
  std::vector<std::string> ignored;  ///< names of options that were given and have no meaning here

  /// For messages: without user and password.
  std::string address() const;
};

/// The error names the faulty part and what is accepted, and never shows user or password.
Result<RedisDsn> parse_redis_dsn(std::string_view text);

}  // namespace sandgate::control
