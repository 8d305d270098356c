// For tests: a small HTTP server over plain sockets, with TLS if wanted, one thread a connection. The test says what
// happens on each connection. It is defined in http_test_server_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace sandgate::kube::testing {

struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;
};

/// A new key with a certificate for `name` (also as subjectAltName; an IP address as such), signed by `issuer`, or by
/// itself as a certificate authority.
KeyPair make_certificate(const std::string& name, const KeyPair* issuer = nullptr);

/// One accepted connection.
class Peer {
 public:
  Peer(int fd, void* tls) : fd_(fd), tls_(tls) {}
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// Head and body (by Content-Length) of the next request; empty when the client has closed.
  std::string read_request();
  /// False when the client is gone.
  bool write(std::string_view text);
  /// Blocks until the client has closed.
  void wait_for_close();

 private:
  int fd_;
  void* tls_;  ///< an SSL, or null
  std::string buffer_;
};

std::string response(int status, const std::string& body, const std::string& headers = "");
/// A chunk of a chunked body.
std::string chunk(const std::string& body);

class HttpTestServer {
 public:
  using Handler = std::function<void(Peer&)>;

  /// On loopback, on a free port unless one is named. With `identity` it speaks TLS; with `client_ca_pem` too, only
  /// with clients of that authority.
  explicit HttpTestServer(Handler handler, const KeyPair* identity = nullptr, const std::string& client_ca_pem = "",
                          uint16_t port = 0);
  ~HttpTestServer();
  HttpTestServer(const HttpTestServer&) = delete;
  HttpTestServer& operator=(const HttpTestServer&) = delete;

  uint16_t port() const { return port_; }
  std::string address() const;
  int connections() const { return connections_; }
  /// Connections whose TLS handshake was done.
  int served() const { return served_; }

 private:
  void accept_all();
  void serve(int fd);
  void forget(int fd);

  Handler handler_;
  void* tls_ = nullptr;  ///< an SSL_CTX, or null
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<int> connections_{0}, served_{0};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> workers_;
  std::thread thread_;
};

}  // namespace sandgate::kube::testing
