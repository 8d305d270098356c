// Writing small JSON bodies.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sandgate::kube {

/// `"text"` with what RFC 8259 section 7 wants escaped.
inline std::string json_quoted(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

inline std::string json_array(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ',';
    out += json_quoted(text);
  }
  return out + "]";
}

}  // namespace sandgate::kube
