// Life-cycle log: start, stop, what was loaded, what went wrong. JSON lines beside those of the access log.
// Not for the request path.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "observe/log_writer.h"
#include "observe/timestamp.h"

namespace sandgate::observe {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };
std::string_view level_name(LogLevel level);
std::optional<LogLevel> parse_level(std::string_view name);

/// A key and its value in a log line. Keys are literals of ours; values may come from anywhere.
struct LogField {
  std::string_view key;
  std::variant<std::string_view, int64_t, uint64_t, double, bool> value;
};

/// Thread safe; its sink may be one ring.
class Logger {
 public:
  Logger(LogSink& sink, LogLevel least) : sink_(sink), least_(least) {}

  /// Writes the line when `level` is at least the logger's. Strings are cut at 4096 bytes.
  void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
  void debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::kDebug, message, fields);
  }
  void info(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::kInfo, message, fields);
  }
  void warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::kWarn, message, fields);
  }
  void error(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::kError, message, fields);
  }

 private:
  LogSink& sink_;
  const LogLevel least_;
  std::mutex mutex_;
  Timestamp timestamp_;
  std::string line_;
};

/// At most one line in `interval`; tells how many were held back since. One owner, not thread safe.
class RateLimit {
 public:
  explicit RateLimit(Nanos interval) : interval_(interval) {}
  /// The number held back since the last line that was let through, when this one may be written; else
  /// nothing.
  std::optional<uint64_t> allow(MonoTime now);

 private:
  const Nanos interval_;
  bool any_ = false;
  MonoTime last_{};
  uint64_t held_back_ = 0;
};

}  // namespace sandgate::observe
