// Spans and counters for the observer. Without one nothing here costs more than a branch.
#pragma once

#include <memory>
#include <sandgate/observer.hpp>
#include <sandgate/result.hpp>
#include <string>
#include <string_view>

namespace sandgate::client {

/// Who a span's children name as their parent. Empty ids: no tracing.
struct TraceContext {
  std::string trace_id;
  std::string span_id;
  bool on() const { return !trace_id.empty(); }
  /// W3C trace context, version 00, sampled.
  std::string traceparent() const { return "00-" + trace_id + "-" + span_id + "-01"; }
};

/// Reports a span when it is destroyed.
class SpanScope {
 public:
  SpanScope(std::shared_ptr<Observer> observer, std::string name, const TraceContext& parent = {});
  ~SpanScope();
  SpanScope(const SpanScope&) = delete;
  SpanScope& operator=(const SpanScope&) = delete;

  const TraceContext& context() const { return context_; }
  void set(std::string_view key, std::string value);
  void fail(const Error& error);
  /// Keeps the outcome and passes it on.
  template <class T>
  Result<T> outcome(Result<T> result) {
    if (!result) fail(result.error());
    return result;
  }

 private:
  std::shared_ptr<Observer> observer_;
  TraceContext context_;
  Span span_;
};

}  // namespace sandgate::client
