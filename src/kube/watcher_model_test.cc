// The watcher against a model of an API server that keeps objects and a history, forgets the older part of it, loses
// connections, cuts bytes, sends things twice and answers nonsense, all by a seed. Whatever happened: once the faults
// end, what the sink knows is what the server has.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"
#include "kube/test_support.h"
#include "kube/watcher.h"

namespace sandgate::kube {
namespace {

using testing::event;
using testing::list_page;
using testing::object;
using testing::status_body;

struct Change {
  uint64_t version;
  std::string type, name;
};

/// Objects by name, each with the version of its last change.
using State = std::map<std::string, uint64_t>;

class ModelServer final : public KubeTransport {
 public:
  ModelServer(uint64_t seed, FakeClock& clock, std::stop_source& stop) : random_(seed), clock_(clock), stop_(stop) {
    for (int i = 0; i < 20; ++i) change();
  }

  Result<Response> request(const Request&, std::stop_token) override { return fail("not asked here"); }

  Result<StreamEnd> stream(const Request& request, StreamSink& sink, std::stop_token stop) override {
    ++calls_;
    if (stop.stop_requested()) return fail(std::string(kStopped));
    if (calm() && calls_ > kCallsMax) {
      stop_.request_stop();
      return fail(std::string(kStopped));
    }
    if (!calm() && random_.one_in(6)) return fail("connection refused");
    if (!calm() && random_.one_in(10)) return refusal(random_.one_in(2) ? 500 : 429);
    return request.path.find("watch=true") != std::string::npos ? watch(request.path, sink) : list(request.path, sink);
  }

  const State& state() const { return state_; }
  uint64_t version() const { return version_; }
  std::vector<std::string> asked;

 private:
  static constexpr int kCallsTroubled = 120, kCallsMax = 130;
  bool calm() const { return calls_ > kCallsTroubled; }

  void change() {
    const std::string name = "s" + std::to_string(random_.below(12));
    const bool there = state_.contains(name);
    const bool remove = there && random_.one_in(3);
    history_.push_back({++version_, remove ? "DELETED" : there ? "MODIFIED" : "ADDED", name});
    if (remove) {
      state_.erase(name);
    } else {
      state_[name] = version_;
    }
  }

  /// Forgets the older part of the history, now and then all of it.
  void forget() {
    const size_t kept = !calm() && random_.one_in(5) ? 0 : 10;
    while (history_.size() > kept) {
      forgotten_ = history_.front().version;
      history_.pop_front();
    }
  }

  static std::string parameter(const std::string& path, const std::string& name) {
    const size_t at = path.find(name + "=");
    if (at == std::string::npos) return {};
    const size_t from = at + name.size() + 1;
    return path.substr(from, path.find('&', from) - from);
  }

  static StreamEnd refusal(int status) {
    StreamEnd end;
    end.why = StreamEnd::Why::kStatus;
    end.response.status = status;
    end.response.body = status_body(status, status == 410 ? "Expired" : "Trouble");
    return end;
  }

  /// Sends in pieces cut anywhere, perhaps not to the end. False: the sink had enough.
  bool send(StreamSink& sink, std::string_view bytes, bool& lost) {
    lost = !calm() && random_.one_in(8);
    if (lost) bytes = bytes.substr(0, random_.below(bytes.size()));
    while (!bytes.empty()) {
      const size_t length = std::min<size_t>(bytes.size(), 1 + random_.below(200));
      if (!sink.on_bytes(bytes.substr(0, length))) return false;
      bytes.remove_prefix(length);
    }
    return true;
  }

  StreamEnd ended(bool went_on, bool lost) const {
    StreamEnd end;
    end.response.status = 200;
    end.why = !went_on ? StreamEnd::Why::kRefused : lost ? StreamEnd::Why::kLost : StreamEnd::Why::kEnd;
    if (lost) end.error = "connection reset";
    return end;
  }

