// Writing JSON text a piece at a time, without allocation once the buffer has grown. Nothing a client or a
// sandbox sent can end a line, forge a field or hide bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sandgate::observe {

/// Writes `text` as a JSON string with its quotes. Control characters (C0, DEL, C1), quote and backslash are
/// escaped, valid UTF-8 stays, every other byte becomes U+FFFD. At most `bytes_max` bytes of `text` are read;
/// what is cut is marked by three dots, and no character is cut in half. `out` must have room for
/// json_string_room(bytes_max); answers the end.
char* write_json_string(char* out, std::string_view text, size_t bytes_max);
inline constexpr size_t json_string_room(size_t bytes_max) { return 6 * bytes_max + 5; }

/// The same, appended.
void append_json_string(std::string& out, std::string_view text, size_t bytes_max);

}  // namespace sandgate::observe
