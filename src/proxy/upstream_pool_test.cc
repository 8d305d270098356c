#include "proxy/upstream_pool.h"

#include <gtest/gtest.h>

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "io/test_support.h"

namespace sandgate::proxy {
namespace {

using io::testing::Peer;
using io::testing::PeerListener;
using wire::H1ClientConnection;
using Connection = std::unique_ptr<H1ClientConnection>;

class UpstreamPoolTest : public ::testing::Test {
 protected:
  UpstreamPool& make_pool(PoolLimits limits) {
    pool_ = std::make_unique<UpstreamPool>(world_.loop, limits);
    return *pool_;
  }
  ~UpstreamPoolTest() override {
    pool_.reset();
    world_.turn();
  }

  /// A connection that has served a request and may serve another; its sandbox end is sandboxes_.back().
  Connection served(PeerListener& listener, std::string_view surplus = "") {
    int error = 0;
    auto connection =
        std::make_unique<H1ClientConnection>(context_, world_.network->connect(listener.endpoint(), error));
    EXPECT_TRUE(world_.until([&] { return connection->connect_state() == H1ClientConnection::Connect::kDone; }));
    sandboxes_.push_back(listener.accept());
    serve(*connection, sandboxes_.back(), surplus);
    return connection;
  }
  void serve(H1ClientConnection& connection, Peer& sandbox, std::string_view surplus = "") {
    http::RequestOut out;
    out.method = "GET";
    out.target = "/";
    out.authority = "s";
    connection.request(out, {});
    connection.flush();
    sandbox.send("HTTP/1.1 204 No Content\r\n\r\n" + std::string(surplus));
    const http::ResponseHead* head = nullptr;
    http::Framing framing;
    EXPECT_TRUE(world_.until([&] { return connection.read_head(head, framing) == http::HeadReadStatus::kHead; }));
  }
  [[nodiscard]] bool sees_close(Peer& peer) {
    return world_.until([&] {
      peer.pull();
      return peer.closed();
    });
  }
  void retire(Connection connection) {
    world_.loop.retire(std::unique_ptr<io::Retirable>(std::move(connection)));
    world_.turn();
  }

