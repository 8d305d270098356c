#include "server/listeners.h"

#include <unistd.h>

#include "base/strings.h"
#include "io/epoll_network.h"

namespace sandgate::server {
namespace {

constexpr Endpoint kAnyV6{};

void close_all(const std::vector<int>& fds) {
  for (int fd : fds) ::close(fd);
}

}  // namespace

Result<Endpoint> parse_bind_address(std::string_view text, std::string_view flag) {
  const auto bad = [&] {
    return fail(std::string(flag) + ": \"" + std::string(text) +
                "\" is not an address to listen on; accepted: HOST:PORT with an IP address (IPv6 in brackets) or "
                "localhost, or :PORT for every address; PORT 0 to 65535, 0 takes any free port");
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad();
  const auto port = parse_decimal<uint16_t>(text.substr(colon + 1));
  if (!port) return bad();
  if (colon == 0) return Endpoint{kAnyV6.address, *port};
  if (text.substr(0, colon) == "localhost") return Endpoint{IpAddress::v4(0x7f000001), *port};
  const auto endpoint = Endpoint::parse(text);
  if (!endpoint) return bad();
  return *endpoint;
}

Result<std::vector<int>> open_listeners(Endpoint at, unsigned count, std::string_view flag) {
  const auto explain = [&](const Error& error) {
    return fail(std::string(flag) + ": " + error.message +
                "; is another program, or another instance of this one, using it?");
  };
  // A first one that shares with nobody: SO_REUSEPORT would let a second instance slip in unnoticed.
  auto probe = io::open_listener(at, {.reuse_port = false});
  if (!probe && at == Endpoint{kAnyV6.address, at.port}) {
    at.address = IpAddress::v4(0);
    probe = io::open_listener(at, {.reuse_port = false});
  }
  if (!probe) return explain(probe.error());
  const auto bound = io::local_endpoint(*probe);
  ::close(*probe);
  if (!bound) return explain(bound.error());
  std::vector<int> fds;
  for (unsigned i = 0; i < count; ++i) {
    const auto fd = io::open_listener(*bound, {});
    if (!fd) {
      close_all(fds);
      return explain(fd.error());
    }
    fds.push_back(*fd);
  }
  return fds;
}

}  // namespace sandgate::server
