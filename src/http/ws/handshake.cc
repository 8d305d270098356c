#include "http/ws/handshake.h"

#include "base/strings.h"

namespace sandgate::http::ws {
namespace {

bool is_base64_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '+' || c == '/';
}

/// Two stands for "too many", so that no number of repeats can wrap back to one.
void count_one(uint16_t& counter) {
  if (counter < 2) ++counter;
}

}  // namespace

uint16_t status_of(HandshakeVerdict verdict) {
  switch (verdict) {
    case HandshakeVerdict::kNotAsked:
    case HandshakeVerdict::kOk:
      return 0;
    case HandshakeVerdict::kBadVersion:
      return 426;
    case HandshakeVerdict::kBadMethod:
    case HandshakeVerdict::kBadKey:
      return 400;
  }
  return 400;
}

bool is_handshake_key(std::string_view key) {
  if (key.size() != 24 || !key.ends_with("==")) return false;
  for (char c : key.substr(0, 22)) {
    if (!is_base64_char(c)) return false;
  }
  return true;
}

bool has_token(std::string_view list, std::string_view token) {
  bool found = false;
  for_each_list_item(list, [&](std::string_view item) { found = found || iequals(item, token); });
  return found;
}

void HandshakeRequest::field(std::string_view name, std::string_view value) {
  if (iequals(name, "upgrade")) {
    upgrade_ = upgrade_ || has_token(value, "websocket");
  } else if (iequals(name, "connection")) {
    connection_ = connection_ || has_token(value, "upgrade");
  } else if (iequals(name, "sec-websocket-key")) {
    count_one(keys_);
    key_ = trim_blanks(value);
  } else if (iequals(name, "sec-websocket-version")) {
    count_one(versions_);
    version_ = trim_blanks(value);
  }
}

HandshakeVerdict HandshakeRequest::verdict() const {
  if (!http_1_1_ || !upgrade_ || !connection_) return HandshakeVerdict::kNotAsked;
  if (method_ != "GET") return HandshakeVerdict::kBadMethod;
  if (versions_ != 1 || version_ != "13") return HandshakeVerdict::kBadVersion;
  if (keys_ != 1 || !is_handshake_key(key_)) return HandshakeVerdict::kBadKey;
  return HandshakeVerdict::kOk;
}

void HandshakeAnswer::field(std::string_view name, std::string_view value) {
  if (iequals(name, "upgrade")) {
    upgrade_ = upgrade_ || has_token(value, "websocket");
  } else if (iequals(name, "connection")) {
    connection_ = connection_ || has_token(value, "upgrade");
  } else if (iequals(name, "sec-websocket-accept")) {
    count_one(accepts_);
    accepted_ = trim_blanks(value) == expected_accept_;
  } else if (iequals(name, "sec-websocket-extensions")) {
    extensions_ = extensions_ || !trim_blanks(value).empty();
  }
}

}  // namespace sandgate::http::ws
