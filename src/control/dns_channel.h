// Name look-ups over the network by c-ares, whose types stay in dns_channel.cc. One thread uses a channel.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/result.h"

namespace sandgate::control {

enum class DnsStatus : uint8_t {
  kOk,        ///< at least one address
  kNotFound,  ///< the name does not exist, or has no address
  kTimeout,   ///< no server answered in time
  kFailed,    ///< refused, malformed, leaving the permitted domain, or not asked at all
};

struct DnsAnswer {
  DnsStatus status = DnsStatus::kFailed;
  std::vector<IpAddress> addresses;  ///< IPv4 before IPv6, each family in the order of the server; at most 64
  Millis ttl{0};                     ///< how long the answer may be used
};

struct DnsOptions {
  std::optional<Endpoint> server;  ///< nothing: the servers of /etc/resolv.conf
  /// Only names below it are asked for, and no alias on the way to an address may leave it. Empty: any name.
  std::string domain;
  Millis ttl_max{30'000};
  Millis negative_ttl{1'000};  ///< for every answer that is not kOk
  Millis first_wait{700};      ///< for a server's answer to the first packet; doubles with each of `tries`
  int tries = 3;
  Millis time_limit{5'000};     ///< of a whole look-up; DnsResolver keeps it
  size_t names_max = 4'096;     ///< asked for at once; DnsResolver keeps it
  size_t waiting_max = 65'536;  ///< callbacks waiting; DnsResolver keeps it
};

class DnsChannel {
 public:
  /// The error is c-ares's, for instance an unreadable /etc/resolv.conf.
  static Result<std::unique_ptr<DnsChannel>> open(const DnsOptions& options);
  virtual ~DnsChannel() = default;

  /// Asks for A and AAAA of `name`, absolute with or without its trailing dot: no search list, no hosts file.
  /// `done` is called once, from within query(), run() or the destructor.
  virtual void query(const std::string& name, std::function<void(DnsAnswer)> done) = 0;

  /// Waits until a socket or `wake_fd` is readable or `most` is over, then handles what came. Does not read
  /// `wake_fd`.
  virtual void run(int wake_fd, Millis most) = 0;
};

}  // namespace sandgate::control
