#include "kube/watcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "kube/api_path.h"
#include "kube/discovery.h"
#include "kube/list_pages.h"
#include "kube/watch_decoder.h"

namespace sandgate::kube {
namespace {

constexpr unsigned kPageExpiriesMax = 3;  // in a row; then the list is asked for in one piece
constexpr size_t kHeldEventBytesMax = size_t{64} * 1024 * 1024;

/// What went wrong in one attempt.
struct Trouble {
  std::string error;
  int status = 0;
  std::optional<Seconds> retry_after;
  bool list_again = false;
};

std::string hint(int status, const Resource& resource) {
  switch (status) {
    case 401:
      return "; check the token or client certificate";
    case 403:
      return fmt::format("; the account needs the verbs list and watch on {}",
                         resource.group.empty() ? resource.plural : resource.plural + "." + resource.group);
    case 404:
      return "; is the CustomResourceDefinition installed?";
    default:
      return "";
  }
}

}  // namespace

std::string describe(const Resource& resource) {
  std::string out = resource.plural;
  if (!resource.group.empty()) out += "." + resource.group;
  out += resource.ns.empty() ? " in all namespaces" : " in namespace " + resource.ns;
  return out;
}

std::string_view phase_name(WatchPhase phase) {
  switch (phase) {
    case WatchPhase::kConnecting:
      return "connecting";
    case WatchPhase::kListing:
      return "listing";
    case WatchPhase::kWatching:
      return "watching";
    case WatchPhase::kBroken:
      return "broken";
  }
  return "";
}

class Watcher::Impl {
 public:
  Impl(KubeTransport& transport, Clock& clock, Pause& pause, Random& random, Resource resource, WatchOptions options,
       WatchSink& sink)
      : transport_(transport),
        clock_(clock),
        pause_(pause),
        random_(random),
        resource_(std::move(resource)),
        options_(options),
        sink_(sink),
        streaming_(options.streaming_list) {}

  void run(std::stop_token stop);
  bool resync(std::stop_token stop);
  WatchCounters counters() const {
    const std::lock_guard lock(counters_mutex_);
    return counters_;
  }

 private:
  class EventStream;

  using Attempt = std::optional<Trouble>;  ///< nothing: go on at once

  void count(uint64_t WatchCounters::*which) {
    const std::lock_guard lock(counters_mutex_);
    ++(counters_.*which);
  }
  void set_phase(WatchPhase phase);
  void report_broken(const Trouble& trouble);
  Nanos wait_after(const Trouble& trouble);
  bool recover(Trouble trouble, std::stop_token stop);

  Attempt find_version(std::stop_token stop);
  Attempt list(std::stop_token stop);
  Attempt watch(bool initial, std::stop_token stop);
  Attempt after_watch(EventStream& events, Result<StreamEnd> end, Millis lasted, Seconds timeout);
  Attempt event_error(const KubeStatus& status, bool first_after_list);
  Attempt gone(const std::string& what, bool first_after_list);
  void begin_list();
  void end_list(std::string version);
  void end_resync_locked(bool complete, std::string_view error);
  Request watch_request(bool initial, Seconds timeout) const;
  ListQuery list_query() const;
  std::string collection() const { return api_path(resource_.group, version_name(), resource_.ns, resource_.plural); }
  const std::string& version_name() const { return state_.version; }
  void resync_loop(std::stop_token stop);

  KubeTransport& transport_;
  Clock& clock_;
  Pause& pause_;
  Random& random_;
  const Resource resource_;
  const WatchOptions options_;
  WatchSink& sink_;

  // run()'s thread only
  WatchState state_;
  unsigned failures_ = 0;
  bool list_needed_ = true;
  bool fresh_list_ = false;  ///< no watch has held since the last list
  bool streaming_;           ///< not given up on
  unsigned page_expiries_ = 0;
  std::vector<std::string> candidates_;  ///< versions still to be tried by a list, when discovery gave none
  std::string discovery_error_;

  // Guards every call of the sink, and what a resync needs to know.
  std::mutex sink_mutex_;
  std::string position_;  ///< the resourceVersion everything up to which has been delivered
  std::string resync_path_;
  bool listed_ = false;
  bool resyncing_ = false;
  uint64_t resync_number_ = 0;

