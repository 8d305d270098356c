// Is this request a WebSocket handshake, and a valid one? (RFC 6455 4.1, 4.2.1; contract sandbox-router 3.1.)
// And is this 101 the answer to it? Pure; names and values are given one field at a time, so no head model is
// needed.
#pragma once

#include <cstdint>
#include <string_view>

namespace sandgate::http::ws {

enum class HandshakeVerdict : uint8_t {
  kNotAsked,  ///< no WebSocket wanted: ordinary HTTP, with Upgrade dropped
  kOk,
  kBadMethod,   ///< not GET
  kBadVersion,  ///< not exactly one Sec-WebSocket-Version field with the value 13
  kBadKey,      ///< not exactly one Sec-WebSocket-Key field with 16 bytes in base64
};

/// 400, or 426 (to be sent with `Sec-WebSocket-Version: 13`) for kBadVersion; 0 for kNotAsked and kOk.
uint16_t status_of(HandshakeVerdict verdict);

/// 24 characters of base64 that stand for 16 bytes. The unused low bits of the last character may be
/// anything: the RFC's own example key (4.1, `AQIDBAUGBwgJCgsMDQ4PEC==`) has them set.
bool is_handshake_key(std::string_view key);

/// Is `token` an item of this comma-separated list, in any case? Without allocation.
bool has_token(std::string_view list, std::string_view token);

/// Collects the fields of a request. Keeps views: the values must outlive it.
class HandshakeRequest {
 public:
  /// `http_1_1`: the request came as HTTP/1.1 (an Upgrade in a 1.0 request is ignored: RFC 9110 7.8).
  HandshakeRequest(std::string_view method, bool http_1_1) : method_(method), http_1_1_(http_1_1) {}

  /// Every field of the head, in any order; others than the handshake's are ignored.
  void field(std::string_view name, std::string_view value);

  HandshakeVerdict verdict() const;
  /// Trimmed; set when the verdict is kOk. The answer must carry crypto::websocket_accept(key()).
  std::string_view key() const { return key_; }

 private:
  std::string_view method_;
  std::string_view key_;
  std::string_view version_;
  uint16_t keys_ = 0;
  uint16_t versions_ = 0;
  bool http_1_1_;
  bool upgrade_ = false;
  bool connection_ = false;
};

/// Collects the fields of a 101. A tunnel may begin only when ok() (threat model 1, row 23).
class HandshakeAnswer {
 public:
  /// `expected_accept`: crypto::websocket_accept of the key that was sent; must outlive this object.
  explicit HandshakeAnswer(std::string_view expected_accept) : expected_accept_(expected_accept) {}

  void field(std::string_view name, std::string_view value);

  /// Upgrade and Connection say websocket and Sec-WebSocket-Accept is there once and as expected (RFC
  /// 6455 4.1).
  bool ok() const { return upgrade_ && connection_ && accepts_ == 1 && accepted_; }
  /// An extension was agreed on: Watcher::Rules::extensions.
  bool extensions() const { return extensions_; }

 private:
  std::string_view expected_accept_;
  uint16_t accepts_ = 0;
  bool accepted_ = false;
  bool upgrade_ = false;
  bool connection_ = false;
  bool extensions_ = false;
};

}  // namespace sandgate::http::ws
