#include "observe/log.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "observe/json.h"

namespace sandgate::observe {
namespace {

constexpr size_t kStringMax = 4096;
constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};

void append_value(std::string& out, const LogField& field) {
  const auto append = [&](const auto& value) {
    using Value = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<Value, std::string_view>) {
      append_json_string(out, value, kStringMax);
    } else if constexpr (std::is_same_v<Value, bool>) {
      out += value ? "true" : "false";
    } else if constexpr (std::is_same_v<Value, double>) {
      // JSON has no word for these.
      if (std::isfinite(value)) {
        fmt::format_to(std::back_inserter(out), "{}", value);
      } else {
        out += "null";
      }
    } else {
      fmt::format_to(std::back_inserter(out), "{}", value);
    }
  };
  std::visit(append, field.value);
}

}  // namespace

std::string_view level_name(LogLevel level) { return kLevels[static_cast<size_t>(level)]; }

std::optional<LogLevel> parse_level(std::string_view name) {
  for (size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

void Logger::log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < least_) return;
  const std::lock_guard lock(mutex_);
  line_ = R"({"level":")";
  line_ += level_name(level);
  line_ += R"(","ts":")";
  timestamp_.append(line_, std::chrono::time_point_cast<Nanos>(std::chrono::system_clock::now()));
  line_ += R"(","msg":)";
  append_json_string(line_, message, kStringMax);
  for (const LogField& field : fields) {
    line_ += ',';
    append_json_string(line_, field.key, kStringMax);
    line_ += ':';
    append_value(line_, field);
  }
  line_ += "}\n";
  sink_.write(line_);
}

std::optional<uint64_t> RateLimit::allow(MonoTime now) {
  if (any_ && now - last_ < interval_) {
    ++held_back_;
    return std::nullopt;
  }
  any_ = true;
  last_ = now;
  return std::exchange(held_back_, 0);
}

}  // namespace sandgate::observe