  mutable std::mutex counters_mutex_;
  WatchCounters counters_;
};

// ---- telling how it goes

void Watcher::Impl::set_phase(WatchPhase phase) {
  // A repair in progress is not yet one: kBroken stays until the watch stands again.
  if (state_.phase == phase || (state_.phase == WatchPhase::kBroken && phase == WatchPhase::kListing)) return;
  clock_.refresh();
  state_.phase = phase;
  state_.since = clock_.now();
  state_.error.clear();
  state_.status = 0;
  state_.failures = 0;
  const std::lock_guard lock(sink_mutex_);
  sink_.on_state(state_);
}

void Watcher::Impl::report_broken(const Trouble& trouble) {
  clock_.refresh();
  if (state_.phase != WatchPhase::kBroken) state_.since = clock_.now();
  state_.phase = WatchPhase::kBroken;
  state_.error = fmt::format("{}: {}{}", describe(resource_), trouble.error, hint(trouble.status, resource_));
  state_.status = trouble.status;
  state_.failures = failures_;
  const std::lock_guard lock(sink_mutex_);
  sink_.on_state(state_);
}

Nanos Watcher::Impl::wait_after(const Trouble& trouble) {
  const unsigned doublings = std::min(failures_ - 1, 30U);
  const int64_t most = std::max<int64_t>(options_.backoff_max.count(), 1);
  const int64_t first = std::clamp<int64_t>(options_.backoff_first.count(), 1, most);
  const int64_t base_ms = first > (most >> doublings) ? most : first << doublings;
  const int64_t jitter_us = base_ms * 10 * std::min(options_.jitter_percent, 100U);
  const auto drawn = static_cast<int64_t>(random_.below(static_cast<uint64_t>(2 * jitter_us + 1)));
  Nanos wait = std::chrono::microseconds(base_ms * 1'000 - jitter_us + drawn);
  if (trouble.retry_after) {
    wait = std::max<Nanos>(wait, std::min<Nanos>(*trouble.retry_after, options_.retry_after_max));
  }
  return wait;
}

/// Counts a failure, tells of it and waits. False: stop.
bool Watcher::Impl::recover(Trouble trouble, std::stop_token stop) {
  count(&WatchCounters::failures);
  ++failures_;
  if (trouble.list_again || failures_ >= options_.failures_before_list) list_needed_ = true;
  if (trouble.status == 404 && resource_.versions.size() > 1) {
    state_.version.clear();
    list_needed_ = true;
  }
  report_broken(trouble);
  return pause_.wait(wait_after(trouble), stop);
}

// ---- the loop

void Watcher::Impl::run(std::stop_token stop) {
  clock_.refresh();
  state_.since = clock_.now();
  {
    const std::lock_guard lock(sink_mutex_);
    sink_.on_state(state_);
  }
  std::jthread resyncs;
  if (options_.resync_every > Millis(0)) {
    resyncs = std::jthread([this](std::stop_token own) { resync_loop(own); });
  }
  while (!stop.stop_requested()) {
    Attempt attempt;
    if (state_.version.empty()) attempt = find_version(stop);
    if (!attempt && !stop.stop_requested()) {
      if (!list_needed_) {
        attempt = watch(false, stop);
      } else {
        attempt = streaming_ ? watch(true, stop) : list(stop);
      }
    }
    if (stop.stop_requested()) return;
    if (attempt && !recover(std::move(*attempt), stop)) return;
  }
}

Watcher::Impl::Attempt Watcher::Impl::find_version(std::stop_token stop) {
  if (resource_.versions.size() == 1) {
    state_.version = resource_.versions.front();
    return std::nullopt;
  }
  if (!candidates_.empty()) {
    state_.version = candidates_.front();
    candidates_.erase(candidates_.begin());
    return std::nullopt;
  }
  auto found = discover(transport_, resource_.group, resource_.versions, resource_.plural, stop);
  if (found) {
    state_.version = found->version;
    discovery_error_.clear();
    return std::nullopt;
  }
  if (found.error().why == DiscoveryError::Why::kUnreachable || resource_.versions.empty()) {
    return Trouble{found.error().message, 0, std::nullopt, true};
  }
  // Discovery may be forbidden or missing where the resource itself is served: let lists decide.
  discovery_error_ = found.error().message;
  candidates_.assign(resource_.versions.begin() + 1, resource_.versions.end());
  state_.version = resource_.versions.front();
  return std::nullopt;
}

ListQuery Watcher::Impl::list_query() const {
  ListQuery query;
  query.path = collection();
  query.label_selector = resource_.label_selector;
  query.field_selector = resource_.field_selector;
  query.page_limit = page_expiries_ >= kPageExpiriesMax ? 0 : options_.page_limit;
  query.item_bytes_max = options_.object_bytes_max;
  query.page_bytes_max = options_.list_bytes_max;
  query.page_timeout = options_.list_timeout;
  query.idle = options_.list_idle;
  return query;
}

void Watcher::Impl::begin_list() {
  const std::lock_guard lock(sink_mutex_);
  end_resync_locked(false, {});
  sink_.on_list_begin();
}

void Watcher::Impl::end_list(std::string version) {
  list_needed_ = false;
  fresh_list_ = true;
  page_expiries_ = 0;
  candidates_.clear();
  count(&WatchCounters::lists);
  const std::lock_guard lock(sink_mutex_);
  position_ = std::move(version);
  resync_path_ = collection();
  listed_ = true;
  sink_.on_list_end(position_);
}

Watcher::Impl::Attempt Watcher::Impl::list(std::stop_token stop) {
  set_phase(WatchPhase::kListing);
  begin_list();
  const ListOutcome outcome = list_pages(
      transport_, list_query(),
      [this](std::string_view item) {
        const std::lock_guard lock(sink_mutex_);
        sink_.on_object(item);
        return true;
      },
      stop);
  switch (outcome.why) {
    case ListOutcome::Why::kComplete:
      end_list(outcome.resource_version);
      return std::nullopt;
    case ListOutcome::Why::kAbandoned:
      return std::nullopt;  // a stop
    case ListOutcome::Why::kExpired:
      count(&WatchCounters::gone);
      count(&WatchCounters::list_restarts);
      if (++page_expiries_ == 1) return std::nullopt;
      return Trouble{"list: a page token expired again: " + outcome.error, outcome.status, outcome.retry_after, true};
    case ListOutcome::Why::kFailed:
      break;
  }
  count(&WatchCounters::list_restarts);
  if (outcome.status == 404 && !candidates_.empty()) {
    state_.version.clear();  // the next candidate, at once
    return std::nullopt;
  }
  std::string error = "list: " + outcome.error;
  if (outcome.status == 404 && !discovery_error_.empty()) error += " (" + discovery_error_ + ")";
  return Trouble{std::move(error), outcome.status, outcome.retry_after, true};
}

// ---- the watch

/// Takes a watch's bytes apart and hands its events on.
class Watcher::Impl::EventStream final : public StreamSink {
 public:
  EventStream(Impl& watcher, bool initial, Millis silence_max)
      : watcher_(watcher), initial_(initial), silence_max_(silence_max), decoder_(watcher.options_.object_bytes_max) {}

  void on_open() override {
    opened_ = true;
    watcher_.count(&WatchCounters::watches);
    if (initial_) {
      watcher_.begin_list();
    } else {
      watcher_.set_phase(WatchPhase::kWatching);
    }
  }

  bool on_bytes(std::string_view bytes) override {
    decoder_.feed(bytes);
    for (;;) {
      auto event = decoder_.next();
      if (!event) {
        broken_ = event.error().message;
        return false;
      }
      if (!*event) return true;
      if (!handle(**event)) return false;
    }
  }

  Millis idle_limit() override { return initial_ && opened_ ? watcher_.options_.initial_events_idle : silence_max_; }

  bool opened() const { return opened_; }
  /// Still within the first state of a streaming list.
  bool in_initial() const { return initial_; }
  bool cut() const { return decoder_.mid_line(); }
  const std::string& broken() const { return broken_; }
  const std::optional<KubeStatus>& error() const { return error_; }

 private:
  struct HeldEvent {
    EventType type;
    std::string object;
  };

  bool handle(const DecodedEvent& event) {
    switch (event.kind) {
      case DecodedEvent::Kind::kError:
        error_ = parse_status(0, event.object_json);
        return false;
      case DecodedEvent::Kind::kBookmark:
        return bookmark(event);
      case DecodedEvent::Kind::kObject:
        break;
    }
    if (initial_) return initial_event(event);
    deliver(event.type, event.object_json, event.resource_version);
    return true;
  }

  bool bookmark(const DecodedEvent& event) {
    watcher_.count(&WatchCounters::bookmarks);
    if (initial_ && event.initial_events_end) {
      initial_ = false;
      watcher_.end_list(std::string(event.resource_version));
      watcher_.set_phase(WatchPhase::kWatching);
      for (const HeldEvent& held : held_) deliver(held.type, held.object, {});
      held_.clear();
      return true;
    }
    if (!initial_ && !event.resource_version.empty()) {
      const std::lock_guard lock(watcher_.sink_mutex_);
      watcher_.position_ = event.resource_version;
    }
    return true;
  }

  /// Objects of the first state; a change that comes before its end is held until then, with all that follow it.
  bool initial_event(const DecodedEvent& event) {
    if (event.type == EventType::kAdded && held_.empty()) {
      const std::lock_guard lock(watcher_.sink_mutex_);
      watcher_.sink_.on_object(event.object_json);
      return true;
    }
    held_bytes_ += event.object_json.size();
    if (held_bytes_ > kHeldEventBytesMax) {
      broken_ = fmt::format("more than {} bytes of changes before the end of the first state", kHeldEventBytesMax);
      return false;
    }
    held_.push_back({event.type, std::string(event.object_json)});
    return true;
  }

  void deliver(EventType type, std::string_view object, std::string_view version) {
    watcher_.count(&WatchCounters::events);
    const std::lock_guard lock(watcher_.sink_mutex_);
    watcher_.sink_.on_event(type, object);
    if (!version.empty()) watcher_.position_ = version;
  }

  Impl& watcher_;
  bool initial_;
  Millis silence_max_;
  WatchDecoder decoder_;
  bool opened_ = false;
  std::string broken_;
  std::optional<KubeStatus> error_;
  std::vector<HeldEvent> held_;
  size_t held_bytes_ = 0;
};

Request Watcher::Impl::watch_request(bool initial, Seconds timeout) const {
  Request request;
  request.path = with_query(collection(), {{"watch", "true"},
                                           {"allowWatchBookmarks", "true"},
                                           {"timeoutSeconds", std::to_string(timeout.count())},
                                           {"sendInitialEvents", initial ? "true" : ""},
                                           {"resourceVersionMatch", initial ? "NotOlderThan" : ""},
                                           {"resourceVersion", initial ? "" : position_},
                                           {"labelSelector", resource_.label_selector},
                                           {"fieldSelector", resource_.field_selector}});
  // A server that forgets its timeoutSeconds is left too, a little later.
  request.timeout = timeout + options_.silence_extra;
  return request;
}

Watcher::Impl::Attempt Watcher::Impl::watch(bool initial, std::stop_token stop) {
  if (initial) set_phase(WatchPhase::kListing);
  const auto spread = static_cast<uint64_t>(std::max<int64_t>((options_.watch_max - options_.watch_min).count(), 0));
  const Seconds timeout = options_.watch_min + Seconds(random_.below(spread + 1));
  EventStream events(*this, initial, timeout + options_.silence_extra);
  clock_.refresh();
  const MonoTime begun = clock_.now();
  auto end = transport_.stream(watch_request(initial, timeout), events, stop);
  if (stop.stop_requested()) return std::nullopt;
  clock_.refresh();
  return after_watch(events, std::move(end), std::chrono::duration_cast<Millis>(clock_.now() - begun), timeout);
}

Watcher::Impl::Attempt Watcher::Impl::gone(const std::string& what, bool first_after_list) {
  count(&WatchCounters::gone);
  list_needed_ = true;
  if (!first_after_list) return std::nullopt;
  // The version of the newest list is too old already: listing again at once could go on for ever.
  return Trouble{"watch: " + what, 410, std::nullopt, true};
}

Watcher::Impl::Attempt Watcher::Impl::event_error(const KubeStatus& status, bool first_after_list) {
  if (status.code == 410 || status.reason == "Expired" || status.reason == "Gone") {
    return gone(describe(status), first_after_list);
  }
  return Trouble{"watch: an error event: " + describe(status), status.code, status.retry_after, true};
}

Watcher::Impl::Attempt Watcher::Impl::after_watch(EventStream& events, Result<StreamEnd> end, Millis lasted,
                                                  Seconds timeout) {
  const bool first_after_list = std::exchange(fresh_list_, false) && lasted < options_.short_watch;
  if (lasted >= options_.short_watch && events.opened()) failures_ = 0;
  const auto give_up_streaming = [&](const std::string& why) -> Attempt {
    streaming_ = false;
    list_needed_ = true;
    state_.note = "the first state does not come as a stream (" + why + "): lists from now on";
    const std::lock_guard lock(sink_mutex_);
    sink_.on_state(state_);
    return std::nullopt;
  };
  const bool initial = events.in_initial();
  if (initial && events.opened()) count(&WatchCounters::list_restarts);
  if (!end) return Trouble{"watch: " + end.error().message, 0, std::nullopt, false};
  const auto status = static_cast<int>(end->response.status);
  switch (end->why) {
    case StreamEnd::Why::kStatus: {
      const KubeStatus refusal = parse_status(end->response);
      const bool about_us = status == 401 || status == 403 || status == 404 || status == 408 || status == 429;
      if (initial && status >= 400 && status < 500 && !about_us) return give_up_streaming(describe(refusal));
      if (status == 410) return gone(describe(refusal), first_after_list);
      return Trouble{"watch: " + describe(refusal), status, refusal.retry_after, false};
    }
    case StreamEnd::Why::kRefused:
      if (events.error()) {
        if (initial) return give_up_streaming(describe(*events.error()));
        return event_error(*events.error(), first_after_list);
      }
      count(&WatchCounters::bad_lines);
      return Trouble{"watch: " + events.broken(), 0, std::nullopt, false};
    case StreamEnd::Why::kIdle:
      if (initial && events.opened()) return give_up_streaming("the end of the first state did not come");
      return Trouble{"watch: " + end->error, 0, std::nullopt, false};
    case StreamEnd::Why::kLost:
      return Trouble{"watch: " + end->error, 0, std::nullopt, false};
    case StreamEnd::Why::kEnd:
    case StreamEnd::Why::kDeadline:
      break;
  }
  if (initial) return give_up_streaming("the watch ended before the first state did");
  if (events.cut()) return Trouble{"watch: an event was cut off", 0, std::nullopt, false};
  if (lasted >= options_.short_watch) return std::nullopt;
  return Trouble{fmt::format("watch: ended after {} ms instead of {} s", lasted.count(), timeout.count()), 0,
                 std::nullopt, false};
}

// ---- resync

void Watcher::Impl::end_resync_locked(bool complete, std::string_view error) {
  if (!std::exchange(resyncing_, false)) return;
  if (complete) count(&WatchCounters::resyncs);
  if (!error.empty()) count(&WatchCounters::resync_failures);
  sink_.on_resync_end(complete, error);
}

bool Watcher::Impl::resync(std::stop_token stop) {
  ListQuery query;
  uint64_t number = 0;
  {
    const std::lock_guard lock(sink_mutex_);
    if (!listed_ || resyncing_) return false;
    query.path = resync_path_;
    query.resource_version = position_;
    resyncing_ = true;
    number = ++resync_number_;
    sink_.on_resync_begin();
  }
  // Not older than what was delivered, and with no limit: a page size would send the list past the server's cache.
  query.resource_version_match = query.resource_version.empty() ? "" : "NotOlderThan";
  query.label_selector = resource_.label_selector;
  query.field_selector = resource_.field_selector;
  query.page_limit = 0;
  query.item_bytes_max = options_.object_bytes_max;
  query.page_bytes_max = options_.list_bytes_max;
  query.page_timeout = options_.list_timeout;
  query.idle = options_.list_idle;
  const ListOutcome outcome = list_pages(
      transport_, query,
      [&](std::string_view item) {
        const std::lock_guard lock(sink_mutex_);
        if (!resyncing_ || resync_number_ != number) return false;
        sink_.on_resync_object(item);
        return true;
      },
      stop);
  const std::lock_guard lock(sink_mutex_);
  if (!resyncing_ || resync_number_ != number) return false;  // a list from the start has begun
  const bool complete = outcome.why == ListOutcome::Why::kComplete;
  const std::string error = outcome.error.empty() ? "" : describe(resource_) + ": " + outcome.error;
  end_resync_locked(complete, error);
  return complete;
}

void Watcher::Impl::resync_loop(std::stop_token stop) {
  while (pause_.wait(options_.resync_every, stop)) resync(stop);
}

Watcher::Watcher(KubeTransport& transport, Clock& clock, Pause& pause, Random& random, Resource resource,
                 WatchOptions options, WatchSink& sink)
    : impl_(std::make_unique<Impl>(transport, clock, pause, random, std::move(resource), options, sink)) {}
Watcher::~Watcher() = default;
void Watcher::run(std::stop_token stop) { impl_->run(std::move(stop)); }
WatchCounters Watcher::counters() const { return impl_->counters(); }
bool Watcher::resync(std::stop_token stop) { return impl_->resync(std::move(stop)); }

}  // namespace sandgate::kube
