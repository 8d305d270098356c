// The TLS side of a Redis connection (OpenSSL 3), without a socket of its own: bytes go in, bytes come out. Whoever
// owns the socket moves them, so deadlines and stopping stand in one place.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sandgate::control {

/// One connection, client side, TLS 1.2 or newer. The certificate must lead to an authority of the system
/// (SSL_CERT_FILE and SSL_CERT_DIR count) and name the host. One owner, not thread safe.
class RedisTls {
 public:
  /// `host` is a name, sent as SNI, or an address.
  static Result<std::unique_ptr<RedisTls>> create(const std::string& host);
  ~RedisTls();
  RedisTls(const RedisTls&) = delete;
  RedisTls& operator=(const RedisTls&) = delete;

  /// What came from the server.
  void take_in(std::string_view bytes);
  /// What must be sent to the server; empty: nothing. Call it after each of the others.
  std::string take_out();

  /// One step; true when the handshake is complete, false when it needs more bytes.
  Result<bool> handshake();
  /// Encrypts. Only after the handshake.
  Result<void> write(std::string_view bytes);
  /// Decrypts into `out`; 0: more bytes are needed. The end of the stream is an error.
  Result<size_t> read(std::span<char> out);

 private:
  struct State;
  explicit RedisTls(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sandgate::control
