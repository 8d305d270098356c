#include "control/token_reviewer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <vector>

namespace sandgate::control {
namespace {

using policy::TokenVerdict;
using policy::TokenVerdicts;

/// An API server whose answers the test gives, and may hold back.
class Answering final : public kube::KubeTransport {
 public:
  Result<kube::Response> request(const kube::Request& request, std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    bodies.push_back(request.body);
    timeouts.push_back(request.timeout);
    asked_.notify_all();
    if (!open_.wait(lock, stop, [this] { return !held_; })) return fail(std::string(kube::kStopped));
    if (!error.empty()) return fail(error);
    return kube::Response{.status = status, .headers = {}, .body = answer};
  }
  Result<kube::StreamEnd> stream(const kube::Request&, kube::StreamSink&, std::stop_token) override {
    return fail("no stream is expected");
  }

  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void release() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    open_.notify_all();
  }
  void await_asked(size_t count) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(asked_.wait_for(lock, Seconds(20), [&] { return bodies.size() >= count; }));
  }
  size_t asked() {
    const std::lock_guard lock(mutex_);
    return bodies.size();
  }

  int status = 201;
  std::string answer = R"({"status":{"authenticated":true,"user":{"username":"u"}}})";
  std::string error;
  std::vector<std::string> bodies;
  std::vector<Millis> timeouts;

 private:
  std::mutex mutex_;
  std::condition_variable asked_;
  std::condition_variable_any open_;
  bool held_ = false;
};

class TokenReviewerTest : public ::testing::Test {
 protected:
  TokenReviewer& reviewer() {
    if (!reviewer_) {
      reviewer_ = std::make_unique<TokenReviewer>(api, options, book,
                                                  [this](const std::string& line) { troubles.push_back(line); });
    }
    return *reviewer_;
  }
  void review(const std::string& token) {
    std::promise<void> done;
    reviewer().review(Secret(token), [&done] { done.set_value(); });
    ASSERT_EQ(done.get_future().wait_for(Seconds(20)), std::future_status::ready);
  }
  TokenVerdict verdict(const std::string& token, Millis later = Millis(0)) const {
    return book.find(crypto::sha256(token), SystemClock().now() + later);
  }

  Answering api;
  TokenReviewerOptions options;
  TokenVerdicts book{100};
  std::vector<std::string> troubles;  // written by the reviewer's thread before `done`

 private:
  std::unique_ptr<TokenReviewer> reviewer_;
};

