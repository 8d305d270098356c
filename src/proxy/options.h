// What the mode-free data plane can be told. Defaults: contract sandbox-router 1.9.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "wire/options.h"

namespace sandgate::proxy {

struct RetryOptions {
  unsigned retries_max = 3;   ///< further dials after a failed one; 0: none
  Millis initial_delay{200};  ///< doubles each time
  Millis max_delay{800};
  unsigned budget_percent = 20;  ///< of all requests may be retried dials, beyond a floor of budget_floor a second
  unsigned budget_floor = 10;
};

struct PoolOptions {
  size_t idle_per_target_max =
      20;                     ///< whole process, split among workers; 0: no reuse and a fresh name look-up each time
  size_t idle_total_max = 0;  ///< whole process; 0: six tenths of the descriptor limit
  Millis idle_timeout{5'000};
};

struct WebSocketOptions {
  Millis idle_timeout{3'600'000};                 ///< no data message either way; 0: off
  Millis max_lifetime{86'400'000};                ///< 0: off
  uint64_t message_bytes_max = 16 * 1024 * 1024;  ///< over all fragments, each direction; at least 1
  unsigned per_client_max = 64;                   ///< 0: off
  bool ping_is_activity = false;                  ///< count ping and pong from the client side as activity too
  bool close_on_loss = true;                      ///< tell the client with a 1011 when the sandbox's connection breaks
  Millis close_grace{2'000};                      ///< from our close frame to cutting the connection
};

struct LimitOptions {
  size_t connections_max = 0;              ///< downstream, whole process; 0: from the descriptor limit
  size_t connections_per_address_max = 0;  ///< 0: off (behind a gateway all clients share one address)
  size_t requests_per_sandbox_max = 0;     ///< running at once, whole process; 0: off
  uint64_t request_body_bytes_max = 0;     ///< 0: off
};

struct ProxyOptions {
  wire::ConnectionOptions downstream;
  wire::HeadLimits upstream_head;
  Millis timeout{180'000};              ///< to the response head, and between two reads or writes of a body
  Millis response_head_timeout{0};      ///< 0: as `timeout`
  Millis total_timeout{0};              ///< whole exchange; 0: off
  Millis connect_timeout{5'000};        ///< one dial
  Millis connect_total_timeout{0};      ///< all dials of a request together; 0: only its own time bounds them
  Millis expect_timeout{1'000};         ///< how long the sandbox may take for its 100 before we send it
  unsigned interim_responses_max = 16;  ///< 1xx heads before the final one
  bool fin_ends_answer = false;         ///< a client's FIN cancels also an answer that has begun
  bool half_close_allowed = false;      ///< a client that shut down its sending side still gets its answer
  RetryOptions retry;
  PoolOptions pool;
  WebSocketOptions websocket;
  LimitOptions limits;
};

}  // namespace sandgate::proxy