  /// Pages of one snapshot; a token is `VERSION.OFFSET`.
  Result<StreamEnd> list(const std::string& path, StreamSink& sink) {
    asked.push_back(path);
    const std::string token = parameter(path, "continue");
    size_t offset = 0;
    if (token.empty()) {
      paged_ = state_;
      paged_version_ = version_;
    } else {
      if (!calm() && random_.one_in(4)) return refusal(410);
      const size_t dot = token.find('.');
      if (parse_decimal(token.substr(0, dot)) != paged_version_) return refusal(410);
      offset = parse_decimal<size_t>(token.substr(dot + 1)).value_or(0);
    }
    const size_t limit = parse_decimal<size_t>(parameter(path, "limit")).value_or(1'000);
    std::vector<std::string> items;
    size_t at = 0;
    for (const auto& [name, version] : paged_) {
      if (at++ >= offset && items.size() < limit) items.push_back(object(name, std::to_string(version)));
    }
    const bool more = offset + items.size() < paged_.size();
    const std::string next = more ? std::to_string(paged_version_) + "." + std::to_string(offset + items.size()) : "";
    sink.on_open();
    bool lost = false;
    const bool went_on = send(sink, list_page(std::to_string(paged_version_), items, next), lost);
    if (random_.one_in(2)) change();
    return ended(went_on, lost);
  }

  Result<StreamEnd> watch(const std::string& path, StreamSink& sink) {
    asked.push_back(path);
    const bool initial = path.find("sendInitialEvents=true") != std::string::npos;
    uint64_t from = initial ? version_ : parse_decimal(parameter(path, "resourceVersion")).value_or(0);
    forget();
    if (from < forgotten_) {
      if (random_.one_in(2)) return refusal(410);
      sink.on_open();
      bool lost = false;
      const bool went_on = send(sink, event("ERROR", status_body(410, "Expired")), lost);
      return ended(went_on, lost);
    }
    sink.on_open();
    if (initial) {
      std::string text;
      for (const auto& [name, version] : state_) text += event("ADDED", object(name, std::to_string(version)));
      text += R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":")" + std::to_string(version_) +
              R"(","annotations":{"k8s.io/initial-events-end":"true"}}}})" + "\n";
      bool lost = false;
      if (!send(sink, text, lost) || lost) return ended(!lost, lost);
    }
    for (uint64_t rounds = random_.below(6); rounds-- > 0;) {
      if (!calm()) {
        for (uint64_t changes = random_.below(4); changes-- > 0;) change();
      }
      if (!calm() && random_.one_in(12)) {
        bool lost = false;
        const bool went_on = send(sink, "{\"type\":\"ADDED\"\n", lost);
        return ended(went_on, lost);
      }
      bool lost = false;
      if (!send(sink, news(from), lost) || lost) {
        clock_.advance(Millis(random_.below(3'000)));
        return ended(lost, lost);
      }
    }
    bool lost = false;
    const bool went_on = send(sink, news(from), lost);
    clock_.advance(calm() ? Seconds(300) : Seconds(random_.below(300)));
    return ended(went_on, lost);
  }

  /// What happened since, some of it twice, with a bookmark now and then.
  std::string news(uint64_t& from) {
    std::string out;
    for (const Change& one : history_) {
      if (one.version <= from) continue;
      const std::string text = event(one.type, object(one.name, std::to_string(one.version)));
      out += text;
      if (!calm() && random_.one_in(10)) out += text;
      if (random_.one_in(10)) out += "\n";
      from = one.version;
    }
    if (random_.one_in(4)) out += event("BOOKMARK", object("", std::to_string(from)));
    return out + "\n";
  }

  Random random_;
  FakeClock& clock_;
  std::stop_source& stop_;
  int calls_ = 0;
  State state_;
  uint64_t version_ = 1'000;
  std::deque<Change> history_;
  uint64_t forgotten_ = 0;  ///< the last version that is not in the history any more
  State paged_;
  uint64_t paged_version_ = 0;
};

/// The smallest store there can be.
class MapSink final : public WatchSink {
 public:
  void on_list_begin() override {
    gathering_.clear();
    in_list_ = true;
  }
  void on_object(std::string_view json) override {
    EXPECT_TRUE(in_list_);
    const auto [name, version] = parts(json);
    gathering_[name] = version;
  }
  void on_list_end(std::string_view version) override {
    EXPECT_TRUE(in_list_);
    in_list_ = false;
    state = std::move(gathering_);
    gathering_ = {};
    seen_ = parse_decimal(version).value_or(0);
    ++lists;
  }
  void on_event(EventType type, std::string_view json) override {
    EXPECT_FALSE(in_list_) << "an event within a list";
    const auto [name, version] = parts(json);
    EXPECT_LE(version, seen_ + 1) << "an event was left out";
    seen_ = std::max(seen_, version);
    ++events;
    if (type == EventType::kDeleted) {
      const auto found = state.find(name);
      if (found != state.end() && found->second <= version) state.erase(found);
    } else {
      state[name] = version;
    }
  }
  void on_state(const WatchState& told) override { last = told; }

  State state;
  WatchState last;
  int lists = 0, events = 0;

 private:
  static std::pair<std::string, uint64_t> parts(std::string_view json) {
    const auto text = [&](std::string_view key) {
      const size_t at = json.find(key) + key.size();
      return json.substr(at, json.find('"', at) - at);
    };
    return {std::string(text("\"name\":\"")), parse_decimal(text("\"resourceVersion\":\"")).value_or(0)};
  }

  State gathering_;
  bool in_list_ = false;
  uint64_t seen_ = 0;
};

class WatcherModelTest : public ::testing::TestWithParam<bool> {};

TEST_P(WatcherModelTest, AfterAnySequenceTheSinkHasWhatTheServerHas) {
  int lists = 0, events = 0;
  WatchCounters all;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    FakeClock clock;
    std::stop_source stop;
    ModelServer server(seed, clock, stop);
    testing::FakePause pause(clock);
    Random random(seed);
    MapSink sink;
    WatchOptions options;
    options.page_limit = 4;
    options.streaming_list = GetParam();
    const Resource resource{
        .group = "g", .versions = {"v1"}, .plural = "things", .ns = {}, .label_selector = {}, .field_selector = {}};
    Watcher watcher(server, clock, pause, random, resource, options, sink);
    watcher.run(stop.get_token());
    ASSERT_EQ(sink.state, server.state());
    ASSERT_EQ(sink.last.phase, WatchPhase::kWatching);
    const WatchCounters counters = watcher.counters();
    lists += sink.lists;
    events += sink.events;
    all.gone += counters.gone;
    all.bad_lines += counters.bad_lines;
    all.list_restarts += counters.list_restarts;
    all.failures += counters.failures;
    if (::testing::Test::HasFailure()) break;
  }
  // The runs have seen what they are for.
  EXPECT_GT(lists, 1'000);
  EXPECT_GT(events, 10'000);
  EXPECT_GT(all.gone, 300U);
  EXPECT_GT(all.bad_lines, 300U);
  EXPECT_GT(all.list_restarts, 200U);
  EXPECT_GT(all.failures, 1'000U);
}

INSTANTIATE_TEST_SUITE_P(ListsAndStreams, WatcherModelTest, ::testing::Bool());

}  // namespace
}  // namespace sandgate::kube
