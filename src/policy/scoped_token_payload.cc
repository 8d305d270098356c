#include "policy/scoped_token_payload.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace sandgate::policy {
namespace {

constexpr size_t kDepthMax = 8;
constexpr size_t kTextBytesMax = 1024;

/// Reads JSON front to back. Every function answers false when the text is not what it looks for.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  /// Takes blanks, then `c`.
  bool take(char c) {
    skip_blanks();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }

  bool text(std::string& out) {
    out.clear();
    if (!take('"')) return false;
    while (!rest_.empty() && out.size() <= kTextBytesMax) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<uint8_t>(c) < 0x20) return false;
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }

  bool integer(int64_t& out) {
    skip_blanks();
    size_t size = !rest_.empty() && rest_.front() == '-' ? 1 : 0;
    const size_t first = size;
    while (size < rest_.size() && is_digit(rest_[size])) ++size;
    if (size == first || (size - first > 1 && rest_[first] == '0')) return false;
    if (size < rest_.size() && std::string_view(".eE").find(rest_[size]) != std::string_view::npos) return false;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + size, out);
    if (error != std::errc{} || end != rest_.data() + size) return false;
    rest_.remove_prefix(size);
    return true;
  }

  bool texts(std::vector<std::string>& out, size_t max) {
    out.clear();
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      if (out.size() == max || !text(out.emplace_back())) return false;
    } while (take(','));
    return take(']');
  }

  /// Any value, which is dropped.
  bool skip(size_t depth = 0) {
    skip_blanks();
    if (rest_.empty() || depth > kDepthMax) return false;
    std::string scratch;
    switch (rest_.front()) {
      case '"':
        return text(scratch);
      case '[':
        rest_.remove_prefix(1);
        if (take(']')) return true;
        do {
          if (!skip(depth + 1)) return false;
        } while (take(','));
        return take(']');
      case '{':
        rest_.remove_prefix(1);
        if (take('}')) return true;
        do {
          if (!text(scratch) || !take(':') || !skip(depth + 1)) return false;
        } while (take(','));
        return take('}');
      default:
        return skip_word();
    }
  }

 private:
  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  /// A number, true, false or null.
  bool skip_word() {
    for (const std::string_view word : {"true", "false", "null"}) {
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return true;
    }
    size_t size = 0;
    bool digit = false;
    while (size < rest_.size() &&
           (is_digit(rest_[size]) || std::string_view("+-.eE").find(rest_[size]) != std::string_view::npos)) {
      digit = digit || is_digit(rest_[size]);
      ++size;
    }
    rest_.remove_prefix(size);
    return digit;
  }

  std::optional<uint32_t> hex4() {
    if (rest_.size() < 4) return std::nullopt;
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + 4, value, 16);
    if (error != std::errc{} || end != rest_.data() + 4) return std::nullopt;
    rest_.remove_prefix(4);
    return value;
  }

  bool escape(std::string& out) {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kBytes = "\"\\/\b\f\n\r\t";
    if (const size_t at = kNames.find(c); at != std::string_view::npos) {
      out += kBytes[at];
      return true;
    }
    if (c != 'u') return false;
    const auto code = hex4();
    // Nothing a claim may hold lies outside ASCII, so nobody needs more; a name with it is refused later anyway.
    if (!code || *code > 0x7f) return false;
    out += static_cast<char>(*code);
    return true;
  }

  std::string_view rest_;
};

/// One member; false when its value is of another type or out of range.
bool read_member(Reader& reader, std::string_view key, TokenClaims& claims) {
  if (key == "ns") return reader.text(claims.ns);
  if (key == "name") return reader.text(claims.name);
  if (key == "exp") return reader.integer(claims.expires_s);
  if (key == "kid") return reader.text(claims.key_id) && !claims.key_id.empty();
  if (key == "uid") return reader.text(claims.uid) && !claims.uid.empty();
  if (key == "path") return reader.text(claims.path) && claims.path.starts_with('/');
  if (key == "methods") {
    // "no method at all" is nobody's wish, and an empty list means "any" in here.
    return reader.texts(claims.methods, kTokenMethodsMax) && !claims.methods.empty();
  }
  int64_t port = 0;
  if (!reader.integer(port) || port < 1 || port > 65535) return false;
  claims.port = static_cast<uint16_t>(port);
  return true;
}

void append_text(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (static_cast<uint8_t>(c) < 0x20) {
      out.append("\\u00").append({kHex[static_cast<uint8_t>(c) >> 4], kHex[static_cast<uint8_t>(c) & 15]});
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

Result<TokenClaims> read_token_payload(std::string_view json, OtherClaims others) {
  if (json.size() > kTokenPayloadBytesMax) {
    return fail("the payload is longer than " + std::to_string(kTokenPayloadBytesMax) + " bytes");
  }
  constexpr std::string_view kNames[] = {"ns", "name", "exp", "kid", "uid", "port", "methods", "path"};
  TokenClaims claims;
  Reader reader(json);
  if (!reader.take('{')) return fail("the payload is no JSON object");
  unsigned seen = 0;
  std::string key;
  bool empty = reader.take('}');
  while (!empty) {
    if (!reader.text(key) || !reader.take(':')) return fail("the payload is broken before a value");
    const auto* const known = std::find(std::begin(kNames), std::end(kNames), key);
    if (known == std::end(kNames)) {
      if (others == OtherClaims::kRefused) return fail("unknown member \"" + key + "\"");
      if (!reader.skip()) return fail("the value of \"" + key + "\" is broken");
    } else {
      const unsigned bit = 1u << (known - std::begin(kNames));
      if ((seen & bit) != 0) return fail("\"" + key + "\" stands twice");
      seen |= bit;
      // v1 knows only the first three; what it ignores may hold anything.
      const bool ignored = others == OtherClaims::kIgnored && known - std::begin(kNames) > 2;
      if (ignored ? !reader.skip() : !read_member(reader, key, claims)) {
        return fail("the value of \"" + key + "\" is not accepted");
      }
    }
    if (reader.take('}')) break;
    if (!reader.take(',')) return fail("the payload is broken behind \"" + key + "\"");
  }
  if (!reader.at_end()) return fail("there is something behind the payload's object");
  return claims;
}

std::string write_token_payload(const TokenClaims& claims) {
  std::string out;
  const auto name = [&out](std::string_view key) { out.append(out.empty() ? "{\"" : ",\"").append(key).append("\":"); };
  const auto text = [&](std::string_view key, const std::string& value) {
    if (value.empty()) return;
    name(key);
    append_text(out, value);
  };
  text("kid", claims.key_id);
  text("ns", claims.ns);
  text("name", claims.name);
  text("uid", claims.uid);
  if (claims.port != 0) {
    name("port");
    out.append(std::to_string(claims.port));
  }
  if (!claims.methods.empty()) {
    name("methods");
    for (size_t i = 0; i < claims.methods.size(); ++i) {
      out += i == 0 ? '[' : ',';
      append_text(out, claims.methods[i]);
    }
    out += ']';
  }
  text("path", claims.path);
  name("exp");
  out.append(std::to_string(claims.expires_s)).append("}");
  return out;
}

}  // namespace sandgate::policy
