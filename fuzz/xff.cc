// The client behind trusted proxies: whatever X-Forwarded-For holds, its lines count as one list, what a
// trusted proxy adds on the right decides, and the key is short and never empty.
//
// Input: byte 0 = bit 0 the peer is trusted; rest = field lines, parted by line feeds.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/ip_address.h"
#include "policy/client_key.h"

namespace {

using sandgate::IpAddress;
using sandgate::IpNetwork;
using sandgate::policy::Client;
using sandgate::policy::client_key;
using sandgate::policy::find_client;
using sandgate::policy::kClientKeyBytesMax;
using sandgate::policy::TrustedProxies;

bool same(const Client& a, const Client& b) { return a.address == b.address && a.other == b.other; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  static const TrustedProxies trusted({*IpNetwork::parse("10.0.0.0/8"), *IpNetwork::parse("fd00::/8")});
  const IpAddress peer = *IpAddress::parse((data[0] & 1) != 0 ? "10.0.0.5" : "192.0.2.7");

  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<std::string_view> lines;
  for (std::string_view rest = text;;) {
    const size_t end = rest.find('\n');
    lines.push_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  const Client client = find_client(peer, lines, trusted);
  const std::string key = client_key(client);
  SG_ASSERT(!key.empty() && key.size() <= kClientKeyBytesMax);
  SG_ASSERT(client.address.has_value() != !client.other.empty());
  if ((data[0] & 1) == 0) {
    SG_ASSERT(client.address == peer);
    return 0;
  }

  std::string joined = text;
  for (char& c : joined) c = c == '\n' ? ',' : c;
  const std::string_view one_line = joined;
  SG_ASSERT(same(find_client(peer, {&one_line, 1}, trusted), client));

  lines.emplace_back(" , ,\t");
  SG_ASSERT(same(find_client(peer, lines, trusted), client));
  lines.emplace_back("203.0.113.10");
  SG_ASSERT(client_key(find_client(peer, lines, trusted)) == "203.0.113.10");
  lines.back() = "[fd01::1]:80, 10.1.2.3";
  const Client longer = find_client(peer, lines, trusted);
  // Only the peer's own stand-in (an empty list) and the leftmost of all-trusted lists may change.
  if (!client.address || !trusted.contains(*client.address)) SG_ASSERT(same(longer, client));
  return 0;
}
