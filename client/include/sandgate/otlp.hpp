// An observer that sends spans and metrics to an OpenTelemetry collector: OTLP over HTTP with JSON bodies, POST
// {endpoint}/v1/traces and {endpoint}/v1/metrics. It sends in the background and never delays a call; what cannot be
// sent in time is dropped and counted.
#pragma once

#include <chrono>
#include <memory>
#include <sandgate/observer.hpp>
#include <sandgate/result.hpp>
#include <string>

namespace sandgate {
inline namespace v1 {

struct OtlpOptions {
  std::string endpoint = {};  ///< http(s)://host:port, as in OTEL_EXPORTER_OTLP_ENDPOINT
  std::string service_name = "sandbox-client";
  std::chrono::milliseconds interval{1000};  ///< between two sendings
  std::chrono::milliseconds timeout{5000};   ///< of one sending, and of the last one in the destructor
  std::size_t spans_waiting_max = 2048;      ///< more are dropped
};

/// The destructor sends what is left.
Result<std::shared_ptr<Observer>> make_otlp_exporter(OtlpOptions options);

}  // namespace v1
}  // namespace sandgate
