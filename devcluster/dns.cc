#include "devcluster/dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/strings.h"

namespace sandgate::devcluster {
namespace {

constexpr std::string_view kZone = ".svc.cluster.local";
constexpr uint16_t kTypeA = 1;
constexpr uint16_t kTypeAny = 255;
constexpr uint16_t kClassIn = 1;
constexpr size_t kHeadSize = 12;
constexpr size_t kRecordsMax = 24;  // fit into 512 bytes
constexpr uint32_t kTtl = 5;

enum Rcode : uint8_t { kNoError = 0, kFormatError = 1, kNoName = 3, kNotImplemented = 4, kRefused = 5 };

uint16_t number16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 | static_cast<unsigned char>(bytes[at + 1]));
}

void add16(std::string& out, size_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}

/// Labels from `at` on, joined by dots, in lower case; `at` is moved behind them. Nothing for compression or nonsense.
std::optional<std::string> read_name(std::string_view bytes, size_t& at) {
  std::string name;
  while (at < bytes.size()) {
    const auto size = static_cast<unsigned char>(bytes[at++]);
    if (size == 0) return name;
    if (size > 63 || at + size > bytes.size() || name.size() > 255) return std::nullopt;
    if (!name.empty()) name += '.';
    for (const char c : bytes.substr(at, size)) name += to_lower(c);
    at += size;
  }
  return std::nullopt;
}

std::string head_of(std::string_view query, Rcode code, size_t answers, bool with_question) {
  std::string out(query.substr(0, 2));
  const bool recursion = (static_cast<unsigned char>(query[2]) & 1) != 0;
  out += static_cast<char>(0x84 | (recursion ? 1 : 0));  // an authoritative response
  out += static_cast<char>(code);
  add16(out, with_question ? 1 : 0);
  add16(out, answers);
  add16(out, 0);
  add16(out, 0);
  return out;
}

}  // namespace

std::string dns_answer(std::string_view query,
                       const std::function<std::vector<IpAddress>(const std::string&)>& look_up) {
  if (query.size() < kHeadSize || (static_cast<unsigned char>(query[2]) & 0x80) != 0) return {};
  if ((static_cast<unsigned char>(query[2]) >> 3 & 15) != 0) return head_of(query, kNotImplemented, 0, false);
  size_t at = kHeadSize;
  const auto name = number16(query, 4) == 1 ? read_name(query, at) : std::nullopt;
  if (!name || at + 4 > query.size()) return head_of(query, kFormatError, 0, false);
  const uint16_t type = number16(query, at);
  const uint16_t cls = number16(query, at + 2);
  const std::string_view question = query.substr(kHeadSize, at + 4 - kHeadSize);
  if (cls != kClassIn || !name->ends_with(kZone)) return head_of(query, kRefused, 0, true) + std::string(question);
  const auto addresses = look_up(name->substr(0, name->size() - kZone.size()));
  if (addresses.empty()) return head_of(query, kNoName, 0, true) + std::string(question);
  const bool wanted = type == kTypeA || type == kTypeAny;
  std::string records;
  size_t count = 0;
  for (const IpAddress& address : addresses) {
    if (!wanted || !address.is_v4() || count == kRecordsMax) continue;
    ++count;
    add16(records, 0xc000 | kHeadSize);  // the question's name
    add16(records, kTypeA);
    add16(records, kClassIn);
    add16(records, kTtl >> 16);
    add16(records, kTtl & 0xffff);
    add16(records, 4);
    add16(records, address.v4_bits() >> 16);
    add16(records, address.v4_bits() & 0xffff);
  }
  return head_of(query, kNoError, count, true) + std::string(question) + records;
}

Result<std::unique_ptr<DnsServer>> DnsServer::create(Store& store, const Endpoint& at) {
  const auto failed = [&](const char* what) {
    return fail("DNS on " + at.to_string() + ": " + what + ": " + std::strerror(errno));
  };
  if (!at.address.is_v4()) return fail("DNS on " + at.to_string() + ": an IPv4 address is needed");
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return failed("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(at.port);
  address.sin_addr.s_addr = htonl(at.address.v4_bits());
  socklen_t size = sizeof address;
  if (::bind(socket, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    auto error = failed("bind");
    ::close(socket);
    return error;
  }
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  if (stop < 0) {
    auto error = failed("eventfd");
    ::close(socket);
    return error;
  }
  return std::unique_ptr<DnsServer>(new DnsServer(store, socket, stop, Endpoint{at.address, ntohs(address.sin_port)}));
}

DnsServer::DnsServer(Store& store, int socket, int stop, const Endpoint& local)
    : store_(store), socket_(socket), stop_(stop), local_(local) {
  store_.add_listener(*this);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);  // signals are the main thread's
  thread_ = std::thread([this] { serve(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

DnsServer::~DnsServer() {
  store_.remove_listener(*this);
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_, &one, sizeof one);
  thread_.join();
  ::close(stop_);
  ::close(socket_);
}

void DnsServer::on_store_event(const ResourceType& type, const StoreEvent& event) {
  if (&type != &store_.types().endpoint_slice()) return;
  const Json slice = event.object->json();
  const std::string service = text_at(slice, {"metadata", "labels", "kubernetes.io/service-name"});
  if (service.empty()) return;
  std::vector<IpAddress> addresses;
  if (event.type != EventType::kDeleted) {
    for (const Json& endpoint : array_at(slice, {"endpoints"})) {
      if (!flag_at(endpoint, {"conditions", "ready"}, true)) continue;
      for (const Json& text : array_at(endpoint, {"addresses"})) {
        const auto address = IpAddress::parse(text.is_string() ? text.get<std::string>() : "");
        if (address) addresses.push_back(*address);
      }
    }
  }
  const std::scoped_lock lock(mutex_);
  if (addresses.empty()) {
    names_.erase(service + "." + event.object->ns);
  } else {
    names_[service + "." + event.object->ns] = std::move(addresses);
  }
}

void DnsServer::serve() {
  std::array<char, 1500> buffer;
  std::array<pollfd, 2> wanted{{{socket_, POLLIN, 0}, {stop_, POLLIN, 0}}};
  for (;;) {
    if (::poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) return;
    if (wanted[1].revents != 0) return;
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t n = ::recvfrom(socket_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n <= 0) continue;
    const std::string answer = dns_answer({buffer.data(), static_cast<size_t>(n)}, [this](const std::string& name) {
      const std::scoped_lock lock(mutex_);
      const auto found = names_.find(name);
      return found == names_.end() ? std::vector<IpAddress>() : found->second;
    });
    // An answer that is lost is asked for again.
    if (!answer.empty()) ::sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
}

}  // namespace sandgate::devcluster
