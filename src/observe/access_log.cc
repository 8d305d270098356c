#include "observe/access_log.h"

#include <charconv>
#include <cstring>

#include "observe/json.h"

namespace sandgate::observe {
namespace {

constexpr size_t kPathMax = 1024;
constexpr size_t kUserAgentMax = 256;
constexpr size_t kOtherMax = 128;

std::string_view side_name(Side side) {
  switch (side) {
    case Side::kDownstream:
      return "downstream";
    case Side::kUpstream:
      return "upstream";
    case Side::kInternal:
      return "internal";
  }
  return "internal";
}

// 12 strings of kOtherMax at most, and what is written around all of them.
constexpr size_t kLineMax =
    json_string_room(kPathMax) + json_string_room(kUserAgentMax) + 12 * json_string_room(kOtherMax) + 1024;

/// A line that grows in a buffer with room for the longest one. `key` is written as it is: with comma, quotes
/// and colon.
class Line {
 public:
  explicit Line(char* start) : start_(start), end_(start) {}

  void raw(std::string_view text) {
    std::memcpy(end_, text.data(), text.size());
    end_ += text.size();
  }
  void text(std::string_view key, std::string_view value, size_t bytes_max = kOtherMax) {
    raw(key);
    end_ = write_json_string(end_, value, bytes_max);
  }
  void number(std::string_view key, uint64_t value) {
    raw(key);
    end_ = std::to_chars(end_, end_ + 20, value).ptr;
  }
  void timestamp(Timestamp& timestamp, WallTime time) { end_ = timestamp.write(end_, time); }
  void digit(uint64_t value) { *end_++ = static_cast<char>('0' + value % 10); }
  std::string_view view() const { return {start_, static_cast<size_t>(end_ - start_)}; }

 private:
  char* start_;
  char* end_;
};

/// Whatever the caller passed: no query and no fragment.
std::string_view without_query(std::string_view path) {
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '?' || path[i] == '#') return path.substr(0, i);
  }
  return path;
}

}  // namespace

AccessLog::AccessLog(LogSink& sink) : sink_(sink), line_(std::make_unique<char[]>(kLineMax)) {}

void AccessLog::write(const AccessRecord& record) {
  if (record.own_endpoint) return;
  Line line(line_.get());
  line.raw(R"({"level":"info","ts":")");
  line.timestamp(timestamp_, record.time);
  line.text(R"(","logger":"access","msg":"request","method":)", record.method);
  line.text(R"(,"path":)", without_query(record.path), kPathMax);
  line.number(R"(,"status":)", record.status);
  const uint64_t micros = record.duration > Nanos::zero() ? static_cast<uint64_t>(record.duration.count()) / 1000 : 0;
  line.number(R"(,"duration_ms":)", micros / 1000);
  line.raw(".");
  line.digit(micros / 100);
  line.digit(micros / 10);
  line.digit(micros);
  line.text(R"(,"client_ip":)", record.client_ip);
  line.text(R"(,"sandbox_id":)", record.sandbox_id);
  line.text(R"(,"sandbox_namespace":)", record.sandbox_namespace);
  line.number(R"(,"bytes_out":)", record.bytes_out);
  line.text(R"(,"user_agent":)", record.user_agent, kUserAgentMax);
  line.number(R"(,"bytes_in":)", record.bytes_in);
  if (!record.trace_id.empty()) line.text(R"(,"trace_id":)", record.trace_id);
  if (!record.span_id.empty()) line.text(R"(,"span_id":)", record.span_id);
  if (!record.upstream.empty()) line.text(R"(,"upstream":)", record.upstream);
  if (record.retries != 0) line.number(R"(,"retries":)", record.retries);
  if (record.failure.code != Code::kNone) {
    line.text(R"(,"error":)", code_name(record.failure.code));
    line.text(R"(,"side":)", side_name(record.failure.side));
  }
  line.raw("}\n");
  sink_.write(line.view());
}

}  // namespace sandgate::observe
