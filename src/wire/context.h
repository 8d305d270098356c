// What every connection of one worker shares.
#pragma once

#include "http/head.h"
#include "io/loop.h"
#include "wire/options.h"

namespace sandgate::wire {

/// Counts that show which limit bit; read by observe. One thread.
struct WireCounters {
  uint64_t malformed_requests = 0;
  uint64_t malformed_responses = 0;
  uint64_t head_too_large = 0;
  uint64_t too_many_fields = 0;
  uint64_t upstream_head_too_large = 0;
  uint64_t upstream_too_many_fields = 0;
  uint64_t target_too_long = 0;
  uint64_t head_timeouts = 0;
  uint64_t idle_timeouts = 0;
  uint64_t linger_timeouts = 0;
  uint64_t write_timeouts = 0;
};

/// Owned by the worker; outlives its connections. The two heads are the memory requests and responses are parsed
/// into: valid until the next head is parsed.
struct Context {
  Context(io::Loop& loop_in, const ConnectionOptions& options_in) : loop(loop_in), options(options_in) {}
  io::Loop& loop;
  const ConnectionOptions& options;
  HeadLimits upstream_head{};
  bool half_close_allowed = false;
  http::RequestHead request_head;
  http::ResponseHead response_head;
  WireCounters counters;
  size_t client_connections = 0;  ///< alive: connecting, leased or idle
};

}  // namespace sandgate::wire
