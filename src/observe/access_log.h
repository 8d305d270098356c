// The access log: one JSON line for each exchange, without query, token or cookie.
#pragma once

#include <memory>

#include "observe/access_record.h"
#include "observe/log_writer.h"
#include "observe/timestamp.h"

namespace sandgate::observe {

/// One worker's. Keys `level ts logger msg method path status duration_ms client_ip sandbox_id
/// sandbox_namespace bytes_out user_agent` are those of the replaced Go router; `bytes_in` and, where there
/// is something to say, `trace_id span_id upstream retries error side` come after them. Long fields are cut
/// (path 1024 bytes, user agent 256, others 128).
class AccessLog {
 public:
  explicit AccessLog(LogSink& sink);
  /// Writes the line unless one of our own endpoints answered. No allocation in the steady state.
  void write(const AccessRecord& record);

 private:
  LogSink& sink_;
  Timestamp timestamp_;
  std::unique_ptr<char[]> line_;  ///< room for the longest line
};

}  // namespace sandgate::observe
