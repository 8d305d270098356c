// What a program may watch: spans, counters and log lines. All of it is optional; a method that is not overridden does
// nothing.
//
// Calls come from the client's loop thread and, for the clean-up in destructors, from the thread that destroys. They
// must not block and must not throw. No text given here holds tokens, values of extra_headers or env, command text or
// file contents.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace sandgate {
inline namespace v1 {

/// One finished piece of work. Names are those of the other agent-sandbox clients, without their prefix: "run",
/// "create_claim", …
struct Span {
  std::string name;
  std::string trace_id;   ///< 32 hex digits
  std::string span_id;    ///< 16 hex digits
  std::string parent_id;  ///< 16 hex digits; empty for a root
  std::chrono::system_clock::time_point begin, end;
  bool failed = false;
  std::string error;                              ///< the error's code and message, when failed
  std::map<std::string, std::string> attributes;  ///< sandbox.claim.name, sandbox.exit_code, sandbox.request_id, …
};

enum class LogLevel : std::uint8_t { debug, info, warn, error };

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void span(const Span&) {}
  /// A counter rises. Labels are few-valued: operation, code, mode, status.
  virtual void count(std::string_view, const std::map<std::string, std::string>&, std::uint64_t) {}
  /// A duration in milliseconds for a histogram.
  virtual void latency_ms(std::string_view, const std::map<std::string, std::string>&, double) {}
  virtual void log(LogLevel, std::string_view) {}
};

}  // namespace v1
}  // namespace sandgate
