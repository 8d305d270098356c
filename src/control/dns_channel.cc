#include "control/dns_channel.h"

#include <ares.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <string_view>

#include "base/strings.h"

namespace sandgate::control {
namespace {

constexpr size_t kAnswersMax = 64;
// Largest answer by UDP that no common path has to cut into pieces (the figure of the 2020 DNS flag day).
constexpr int kUdpBytes = 1232;

std::string_view without_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

/// `name` is `domain` or below it.
bool is_within(std::string_view name, std::string_view domain) {
  name = without_dot(name);
  if (domain.empty() || iequals(name, domain)) return true;
  return name.size() > domain.size() && name[name.size() - domain.size() - 1] == '.' &&
         iequals(name.substr(name.size() - domain.size()), domain);
}

std::optional<IpAddress> address_of(const ares_addrinfo_node& node) {
  if (node.ai_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, node.ai_addr, sizeof address);
    return IpAddress::v4(ntohl(address.sin_addr.s_addr));
  }
  if (node.ai_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, node.ai_addr, sizeof address);
    std::array<uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), address.sin6_addr.s6_addr, bytes.size());
    return IpAddress::v6(bytes);
  }
  return std::nullopt;
}

class AresChannel final : public DnsChannel {
 public:
  explicit AresChannel(const DnsOptions& options) : options_(options) {
    options_.domain = without_dot(options_.domain);
  }
  ~AresChannel() override {
    if (channel_ != nullptr) ares_destroy(channel_);  // calls back what is under way
  }
  AresChannel(const AresChannel&) = delete;
  AresChannel& operator=(const AresChannel&) = delete;

  Result<void> init() {
    static std::once_flag once;
    std::call_once(once, [] { ares_library_init(ARES_LIB_INIT_ALL); });
    ares_options o{};
    char dns_only[] = "b";
    o.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_EDNS;
    o.ednspsz = kUdpBytes;
    o.timeout = static_cast<int>(options_.first_wait.count());
    o.tries = options_.tries;
    o.lookups = dns_only;
    o.ndomains = 0;
    o.sock_state_cb = &AresChannel::on_socket;
    o.sock_state_cb_data = this;
    const int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                     ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB;
    int status = ares_init_options(&channel_, &o, mask);
    if (status == ARES_SUCCESS && options_.server) status = set_server(*options_.server);
    if (status != ARES_SUCCESS) return fail(std::string("DNS cannot be set up: ") + ares_strerror(status));
    return {};
  }

  void query(const std::string& name, std::function<void(DnsAnswer)> done) override {
    if (!is_dns_name(without_dot(name)) || !is_within(name, options_.domain)) {
      done(refused(DnsStatus::kFailed));
      return;
    }
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    // Sorting would open sockets towards the addresses to see which can be reached.
    hints.ai_flags = ARES_AI_NOSORT;
    auto* question = new Question{*this, std::move(done)};  // on_answer() takes it back
    const std::string absolute = std::string(without_dot(name)) + ".";
    ares_getaddrinfo(channel_, absolute.c_str(), nullptr, &hints, &AresChannel::on_answer, question);
  }