  io::testing::World world_;
  wire::ConnectionOptions options_;
  wire::Context context_{world_.loop, options_};
  PeerListener listener_;
  PeerListener other_listener_;
  std::list<Peer> sandboxes_;
  std::unique_ptr<UpstreamPool> pool_;
};

TEST_F(UpstreamPoolTest, WhatIsGivenBackIsLentAgain) {
  UpstreamPool& pool = make_pool({});
  EXPECT_EQ(pool.lease(listener_.endpoint(), "", true), nullptr);
  Connection connection = served(listener_);
  H1ClientConnection* const raw = connection.get();
  pool.give_back(std::move(connection), listener_.endpoint(), "");
  EXPECT_EQ(pool.idle(), 1u);
  connection = pool.lease(listener_.endpoint(), "", true);
  ASSERT_EQ(connection.get(), raw);
  EXPECT_TRUE(connection->reused());
  EXPECT_EQ(pool.idle(), 0u);
  EXPECT_EQ(pool.lease(listener_.endpoint(), "", true), nullptr);
  serve(*connection, sandboxes_.back());
  pool.give_back(std::move(connection), listener_.endpoint(), "");
  EXPECT_EQ(pool.idle(), 1u);
}

TEST_F(UpstreamPoolTest, LastUsedFirstOut) {
  UpstreamPool& pool = make_pool({});
  Connection a = served(listener_), b = served(listener_);
  H1ClientConnection* const last = b.get();
  pool.give_back(std::move(a), listener_.endpoint(), "");
  pool.give_back(std::move(b), listener_.endpoint(), "");
  Connection lent = pool.lease(listener_.endpoint(), "", true);
  EXPECT_EQ(lent.get(), last);
  retire(std::move(lent));
}

TEST_F(UpstreamPoolTest, AnotherUidIsAnotherTenant) {
  UpstreamPool& pool = make_pool({});
  pool.give_back(served(listener_), listener_.endpoint(), "uid-1");
  EXPECT_EQ(pool.lease(listener_.endpoint(), "uid-2", true), nullptr) << "the same address, another sandbox";
  EXPECT_EQ(pool.lease(listener_.endpoint(), "", true), nullptr);
  EXPECT_EQ(pool.lease(other_listener_.endpoint(), "uid-1", true), nullptr) << "the same sandbox, another port";
  Connection lent = pool.lease(listener_.endpoint(), "uid-1", true);
  ASSERT_NE(lent, nullptr);
  retire(std::move(lent));
}

TEST_F(UpstreamPoolTest, BoundedPerTarget) {
  UpstreamPool& pool = make_pool({.idle_per_target_max = 2});
  for (int i = 0; i < 3; ++i) pool.give_back(served(listener_), listener_.endpoint(), "");
  EXPECT_EQ(pool.idle(), 2u);
  EXPECT_EQ(pool.counters().over_target_limit, 1u);
  EXPECT_TRUE(sees_close(sandboxes_.front())) << "the one idle longest went";
  pool.give_back(served(other_listener_), other_listener_.endpoint(), "");
  EXPECT_EQ(pool.idle(), 3u) << "another target has a share of its own";
}

TEST_F(UpstreamPoolTest, BoundedInAll) {
  UpstreamPool& pool = make_pool({.idle_total_max = 2});
  pool.give_back(served(listener_), listener_.endpoint(), "a");
  pool.give_back(served(listener_), listener_.endpoint(), "b");
  pool.give_back(served(other_listener_), other_listener_.endpoint(), "c");
  EXPECT_EQ(pool.idle(), 2u);
  EXPECT_EQ(pool.counters().over_total_limit, 1u);
  EXPECT_TRUE(sees_close(sandboxes_.front()));
  EXPECT_EQ(pool.lease(listener_.endpoint(), "a", true), nullptr);
}

TEST_F(UpstreamPoolTest, ZeroIsNoReuse) {
  for (const PoolLimits limits : {PoolLimits{.idle_per_target_max = 0}, PoolLimits{.idle_total_max = 0}}) {
    UpstreamPool& pool = make_pool(limits);
    pool.give_back(served(listener_), listener_.endpoint(), "");
    EXPECT_EQ(pool.idle(), 0u);
    EXPECT_TRUE(sees_close(sandboxes_.back()));
  }
}

TEST_F(UpstreamPoolTest, IdleConnectionsExpire) {
  UpstreamPool& pool = make_pool({.idle_timeout = Millis(5000)});
  pool.give_back(served(listener_), listener_.endpoint(), "");
  world_.advance(Millis(3000));
  pool.give_back(served(listener_), listener_.endpoint(), "");
  world_.advance(Millis(1999));
  EXPECT_EQ(pool.idle(), 2u);
  world_.advance(Millis(1));
  EXPECT_EQ(pool.idle(), 1u);
  EXPECT_TRUE(sees_close(sandboxes_.front()));
  world_.advance(Millis(3000));
  EXPECT_EQ(pool.idle(), 0u);
  EXPECT_EQ(pool.counters().expired, 2u);
  EXPECT_TRUE(sees_close(sandboxes_.back()));
  pool.give_back(served(listener_), listener_.endpoint(), "");
  world_.advance(Millis(5000));
  EXPECT_EQ(pool.idle(), 0u) << "the timer starts again";
}

TEST_F(UpstreamPoolTest, TargetsAreForgottenInTime) {
  UpstreamPool& pool = make_pool({.idle_timeout = Millis(5000)});
  for (const char* uid : {"", "a", "b"}) pool.give_back(served(listener_), listener_.endpoint(), uid);
  world_.advance(Millis(4000));
  Connection lent = pool.lease(listener_.endpoint(), "a", true);
  EXPECT_EQ(pool.targets(), 3u);
  world_.advance(Millis(6000));
  EXPECT_EQ(pool.targets(), 0u);
  retire(std::move(lent));
}

TEST_F(UpstreamPoolTest, DepartedSandboxesTakeTheirConnectionsAlong) {
  UpstreamPool& pool = make_pool({});
  for (const char* uid : {"gone", "stays", ""}) pool.give_back(served(listener_), listener_.endpoint(), uid);
  pool.give_back(served(other_listener_), other_listener_.endpoint(), "gone");
  pool.give_back(served(listener_), listener_.endpoint(), "gone");
  pool.drop_departed({"gone", "never-seen"});
  EXPECT_EQ(pool.idle(), 2u);
  EXPECT_EQ(pool.targets(), 2u);
  size_t at = 0;
  for (Peer& sandbox : sandboxes_) {
    const bool goes = at != 1 && at != 2;
    EXPECT_EQ(goes ? sees_close(sandbox) : sandbox.closed(), goes) << at;
    ++at;
  }
  EXPECT_EQ(pool.lease(listener_.endpoint(), "gone", true), nullptr);
  pool.give_back(served(listener_), listener_.endpoint(), "gone");
  EXPECT_EQ(pool.targets(), 3u) << "a UID may come back";
  pool.drop_departed({"gone"});
  EXPECT_EQ(pool.targets(), 2u);
}

TEST_F(UpstreamPoolTest, ALentConnectionDoesNotExpire) {
  UpstreamPool& pool = make_pool({});
  pool.give_back(served(listener_), listener_.endpoint(), "");
  Connection lent = pool.lease(listener_.endpoint(), "", true);
  world_.advance(Seconds(60));
  sandboxes_.back().pull();
  EXPECT_FALSE(sandboxes_.back().closed());
  serve(*lent, sandboxes_.back());
  pool.give_back(std::move(lent), listener_.endpoint(), "");
  world_.advance(Millis(4999));
  EXPECT_EQ(pool.idle(), 1u) << "counted from its return";
}

TEST_F(UpstreamPoolTest, OneThatWasClosedOrSpokeIsDropped) {
  UpstreamPool& pool = make_pool({});
  pool.give_back(served(listener_), listener_.endpoint(), "");
  sandboxes_.back().close();
  EXPECT_TRUE(world_.until([&] { return pool.idle() == 0; })) << "as soon as the loop hears of it";
  pool.give_back(served(listener_), listener_.endpoint(), "");
  sandboxes_.back().send("HTTP/1.1 408 Request Timeout\r\n\r\n");
  EXPECT_TRUE(world_.until([&] { return pool.idle() == 0; }));
  pool.give_back(served(listener_), listener_.endpoint(), "");
  sandboxes_.back().reset();
  EXPECT_TRUE(world_.until([&] { return pool.idle() == 0; }));
  EXPECT_EQ(pool.lease(listener_.endpoint(), "", true), nullptr);
}

TEST_F(UpstreamPoolTest, ACloseTheLoopHasNotHeardOfIsFoundByLooking) {
  UpstreamPool& pool = make_pool({});
  Connection good = served(listener_);
  H1ClientConnection* const raw = good.get();
  pool.give_back(std::move(good), listener_.endpoint(), "");
  pool.give_back(served(listener_), listener_.endpoint(), "");
  sandboxes_.back().close();
  Connection lent;
  ASSERT_TRUE([&] {  // loopback delivers the FIN within moments
    const auto stop = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (std::chrono::steady_clock::now() < stop) {
      lent = pool.lease(listener_.endpoint(), "", true);
      if (lent.get() == raw) return true;
      pool.give_back(std::move(lent), listener_.endpoint(), "");
    }
    return false;
  }()) << "the stale one is passed over, the good one behind it lent";
  retire(std::move(lent));
}

TEST_F(UpstreamPoolTest, WhatMayNotServeAgainIsNotKept) {
  UpstreamPool& pool = make_pool({});
  int error = 0;
  auto fresh = std::make_unique<H1ClientConnection>(context_, world_.network->connect(listener_.endpoint(), error));
  pool.give_back(std::move(fresh), listener_.endpoint(), "");
  EXPECT_EQ(pool.idle(), 0u) << "it has not answered";
  Connection surplus = served(other_listener_, "surplus");
  world_.idle(3);
  pool.give_back(std::move(surplus), other_listener_.endpoint(), "");
  EXPECT_EQ(pool.idle(), 0u);
}

TEST_F(UpstreamPoolTest, ClearClosesEverything) {
  UpstreamPool& pool = make_pool({});
  for (int i = 0; i < 3; ++i) pool.give_back(served(listener_), listener_.endpoint(), std::to_string(i));
  pool.clear();
  EXPECT_EQ(pool.idle(), 0u);
  for (Peer& sandbox : sandboxes_) EXPECT_TRUE(sees_close(sandbox));
  pool.give_back(served(listener_), listener_.endpoint(), "again");
  EXPECT_EQ(pool.idle(), 1u);
}

TEST_F(UpstreamPoolTest, ShedClosesABatchOfTheOldest) {
  UpstreamPool& pool = make_pool({.idle_per_target_max = 100});
  for (int i = 0; i < 70; ++i) pool.give_back(served(listener_), listener_.endpoint(), "");
  pool.shed();
  EXPECT_EQ(pool.idle(), 6u);
  EXPECT_TRUE(sees_close(sandboxes_.front()));
  sandboxes_.back().pull();
  EXPECT_FALSE(sandboxes_.back().closed());
  pool.shed();
  EXPECT_EQ(pool.idle(), 0u);
  pool.shed();
}

}  // namespace
}  // namespace sandgate::proxy
