// A byte stream to the host of a URL, with TLS and proxy as for any request: curl connects, we speak.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "client/http.h"

namespace sandgate::client {

/// Loop thread only.
class RawConnection : public Transfer {
 public:
  /// Of `request` only the URL, TLS and proxy are used.
  RawConnection(Engine& engine, const HttpRequest& request);
  ~RawConnection();

  /// Waits for the connection. An Error of the scope, or Errc::transport.
  Task<Result<void>> connect(Scope& scope);

  enum class Io : uint8_t { kDone, kAgain, kClosed };
  /// Appends what has come, at most 64 KiB.
  Io receive(std::string& into);
  /// Sends a part of `bytes` and says how much.
  Io send(std::string_view bytes, size_t& sent);
  Signal& readable() { return watch_->readable(); }
  Signal& writable() { return watch_->writable(); }

 private:
  std::unique_ptr<Watch> watch_;
};

}  // namespace sandgate::client
