#include "load_options.h"

#include <arpa/inet.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <utility>

namespace yardstick {
namespace {

constexpr std::pair<std::string_view, Mode> kModes[] = {
    {"get", Mode::kGet},   {"conn", Mode::kConnect},         {"ws", Mode::kWebSocket},
    {"idle", Mode::kIdle}, {"idlews", Mode::kIdleWebSocket}, {"ul", Mode::kUpload},
    {"tls", Mode::kTls},   {"hs", Mode::kHandshake}};

[[noreturn]] void usage_error(const std::string& what) {
  std::fprintf(stderr, "loadgen: %s\n", what.c_str());
  std::exit(2);
}

Mode parse_mode(const std::string& name) {
  for (const auto& [known, mode] : kModes) {
    if (known == name) return mode;
  }
  usage_error("--mode " + name + " is not one of get conn ws idle idlews ul tls hs");
}

double parse_number(const std::string& name, const std::string& text, double low, double high) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !(value >= low && value <= high)) {
    usage_error(name + " " + text + " is not a number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return value;
}

std::vector<pid_t> parse_pids(const std::string& text) {
  std::vector<pid_t> pids;
  std::istringstream list(text);
  for (std::string one; std::getline(list, one, ',');) {
    pids.push_back(static_cast<pid_t>(parse_number("--pids", one, 1, 4194304)));
  }
  return pids;
}

// The address of sandbox number i; run.py gives the same to the proxies.
std::string sandbox_address(int i) {
  return "127." + std::to_string(1 + (i >> 16)) + "." + std::to_string((i >> 8) & 255) + "." + std::to_string(i & 255);
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  options.destination.sin_family = AF_INET;
  options.destination.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 == argc) usage_error(name + " needs a value");
    const std::string value = argv[i + 1];
    const auto number = [&](double low, double high) { return parse_number(name, value, low, high); };
    if (name == "--mode")
      options.mode = parse_mode(value);
    else if (name == "--port")
      options.destination.sin_port = htons(static_cast<uint16_t>(number(1, 65535)));
    else if (name == "--conns")
      options.connections = static_cast<int>(number(1, 19900));
    else if (name == "--sandboxes")
      options.sandboxes = static_cast<int>(number(1, 1000000));
    else if (name == "--secs")
      options.seconds = number(0.05, 3600);
    else if (name == "--warm")
      options.warm_seconds = number(0, 3600);
    else if (name == "--ulsize")
      options.upload_bytes = static_cast<uint64_t>(number(1, 1e15));
    else if (name == "--path")
      options.path = value;
    else if (name == "--podip")
      options.pod_ip_header = number(0, 1) > 0;
    else if (name == "--pids")
      options.pids = parse_pids(value);
    else
      usage_error("unknown option " + name);
  }
  if (options.destination.sin_port == 0) usage_error("--port is missing");
  return options;
}

std::vector<std::string> make_requests(const Options& options) {
  std::vector<std::string> requests;
  for (int i = 1; i <= options.sandboxes; ++i) {
    const bool upload = options.mode == Mode::kUpload;
    std::string head = upload ? "POST /sink" : options.upgrades() ? "GET /ws" : "GET " + options.path;
    head +=
        " HTTP/1.1\r\n"
        "Host: gateway.example.internal\r\n"
        "User-Agent: python-httpx/0.27.0\r\n"
        "Accept: */*\r\n"
        "Accept-Encoding: gzip, deflate\r\n"
        "X-Request-ID: 6f1c0c52-3c1f-4c0e-9a53-2c8a1de0b1aa\r\n"
        "Content-Type: application/json\r\n"
        "Authorization: Bearer 0123456789abcdef0123456789abcdef01234567\r\n"
        "X-Sandbox-ID: sb" +
        std::to_string(i) +
        "\r\n"
        "X-Sandbox-Namespace: default\r\n"
        "X-Sandbox-Port: 9000\r\n";
    if (options.pod_ip_header) head += "X-Sandbox-Pod-IP: " + sandbox_address(i) + "\r\n";
    if (options.upgrades()) {
      head +=
          "Connection: Upgrade\r\n"
          "Upgrade: websocket\r\n"
          "Sec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    }
    if (upload) head += "Content-Length: " + std::to_string(options.upload_bytes) + "\r\n";
    requests.push_back(head + "\r\n");
  }
  return requests;
}

}  // namespace yardstick
