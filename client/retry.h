// Which outcome of a request may be followed by the same request again, and after how long: the table of contract
// client 2.5, as pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <sandgate/options.hpp>
#include <string_view>

#include "client/transfer.h"

namespace sandgate::client {

/// How one try ended.
struct Outcome {
  int status = 0;  ///< 0: no answer
  bool sent = false;
  bool not_forwarded = false;  ///< the router says that nothing reached the sandbox (X-Sandgate-Forwarded: no)
  std::optional<std::chrono::milliseconds> retry_after = {};
};

/// | outcome                                 | GET HEAD PUT DELETE  | other methods                     |
/// |-----------------------------------------|----------------------|-----------------------------------|
/// | nothing of the request was sent         | again                | again                             |
/// | the connection ended without an answer  | again                | never                             |
/// | 500 502 503 504                         | again                | only when marked as not forwarded |
/// | 413 429                                 | with a Retry-After   | never                             |
/// | anything else                           | never                | never                             |
bool may_try_again(std::string_view method, const Outcome& outcome);

/// The wait before try number `next` (2, 3, …). A Retry-After of a 413, 429 or 503 replaces the back-off. `chance` is
/// in [0, 1).
std::chrono::milliseconds wait_before(int next, const RetryPolicy& policy, const Outcome& outcome, double chance);

}  // namespace sandgate::client
