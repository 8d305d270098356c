// What every call of the public interface begins with.
#pragma once

#include <optional>
#include <stop_token>

#include "client/call.h"
#include "client/runtime.h"

namespace sandgate::client {

/// `timeout` must be above 0.
inline std::optional<Error> check_timeout(Millis timeout) {
  if (timeout.count() > 0) return std::nullopt;
  return make_error(Errc::invalid_argument, "timeout must be above 0, in milliseconds");
}

/// Scope, span and call context of one operation, in the order they are needed.
class Operation {
 public:
  Operation(SandboxState& sandbox, std::string name, Millis timeout, std::stop_token stop, std::stop_token outer,
            const std::optional<RetryPolicy>& retry, Caller* caller)
      : scope_(*sandbox.client->engine, timeout, std::move(stop), std::move(outer), caller),
        span_(sandbox.client->options.observer, sandbox.client->options.service_name + "." + name, sandbox.trace()),
        context_{.sandbox = sandbox, .scope = scope_, .span = span_, .policy = policy_of(retry)} {}

  Scope& scope() { return scope_; }
  SpanScope& span() { return span_; }
  CallContext& context() { return context_; }

 private:
  Scope scope_;
  SpanScope span_;
  CallContext context_;
};

}  // namespace sandgate::client