TEST_F(TokenReviewerTest, VerdictsAndTheirTime) {
  review("abc");
  EXPECT_EQ(verdict("abc", Millis(29'000)), TokenVerdict::kGood);
  EXPECT_EQ(verdict("abc", Millis(30'001)), TokenVerdict::kUnknown);
  EXPECT_NE(api.bodies.at(0).find(R"("token":"abc")"), std::string::npos);
  EXPECT_EQ(api.timeouts.at(0), Millis(3'000));
  api.answer = R"({"status":{"authenticated":false,"error":"token expired"}})";
  review("old");
  EXPECT_EQ(verdict("old", Millis(29'000)), TokenVerdict::kBad);
  EXPECT_EQ(reviewer().counts().good, 1u);
  EXPECT_EQ(reviewer().counts().bad, 1u);
}

// Contract sandbox-router 2.3: a failure is kept for a third of the time, at least 1 s.
TEST_F(TokenReviewerTest, FailuresAreKeptShorter) {
  api.error = "connection refused";
  review("abc");
  EXPECT_EQ(verdict("abc", Millis(9'000)), TokenVerdict::kFailed);
  EXPECT_EQ(verdict("abc", Millis(10'001)), TokenVerdict::kUnknown);
  ASSERT_EQ(troubles.size(), 1u);
  EXPECT_NE(troubles[0].find("connection refused"), std::string::npos);
  review("def");
  EXPECT_EQ(troubles.size(), 1u) << "said once";
  api.error.clear();
  api.status = 403;
  api.answer = R"({"kind":"Status","message":"tokenreviews is forbidden","reason":"Forbidden","code":403})";
  review("ghi");
  EXPECT_EQ(verdict("ghi"), TokenVerdict::kFailed);
  api.status = 201;
  api.answer = R"({"status":{"authenticated":true}})";
  review("jkl");
  EXPECT_EQ(verdict("jkl"), TokenVerdict::kGood);
  EXPECT_EQ(troubles.back(), "");
  EXPECT_EQ(reviewer().counts().failed, 3u);
}

TEST_F(TokenReviewerTest, AFailureIsKeptForASecondAtLeast) {
  options.ttl = Millis(1'500);
  api.error = "x";
  review("abc");
  EXPECT_EQ(verdict("abc", Millis(700)), TokenVerdict::kFailed);
}

// A server that is not aware of audiences says yes to tokens that are meant for others.
TEST_F(TokenReviewerTest, TheAudienceMustBeOneOfOurs) {
  options.audiences = {"router", "other"};
  api.answer = R"({"status":{"authenticated":true,"audiences":["other"]}})";
  review("a");
  EXPECT_NE(api.bodies.at(0).find(R"("audiences":["router","other"])"), std::string::npos);
  EXPECT_EQ(verdict("a"), TokenVerdict::kGood);
  api.answer = R"({"status":{"authenticated":true,"audiences":["https://kubernetes.default.svc"]}})";
  review("b");
  EXPECT_EQ(verdict("b"), TokenVerdict::kBad);
  api.answer = R"({"status":{"authenticated":true}})";
  review("c");
  EXPECT_EQ(verdict("c"), TokenVerdict::kBad);
}

TEST_F(TokenReviewerTest, OneFlightForEachToken) {
  api.hold();
  std::atomic<int> done = 0;
  std::promise<void> all;
  for (int i = 0; i < 10; ++i) {
    reviewer().review(Secret("abc"), [&] {
      if (++done == 10) all.set_value();
    });
  }
  api.await_asked(1);
  EXPECT_EQ(done, 0);
  api.release();
  ASSERT_EQ(all.get_future().wait_for(Seconds(20)), std::future_status::ready);
  EXPECT_EQ(api.asked(), 1u);
  review("abc");
  EXPECT_EQ(api.asked(), 1u) << "the book has it already";
}

TEST_F(TokenReviewerTest, AFullQueueTurnsAway) {
  options.threads = 2;
  options.queue_max = 3;
  api.hold();
  std::atomic<int> done = 0;
  const auto ask = [&](const std::string& token) { reviewer().review(Secret(token), [&] { ++done; }); };
  ask("flying1");
  ask("flying2");
  api.await_asked(2);
  for (const char* token : {"queued1", "queued2", "queued3"}) ask(token);
  EXPECT_EQ(done, 0);
  ask("one too many");
  EXPECT_EQ(done, 1);
  EXPECT_EQ(verdict("one too many"), TokenVerdict::kUnknown);
  EXPECT_EQ(reviewer().counts().turned_away, 1u);
  ask("queued1");
  EXPECT_EQ(done, 1) << "a token that waits already takes no place";
  api.release();
  api.await_asked(5);  // so that there is room again
  review("last");
  EXPECT_EQ(api.asked(), 6u);
  EXPECT_EQ(verdict("last"), TokenVerdict::kGood);
  reviewer().stop();  // before what its callbacks count in is gone
}

TEST_F(TokenReviewerTest, StopsWhileTheServerIsSilent) {
  api.hold();
  bool done = false;
  reviewer().review(Secret("abc"), [&] { done = true; });
  reviewer().review(Secret("def"), [&] { done = true; });
  api.await_asked(2);
  reviewer().stop();
  reviewer().review(Secret("ghi"), [&] { done = true; });
  EXPECT_FALSE(done);
  EXPECT_EQ(verdict("abc"), TokenVerdict::kUnknown);
}

}  // namespace
}  // namespace sandgate::control
