// For tests: an API server that is a script, waits that take no time, and a sink that writes down what it is told.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "kube/pause.h"
#include "kube/transport.h"
#include "kube/watcher.h"

namespace sandgate::kube::testing {

/// Answers requests by the steps it was given, in their order; when they are used up it requests the stop of the run
/// (so that a loop ends) and answers kStopped. Time passes only where a step says so.
class ScriptedTransport final : public KubeTransport {
 public:
  struct Step {
    std::string expect{};  ///< a part of `METHOD path?query`; checked by the test through `mismatches`
    int status = 200;
    Headers headers{};
    std::vector<std::string> body{};            ///< pieces, given to the sink one by one
    StreamEnd::Why why = StreamEnd::Why::kEnd;  ///< of a stream with status 2xx
    std::string error{};                        ///< not empty: no answer at all
    Nanos lasts{0};                             ///< passes before the end
    std::function<void()> before{};             ///< runs first
    std::function<void()> before_end{};         ///< runs after the body
  };

  ScriptedTransport(FakeClock& clock, std::stop_source& stop) : clock_(clock), stop_(stop) {}

  void add(Step step) {
    const std::lock_guard lock(mutex_);
    steps_.push_back(std::move(step));
  }

  Result<Response> request(const Request& request, std::stop_token stop) override {
    Step step;
    if (!take(request, step) || stop.stop_requested()) return fail(std::string(kStopped));
    if (!step.error.empty()) return fail(step.error);
    Response out{.status = step.status, .headers = step.headers, .body = {}};
    for (const std::string& piece : step.body) out.body += piece;
    return out;
  }

  Result<StreamEnd> stream(const Request& request, StreamSink& sink, std::stop_token stop) override {
    Step step;
    if (!take(request, step) || stop.stop_requested()) return fail(std::string(kStopped));
    if (!step.error.empty()) {
      pass(step.lasts);
      return fail(step.error);
    }
    StreamEnd end;
    end.response.status = step.status;
    end.response.headers = step.headers;
    if (!end.response.ok()) {
      end.why = StreamEnd::Why::kStatus;
      for (const std::string& piece : step.body) end.response.body += piece;
      return end;
    }
    note_limit(sink);
    sink.on_open();
    for (const std::string& piece : step.body) {
      if (stop.stop_requested()) return fail(std::string(kStopped));
      if (!sink.on_bytes(piece)) {
        pass(step.lasts);
        end.why = StreamEnd::Why::kRefused;
        return end;
      }
      note_limit(sink);
    }
    if (step.before_end) step.before_end();
    pass(step.lasts);
    end.why = step.why;
    if (step.why == StreamEnd::Why::kLost) end.error = "connection reset";
    if (step.why == StreamEnd::Why::kIdle) end.error = "nothing came";
    return end;
  }

  std::vector<std::string> asked;  ///< `METHOD path?query` of every call
  std::vector<Request> requests;
  std::vector<std::string> mismatches;  ///< what a step did not expect
  std::vector<Millis> idle_limits;

 private:
  void pass(Nanos time) {
    if (time > Nanos(0)) clock_.advance(time);
  }
  void note_limit(StreamSink& sink) {
    const std::lock_guard lock(mutex_);
    idle_limits.push_back(sink.idle_limit());
  }
  bool take(const Request& request, Step& step) {
    {
      const std::lock_guard lock(mutex_);
      asked.push_back(request.method + " " + request.path);
      requests.push_back(request);
      if (steps_.empty()) {
        stop_.request_stop();
        return false;
      }
      step = std::move(steps_.front());
      steps_.pop_front();
      if (asked.back().find(step.expect) == std::string::npos) {
        mismatches.push_back("wanted `" + step.expect + "`, got `" + asked.back() + "`");
      }
    }
    if (step.before) step.before();
    return true;
  }

  FakeClock& clock_;
  std::stop_source& stop_;
  std::mutex mutex_;
  std::deque<Step> steps_;
};

/// A step that answers 200 with one body.
inline ScriptedTransport::Step reply(std::string expect, std::string body) {
  return {.expect = std::move(expect), .body = {std::move(body)}};
}

/// Waits by moving the clock; writes down for how long.
class FakePause final : public Pause {
 public:
  explicit FakePause(FakeClock& clock) : clock_(clock) {}
  bool wait(Nanos time, std::stop_token stop) override {
    waits.push_back(std::chrono::duration_cast<Millis>(time));
    clock_.advance(time);
    return !stop.stop_requested();
  }
  std::vector<Millis> waits;

 private:
  FakeClock& clock_;
};

/// `begin`, `object …`, `end 12`, `added …`, `state watching`: one line a call.
class RecordingSink final : public WatchSink {
 public:
  void on_list_begin() override { told.push_back("begin"); }
  void on_object(std::string_view json) override { told.push_back("object " + std::string(json)); }
  void on_list_end(std::string_view version) override { told.push_back("end " + std::string(version)); }
  void on_event(EventType type, std::string_view json) override {
    const char* name = type == EventType::kAdded ? "added " : type == EventType::kModified ? "modified " : "deleted ";
    told.push_back(name + std::string(json));
  }
  void on_state(const WatchState& state) override {
    states.push_back(state);
    if (with_states) told.push_back("state " + std::string(phase_name(state.phase)));
  }
  void on_resync_begin() override { told.push_back("resync-begin"); }
  void on_resync_object(std::string_view json) override { told.push_back("resync-object " + std::string(json)); }
  void on_resync_end(bool complete, std::string_view error) override {
    told.push_back(complete ? "resync-end" : "resync-broken " + std::string(error));
  }

  bool with_states = false;
  std::vector<std::string> told;
  std::vector<WatchState> states;
};

/// A page of a list whose items are objects with a name and a version.
inline std::string list_page(const std::string& version, const std::vector<std::string>& items,
                             const std::string& continue_token = {}) {
  std::string out = R"({"kind":"SandboxList","metadata":{"resourceVersion":")" + version + "\"";
  if (!continue_token.empty()) out += R"(,"continue":")" + continue_token + "\"";
  out += R"(},"items":[)";
  for (size_t i = 0; i < items.size(); ++i) out += (i == 0 ? "" : ",") + items[i];
  return out + "]}";
}

inline std::string object(const std::string& name, const std::string& version) {
  return R"({"metadata":{"name":")" + name + R"(","resourceVersion":")" + version + "\"}}";
}

inline std::string event(const std::string& type, const std::string& object_json) {
  return R"({"type":")" + type + R"(","object":)" + object_json + "}\n";
}

inline std::string status_body(int code, const std::string& reason, const std::string& message = "no") {
  return R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":")" + message + R"(","reason":")" + reason +
         R"(","code":)" + std::to_string(code) + "}";
}

}  // namespace sandgate::kube::testing
