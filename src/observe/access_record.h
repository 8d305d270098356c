// What one exchange leaves behind, for the counters and the access log. The views need to live only as long
// as the call they are passed to.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/failure.h"  // before clock.h: g++ 12 takes Retry::kNever for a shadow of the global kFarFuture

#include "base/clock.h"

namespace sandgate::observe {

/// Was the caller's right to reach the sandbox looked at, and with what outcome?
enum class Authorization : uint8_t { kNotChecked, kAllowed, kDenied };

struct AccessRecord {
  WallTime time{};               ///< end of the exchange
  Nanos duration{};              ///< from the request head's first byte to the end; a tunnel's whole life
  std::string_view method;       ///< as sent; empty when the head was unreadable
  std::string_view path;         ///< as sent, without the query
  uint16_t status = 0;           ///< sent to the client, 101 for upgrades; 0: no answer was begun
  std::string_view client_ip;    ///< by the trust rules of the mode
  bool routed = false;           ///< a sandbox and namespace were read from the request and are well formed
  bool namespace_known = false;  ///< the routing table has a sandbox in this namespace
  std::string_view sandbox_id;
  std::string_view sandbox_namespace;
  uint64_t bytes_in = 0;   ///< request body, or tunnel bytes from the client
  uint64_t bytes_out = 0;  ///< response body, or tunnel bytes to the client
  std::string_view user_agent;
  std::string_view trace_id;  ///< hex; empty: none
  std::string_view span_id;
  Failure failure{};          ///< code kNone: it went well
  std::string_view upstream;  ///< ADDRESS:PORT that was dialled or reused; empty: none
  unsigned retries = 0;       ///< further dials
  Authorization authorization = Authorization::kNotChecked;
  bool own_endpoint = false;  ///< our own /healthz, /readyz or /metrics answered it: counted, not logged
};

}  // namespace sandgate::observe
