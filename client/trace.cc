#include "client/trace.h"

#include "client/http.h"

namespace sandgate::client {

SpanScope::SpanScope(std::shared_ptr<Observer> observer, std::string name, const TraceContext& parent)
    : observer_(std::move(observer)) {
  if (!observer_) return;
  span_.name = std::move(name);
  span_.begin = std::chrono::system_clock::now();
  span_.trace_id = parent.on() ? parent.trace_id : random_hex(32);
  span_.span_id = random_hex(16);
  span_.parent_id = parent.span_id;
  context_ = {span_.trace_id, span_.span_id};
}

SpanScope::~SpanScope() {
  if (!observer_) return;
  span_.end = std::chrono::system_clock::now();
  observer_->span(span_);
}

void SpanScope::set(std::string_view key, std::string value) {
  if (observer_) span_.attributes[std::string(key)] = std::move(value);
}

void SpanScope::fail(const Error& error) {
  if (!observer_) return;
  span_.failed = true;
  span_.error = std::string(to_string(error.code)) + ": " + error.message;
}

}  // namespace sandgate::client
