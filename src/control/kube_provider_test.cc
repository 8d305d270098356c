// Contract path-proxy 5.2: events to tables, through the real watcher and a scripted API server.
#include "control/kube_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <map>

#include "kube/test_support.h"

namespace sandgate::control {
namespace {

using sandbox::ByName;
using sandbox::Lookup;
using Table = std::shared_ptr<const sandbox::RoutingTable>;

constexpr Seconds kPatience{20};

std::string box(const std::string& name, bool ready = true) {
  return R"({"metadata":{"name":")" + name + R"(","namespace":"ns","uid":"u-)" + name +
         R"(","resourceVersion":"5"},"status":{"podIPs":["10.0.0.1"],"conditions":[{"type":"Ready","status":")" +
         (ready ? "True" : "False") + R"("}]}})";
}

/// Lists what it is told to; then its one watch hands on what the test feeds, until a stop.
class LiveTransport final : public kube::KubeTransport {
 public:
  Result<kube::Response> request(const kube::Request&, std::stop_token) override {
    kube::Response out;  // discovery
    out.status = 200;
    out.body = R"({"kind":"APIResourceList","resources":[{"name":"sandboxes","namespaced":true,"kind":"Sandbox"}]})";
    return out;
  }
  Result<kube::StreamEnd> stream(const kube::Request& request, kube::StreamSink& sink, std::stop_token stop) override {
    kube::StreamEnd end;
    end.response.status = 200;
    const bool streaming = request.path.find("sendInitialEvents=true") != std::string::npos;
    if (streaming && refuse_streaming) {
      end.response.status = 422;
      end.response.body = kube::testing::status_body(422, "Invalid", "sendInitialEvents is forbidden");
      end.why = kube::StreamEnd::Why::kStatus;
      return end;
    }
    sink.on_open();
    if (request.path.find("watch=true") == std::string::npos) {
      sink.on_bytes(kube::testing::list_page("5", listed));
      return end;
    }
    std::unique_lock lock(mutex_);
    while (fed_.wait(lock, stop, [this] { return !bytes_.empty(); })) {
      const std::string bytes = std::exchange(bytes_, {});
      lock.unlock();
      sink.on_bytes(bytes);
      lock.lock();
    }
    return fail(std::string(kube::kStopped));
  }
  void feed(const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    bytes_ += bytes;
    fed_.notify_one();
  }
  std::vector<std::string> listed;
  bool refuse_streaming = false;

 private:
  std::mutex mutex_;
  std::condition_variable_any fed_;
  std::string bytes_;
};

class KubeProviderTest : public testing::Test {
 protected:
  void start(KubeProviderOptions options) {
    provider_.emplace(
        transport_, std::move(options),
        [this](Table table) {
          const std::lock_guard lock(mutex_);
          tables_.push_back(std::move(table));
          came_.notify_all();
        },
        [this](KubeProvider::Tone, const std::string& line) {
          const std::lock_guard lock(mutex_);
          notes_.push_back(line);
          came_.notify_all();
        });
    provider_->start();
    ASSERT_TRUE(provider_->wait_complete(kPatience, {}));
  }
  /// Waits until the test's condition holds; false: it never did.
  bool until(const std::function<bool()>& holds) {
    std::unique_lock lock(mutex_);
    return came_.wait_for(lock, kPatience, holds);
  }
  bool knows(const std::string& name) {
    return until([&] {
      return !tables_.empty() && tables_.back()->find(ByName{"ns", name}).state == Lookup::State::kFound;
    });
  }

  LiveTransport transport_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Table> tables_;
  std::vector<std::string> notes_;
  std::optional<KubeProvider> provider_;
};

TEST_F(KubeProviderTest, AListThenEvents) {
  transport_.listed = {box("a"), box("b")};
  start({});
  EXPECT_TRUE(knows("a"));
  EXPECT_TRUE(provider_->status().complete);
  transport_.feed(kube::testing::event("ADDED", box("c")));
  EXPECT_TRUE(knows("c"));
  transport_.feed(kube::testing::event("DELETED", box("a")));
  EXPECT_TRUE(until([&] { return tables_.back()->find(ByName{"ns", "a"}).state == Lookup::State::kNotFound; }));
  EXPECT_EQ(provider_->stale(), Seconds(0));
  EXPECT_EQ(provider_->status().sandboxes, 2U);
  EXPECT_EQ(provider_->status().watch.events, 2U);
}

// One after a quiet time goes out at once; what comes close behind it is gathered.
TEST_F(KubeProviderTest, AQuietTimeIsNotWaitedForAndACrowdIsOneTable) {
  constexpr Millis kLong{3'000};
  KubeProviderOptions options;
  options.batch = kLong;
  start(std::move(options));
  const MonoTime begin = steady_now();
  transport_.feed(kube::testing::event("ADDED", box("crowd-0")));  // within the time after the first table
  std::string crowd;
  for (int i = 1; i < 100; ++i) crowd += kube::testing::event("ADDED", box("crowd-" + std::to_string(i)));
  transport_.feed(crowd);
  ASSERT_TRUE(knows("crowd-99"));
  EXPECT_GE(steady_now() - begin, kLong - Millis(1'500)) << "the first table was just before";
  {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(tables_.size(), 2U);
  }
  std::this_thread::sleep_for(kLong + Millis(50));  // allow(sleep): the quiet time is what is tested
  const MonoTime quiet = steady_now();
  transport_.feed(kube::testing::event("ADDED", box("alone")));
  ASSERT_TRUE(knows("alone"));
  EXPECT_LT(steady_now() - quiet, kLong / 2);
}

TEST_F(KubeProviderTest, WhyListsAreNotStreamedIsToldOnce) {
  transport_.listed = {box("a")};
  transport_.refuse_streaming = true;
  KubeProviderOptions options;
  options.streaming_list = true;
  start(std::move(options));
  EXPECT_TRUE(knows("a"));
  transport_.feed(kube::testing::event("ADDED", box("b")));
  EXPECT_TRUE(knows("b"));
  provider_->stop();
  ASSERT_EQ(notes_.size(), 1U) << testing::PrintToString(notes_);
  EXPECT_THAT(notes_[0], testing::StartsWith("watch of sandboxes: the first state does not come as a stream"));
  EXPECT_THAT(notes_[0], testing::HasSubstr("sendInitialEvents is forbidden"));
}

}  // namespace
}  // namespace sandgate::control