  void run(int wake_fd, Millis most) override {
    polled_.assign(sockets_.begin(), sockets_.end());
    polled_.push_back({.fd = wake_fd, .events = POLLIN, .revents = 0});
    timeval limit{};
    limit.tv_sec = most.count() / 1000;
    limit.tv_usec = (most.count() % 1000) * 1000;
    timeval store{};
    const timeval* wait = ares_timeout(channel_, &limit, &store);
    const auto millis = wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000;
    ::poll(polled_.data(), polled_.size(), static_cast<int>(millis));
    polled_.pop_back();
    for (const pollfd& p : polled_) {
      const bool readable = (p.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
      const bool writable = (p.revents & POLLOUT) != 0;
      if (readable || writable) {
        ares_process_fd(channel_, readable ? p.fd : ARES_SOCKET_BAD, writable ? p.fd : ARES_SOCKET_BAD);
      }
    }
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // what ran out of time
  }

 private:
  struct Question {
    AresChannel& channel;
    std::function<void(DnsAnswer)> done;
  };

  int set_server(const Endpoint& server) {
    ares_addr_port_node node{};
    node.udp_port = node.tcp_port = server.port;
    if (server.address.is_v4()) {
      node.family = AF_INET;
      node.addr.addr4.s_addr = htonl(server.address.v4_bits());
    } else {
      node.family = AF_INET6;
      std::memcpy(&node.addr.addr6, server.address.bytes().data(), server.address.bytes().size());
    }
    return ares_set_servers_ports(channel_, &node);
  }

  static void on_socket(void* self, ares_socket_t fd, int readable, int writable) {
    auto& sockets = static_cast<AresChannel*>(self)->sockets_;
    std::erase_if(sockets, [fd](const pollfd& p) { return p.fd == fd; });
    if (readable == 0 && writable == 0) return;
    const int events = (readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0);
    sockets.push_back({.fd = fd, .events = static_cast<short>(events), .revents = 0});
  }

  static void on_answer(void* argument, int status, int /*timeouts*/, ares_addrinfo* info) {
    const std::unique_ptr<Question> question(static_cast<Question*>(argument));
    const std::unique_ptr<ares_addrinfo, void (*)(ares_addrinfo*)> owner(info, &ares_freeaddrinfo);
    question->done(question->channel.answer(status, info));
  }

  DnsAnswer refused(DnsStatus status) const {
    return {.status = status, .addresses = {}, .ttl = options_.negative_ttl};
  }

  DnsAnswer answer(int status, const ares_addrinfo* info) const {
    switch (status) {
      case ARES_SUCCESS:
        break;
      case ARES_ENOTFOUND:
      case ARES_ENODATA:
        return refused(DnsStatus::kNotFound);
      case ARES_ETIMEOUT:
        return refused(DnsStatus::kTimeout);
      default:
        return refused(DnsStatus::kFailed);
    }
    Seconds ttl = std::chrono::ceil<Seconds>(options_.ttl_max);
    // RFC 2181 section 8: a TTL with the highest bit set means 0.
    const auto lower = [&ttl](int seconds) { ttl = std::min(ttl, Seconds(std::max(seconds, 0))); };
    for (const auto* alias = info->cnames; alias != nullptr; alias = alias->next) {
      if (alias->name == nullptr || !is_within(alias->name, options_.domain)) return refused(DnsStatus::kFailed);
      lower(alias->ttl);
    }
    DnsAnswer out{.status = DnsStatus::kOk, .addresses = {}, .ttl = {}};
    for (const auto* node = info->nodes; node != nullptr; node = node->ai_next) {
      lower(node->ai_ttl);
      const auto address = address_of(*node);
      if (address && std::ranges::find(out.addresses, *address) == out.addresses.end()) {
        out.addresses.push_back(*address);
      }
    }
    if (out.addresses.empty()) return refused(DnsStatus::kNotFound);
    std::ranges::stable_partition(out.addresses, [](const IpAddress& a) { return a.is_v4(); });
    if (out.addresses.size() > kAnswersMax) out.addresses.resize(kAnswersMax);
    out.ttl = std::min(Millis(ttl), options_.ttl_max);
    return out;
  }

  DnsOptions options_;
  ares_channel channel_ = nullptr;
  std::vector<pollfd> sockets_;
  std::vector<pollfd> polled_;
};

}  // namespace

Result<std::unique_ptr<DnsChannel>> DnsChannel::open(const DnsOptions& options) {
  auto channel = std::make_unique<AresChannel>(options);
  if (const auto ready = channel->init(); !ready) return tl::unexpected(ready.error());
  return channel;
}

}  // namespace sandgate::control
