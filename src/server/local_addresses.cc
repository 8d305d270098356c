#include "server/local_addresses.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace sandgate::server {

std::vector<IpAddress> local_addresses() {
  std::vector<IpAddress> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr) continue;
    if (i->ifa_addr->sa_family == AF_INET) {
      sockaddr_in v4{};
      std::memcpy(&v4, i->ifa_addr, sizeof v4);
      found.push_back(IpAddress::v4(ntohl(v4.sin_addr.s_addr)));
    } else if (i->ifa_addr->sa_family == AF_INET6) {
      std::array<uint8_t, 16> bytes{};
      std::memcpy(bytes.data(), reinterpret_cast<const char*>(i->ifa_addr) + offsetof(sockaddr_in6, sin6_addr), 16);
      found.push_back(IpAddress::v6(bytes));
    }
  }
  ::freeifaddrs(list);
  return found;
}

}  // namespace sandgate::server
