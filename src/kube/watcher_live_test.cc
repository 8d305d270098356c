// The watcher over real sockets: what the scripts of watcher_test.cc cannot show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "kube/curl_transport.h"
#include "kube/http_test_server.h"
#include "kube/test_support.h"
#include "kube/watcher.h"

namespace sandgate::kube {
namespace {

using testing::chunk;
using testing::event;
using testing::HttpTestServer;
using testing::list_page;
using testing::object;
using testing::Peer;

/// Counts what has arrived, for the test's thread to wait on.
class CountingSink final : public WatchSink {
 public:
  void on_list_begin() override {}
  void on_object(std::string_view) override {}
  void on_list_end(std::string_view) override { add(lists_); }
  void on_event(EventType, std::string_view) override { add(events_); }
  void on_state(const WatchState&) override {}
  bool wait_for(int lists, int events) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, Seconds(20), [&] { return lists_ >= lists && events_ >= events; });
  }

 private:
  void add(int& number) {
    const std::lock_guard lock(mutex_);
    ++number;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  int lists_ = 0, events_ = 0;
};

/// Runs a watcher against a server until the test ends.
class WatcherLiveTest : public ::testing::Test {
 protected:
  void start(const std::string& server) {
    ClusterAccess access;
    access.server = server;
    transport_ = std::move(*make_curl_transport(access));
    thread_ = std::jthread([this](std::stop_token stop) {
      SystemClock clock;
      SystemPause pause;
      Random random(1);
      WatchOptions options;
      options.backoff_first = Millis(10);
      const Resource resource{
          .group = "g", .versions = {"v1"}, .plural = "things", .ns = {}, .label_selector = {}, .field_selector = {}};
      Watcher watcher(*transport_, clock, pause, random, resource, options, sink_);
      watcher.run(stop);
    });
  }
  /// How long the watcher takes to end.
  Millis stop() {
    const auto begun = std::chrono::steady_clock::now();
    thread_.request_stop();
    thread_.join();
    return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - begun);
  }
  static void begin_stream(Peer& peer) { peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); }

  CountingSink sink_;
  std::unique_ptr<KubeTransport> transport_;
  std::jthread thread_;
};

TEST_F(WatcherLiveTest, ListWatchLossAndStop) {
  std::atomic<int> watches{0};
  std::string resumed_from;
  HttpTestServer server([&](Peer& peer) {
    for (std::string head = peer.read_request(); !head.empty(); head = peer.read_request()) {
      if (head.find("watch=true") == std::string::npos) {
        peer.write(testing::response(200, list_page("100", {object("a", "1"), object("b", "2")})));
        continue;
      }
      begin_stream(peer);
      if (++watches == 1) {
        peer.write(chunk(event("ADDED", object("c", "101"))));
        return;  // the connection is gone in the middle of a stream
      }
      resumed_from = head.substr(head.find("resourceVersion="), 19);
      const std::string text = event("MODIFIED", object("c", "102"));
      peer.write(chunk(text.substr(0, 20)));
      peer.write(chunk(text.substr(20)));
      peer.wait_for_close();
    }
  });
  start(server.address());
  ASSERT_TRUE(sink_.wait_for(1, 2));
  EXPECT_LT(stop(), Seconds(2));
  EXPECT_EQ(resumed_from, "resourceVersion=101");
}

TEST_F(WatcherLiveTest, AServerThatComesBackIsUsed) {
  std::atomic<int> watched{0};
  const auto serve = [&watched](Peer& peer) {
    for (std::string head = peer.read_request(); !head.empty(); head = peer.read_request()) {
      if (head.find("watch=true") != std::string::npos) {
        begin_stream(peer);
        ++watched;
        watched.notify_all();
        peer.wait_for_close();
        return;
      }
      peer.write(testing::response(200, list_page("5", {})));
    }
  };
  auto server = std::make_unique<HttpTestServer>(serve);
  start(server->address());
  watched.wait(0);
  const uint16_t port = server->port();
  server.reset();
  server = std::make_unique<HttpTestServer>(serve, nullptr, "", port);
  watched.wait(1);
  EXPECT_LT(stop(), Seconds(2));
}

}  // namespace
}  // namespace sandgate::kube
