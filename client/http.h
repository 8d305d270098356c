// Whole exchanges over Transfer, and small helpers every request needs.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "client/transfer.h"

namespace sandgate::client {

/// An answer, or the reason why there is none.
struct Reply {
  int status = 0;  ///< 0: none
  Headers headers = {};
  std::string body = {};
  Broken broken = Broken::kNo;
  std::string what_broke = {};
  bool sent = false;  ///< some byte of the request may have arrived
  bool over = false;  ///< the scope ended first
};

/// Sends the request and waits for the whole answer. The request must outlive the task.
Task<Reply> exchange(Scope& scope, const HttpRequest& request);

/// Until the head of the answer is there, the transfer has ended, or the scope is over (false).
Task<bool> wait_head(Scope& scope, Transfer& transfer);
/// Until bytes wait, the transfer has ended, or the scope is over (false).
Task<bool> wait_bytes(Scope& scope, Transfer& transfer);
/// Until there is room for another piece of the body, the transfer has ended, or the scope is over (false).
Task<bool> wait_room(Scope& scope, Transfer& transfer);
Task<bool> wait_end(Scope& scope, Transfer& transfer);

inline constexpr size_t kErrorBodyBytesMax = 64 * 1024;

/// An Error with this code and text and nothing else.
inline Error make_error(Errc code, std::string message) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  return error;
}

/// The answer carries one of the headers that Sandgate's routers alone set, X-Sandgate-….
bool marked_by_sandgate(const Headers& headers);
/// "sandgate-client/1.2.3"
std::string user_agent();

/// Random lower-case hex digits, for names and ids. Not for secrets. Any thread.
std::string random_hex(size_t digits);
/// Uniform in [0, 1). Any thread.
double random_unit();

/// Seconds until a Retry-After moment: a number of seconds or an HTTP date; nothing when it is neither.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value);

/// A file's content with blanks at both ends taken off; at most 1 MiB.
Result<std::string> read_small_file(const std::string& path);

/// Milliseconds as decimal seconds without needless digits: "60", "12.5".
std::string decimal_seconds(std::chrono::milliseconds time);

}  // namespace sandgate::client
