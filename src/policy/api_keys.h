// API keys of the path mode (contract path-proxy, section 7): who may reach which user's sandboxes, and on which
// ports. The file holds digests only, so that reading it does not give access.
//
// One key a line, words parted by blanks, `#` starts a comment:
//
//   sha256:<64 hex digits>  user=<user>[,...]  [sandbox=<name>[,...]]  [port=<port or from-to>[,...]]  [name=<text>]
//
// The digest is of the key's bytes (`printf %s "$KEY" | sha256sum`). `user=*` means every user; without `sandbox` all
// of a user's sandboxes, without `port` all ports. `name` is for people. Keys must be drawn at random, 128 bits or
// more: the digest is not stretched.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace sandgate::policy {

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0;
};

/// What one key opens.
struct KeyScope {
  std::string name;                    ///< empty: none was given
  bool every_user = false;             ///< user=*
  std::vector<std::string> users;      ///< unless every_user
  std::vector<std::string> sandboxes;  ///< empty: all
  std::vector<PortRange> ports;        ///< empty: all

  bool covers_user(std::string_view user) const;
  bool covers(std::string_view user, std::string_view sandbox) const;
  bool covers_port(uint16_t port) const;
};

inline constexpr size_t kApiKeysMax = 100'000;
inline constexpr size_t kApiKeyBytesMax = 4096;

/// Immutable; any thread.
class KeyBook {
 public:
  /// The message names the line. A file without keys is an error: it would lock everybody out.
  static Result<std::shared_ptr<const KeyBook>> parse(std::string_view text);

  /// Null: no such key. Lives as long as the book. The time taken tells nothing about the keys: what is looked up is
  /// a digest the caller cannot steer.
  const KeyScope* find(std::string_view presented) const;
  size_t size() const { return scopes_.size(); }

 private:
  struct DigestHash {
    size_t operator()(const std::string& digest) const;
  };
  std::unordered_map<std::string, KeyScope, DigestHash> scopes_;  ///< by the 32 bytes of the digest
};

/// The book in force, replaced by whoever reads the file. Thread safe.
class KeyRing {
 public:
  void replace(std::shared_ptr<const KeyBook> book) {
    const std::lock_guard lock(mutex_);
    book_ = std::move(book);
  }
  /// Null: none yet. Keeps a replaced book alive while a request is looked at.
  std::shared_ptr<const KeyBook> current() const {
    const std::lock_guard lock(mutex_);
    return book_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const KeyBook> book_;
};

}  // namespace sandgate::policy
