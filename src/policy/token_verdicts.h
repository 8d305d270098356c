// What the API server said about tokens lately (contract sandbox-router 2.3, tokenreview): by the SHA-256 of the token,
// never the token itself, bounded, and for a time only.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <unordered_map>

#include "base/clock.h"
#include "crypto/crypto.h"

namespace sandgate::policy {

enum class TokenVerdict : uint8_t {
  kUnknown,  ///< ask
  kGood,
  kBad,
  kFailed,  ///< the question could not be answered
};

/// Thread safe; a look-up holds a lock for a fraction of a microsecond and waits for nobody's I/O.
class TokenVerdicts {
 public:
  /// At most `capacity` verdicts, at least 1. When there are more, bad ones and failures go before good ones, so that a
  /// flood of invented tokens does not push out those in use; the oldest first.
  explicit TokenVerdicts(size_t capacity) : capacity_(capacity < 1 ? 1 : capacity) {}

  TokenVerdict find(const crypto::Sha256& token, MonoTime now) const;
  /// `verdict` is not kUnknown.
  void put(const crypto::Sha256& token, TokenVerdict verdict, MonoTime expires);
  size_t size() const;

 private:
  struct Hash {
    size_t operator()(const crypto::Sha256& digest) const;
  };
  using Order = std::list<crypto::Sha256>;  ///< oldest first
  struct Entry {
    TokenVerdict verdict;
    MonoTime expires;
    Order::iterator at;
  };

  Order& order_of(TokenVerdict verdict) { return verdict == TokenVerdict::kGood ? good_ : others_; }
  void make_room();

  const size_t capacity_;
  mutable std::mutex mutex_;
  std::unordered_map<crypto::Sha256, Entry, Hash> entries_;
  Order good_;
  Order others_;
};

}  // namespace sandgate::policy
