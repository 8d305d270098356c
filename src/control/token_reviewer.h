// Asks the API server about bearer tokens (contract sandbox-router 2.3, tokenreview) and writes what it said into the
// book that the data plane reads. Blocking code on a few threads of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "kube/transport.h"
#include "policy/token_verdicts.h"

namespace sandgate::control {

struct TokenReviewerOptions {
  std::vector<std::string> audiences;  ///< empty: the API server's own; else a good token is good for one of them
  Millis ttl{30'000};                  ///< of a verdict; of a failure a third of it, at least 1 s
  Millis time_limit{3'000};            ///< of one review
  unsigned threads = 4;                ///< reviews at once
  size_t queue_max = 1024;             ///< different tokens waiting; more are turned away
};

struct TokenReviewerCounts {
  uint64_t good = 0;
  uint64_t bad = 0;
  uint64_t failed = 0;
  uint64_t turned_away = 0;  ///< the queue was full
};

/// Thread safe. The transport and the book must outlive it.
class TokenReviewer {
 public:
  /// Told when a review fails after one that did not, and the other way round (`error` empty). Any thread.
  using OnTrouble = std::function<void(const std::string& error)>;

  TokenReviewer(kube::KubeTransport& transport, TokenReviewerOptions options, policy::TokenVerdicts& verdicts,
                OnTrouble on_trouble);
  TokenReviewer(const TokenReviewer&) = delete;
  TokenReviewer& operator=(const TokenReviewer&) = delete;
  ~TokenReviewer() { stop(); }

  /// `done` is called once, on another thread or within this call: the verdict is in the book, or the queue was full.
  /// A token that is being reviewed already is not asked about again.
  void review(const Secret& token, std::function<void()> done);

  TokenReviewerCounts counts() const;
  /// Returns when the threads have ended; what was not answered by then never is. Idempotent.
  void stop();

 private:
  struct Hash {
    size_t operator()(const crypto::Sha256& digest) const;
  };
  using Waiting = std::vector<std::function<void()>>;

  void run(const std::stop_token& stop);
  policy::TokenVerdict ask(const Secret& token, const std::stop_token& stop, std::string& error) const;
  void settle(const crypto::Sha256& digest, policy::TokenVerdict verdict, const std::string& error);

  kube::KubeTransport& transport_;
  const TokenReviewerOptions options_;
  policy::TokenVerdicts& verdicts_;
  const OnTrouble on_trouble_;

  mutable std::mutex mutex_;
  std::condition_variable_any queued_;
  std::deque<std::pair<crypto::Sha256, Secret>> queue_;
  std::unordered_map<crypto::Sha256, Waiting, Hash> flights_;  ///< queued or being asked
  TokenReviewerCounts counts_;
  bool trouble_ = false;
  bool stopped_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace sandgate::control
