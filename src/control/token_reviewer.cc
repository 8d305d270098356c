#include "control/token_reviewer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kube/review.h"

namespace sandgate::control {

using policy::TokenVerdict;

size_t TokenReviewer::Hash::operator()(const crypto::Sha256& digest) const {
  size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

TokenReviewer::TokenReviewer(kube::KubeTransport& transport, TokenReviewerOptions options,
                             policy::TokenVerdicts& verdicts, OnTrouble on_trouble)
    : transport_(transport), options_(std::move(options)), verdicts_(verdicts), on_trouble_(std::move(on_trouble)) {
  for (unsigned i = 0; i < std::max(1u, options_.threads); ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
}

void TokenReviewer::review(const Secret& token, std::function<void()> done) {
  const crypto::Sha256 digest = crypto::sha256(token.reveal());
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    const auto flight = flights_.find(digest);
    if (flight != flights_.end()) {
      flight->second.push_back(std::move(done));
      return;
    }
    // It may have been answered between the caller's look into the book and now.
    if (verdicts_.find(digest, SystemClock().now()) == TokenVerdict::kUnknown) {
      if (queue_.size() < options_.queue_max) {
        flights_[digest].push_back(std::move(done));
        queue_.emplace_back(digest, token);
        queued_.notify_one();
        return;
      }
      ++counts_.turned_away;
    }
  }
  done();
}

void TokenReviewer::run(const std::stop_token& stop) {
  for (;;) {
    std::pair<crypto::Sha256, Secret> next;
    {
      std::unique_lock lock(mutex_);
      if (!queued_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
      if (stop.stop_requested()) return;
      next = std::move(queue_.front());
      queue_.pop_front();
    }
    std::string error;
    const TokenVerdict verdict = ask(next.second, stop, error);
    if (stop.stop_requested()) return;
    settle(next.first, verdict, error);
  }
}

TokenVerdict TokenReviewer::ask(const Secret& token, const std::stop_token& stop, std::string& error) const {
  const auto answer = kube::review_token(transport_, token, options_.audiences, options_.time_limit, stop);
  if (!answer) {
    error = answer.error().message;
    return TokenVerdict::kFailed;
  }
  if (!answer->authenticated) return TokenVerdict::kBad;
  const auto& asked = options_.audiences;
  if (asked.empty()) return TokenVerdict::kGood;
  // A server that knows nothing of audiences says yes to every token; then the answer names none of ours.
  const bool meant = std::any_of(answer->audiences.begin(), answer->audiences.end(), [&](const std::string& one) {
    return std::find(asked.begin(), asked.end(), one) != asked.end();
  });
  return meant ? TokenVerdict::kGood : TokenVerdict::kBad;
}

void TokenReviewer::settle(const crypto::Sha256& digest, TokenVerdict verdict, const std::string& error) {
  const bool failed = verdict == TokenVerdict::kFailed;
  const Millis keep = failed ? std::max(Millis(1'000), options_.ttl / 3) : options_.ttl;
  verdicts_.put(digest, verdict, deadline_after(SystemClock().now(), keep));
  Waiting waiting;
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    waiting = std::move(flights_.extract(digest).mapped());
    ++(failed ? counts_.failed : verdict == TokenVerdict::kGood ? counts_.good : counts_.bad);
    changed = std::exchange(trouble_, failed) != failed;
  }
  if (changed && on_trouble_) on_trouble_(error);
  for (const auto& done : waiting) done();
}

TokenReviewerCounts TokenReviewer::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void TokenReviewer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();  // joins
}

}  // namespace sandgate::control
