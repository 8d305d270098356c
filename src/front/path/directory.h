// All sandboxes that have a route, in the order and the form in which GET /sandboxes lists them (contract path-proxy
// 3.2), and by path for the 404's `available` (4.2). Made from a table when somebody asks, and kept.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "front/path/options.h"

namespace sandgate::sandbox {
class RoutingTable;
struct SandboxRecord;
}  // namespace sandgate::sandbox

namespace sandgate::front::path {

/// Immutable; any thread. Keeps nothing of the table it was made from. At 10,000 sandboxes it takes some milliseconds
/// to make and 2 MB.
class Directory {
 public:
  /// Decides on one user's sandbox.
  using Filter = std::function<bool(std::string_view user, std::string_view name)>;

  Directory(const sandbox::RoutingTable& table, RouteBy route_by);

  size_t size() const { return entries_.size(); }

  /// The body of GET /sandboxes. `after`: `{user}/{name}`, listed entries begin behind it; empty: at the start.
  /// `limit` 0: none. False when `after` names no entry.
  bool append_list(std::string& out, const Filter& filter, std::string_view after, size_t limit) const;

  /// A JSON array of at most `max` paths of this user, sorted.
  void append_available(std::string& out, std::string_view user, const Filter& filter, size_t max) const;
  /// A JSON array of all paths, sorted.
  void append_all(std::string& out) const;

 private:
  /// Offsets into `text_`: one entry's JSON object, and in it the path `user/name`, escaped as it stands there.
  struct Entry {
    uint32_t begin;
    uint32_t end;
    uint32_t path_begin;
    uint32_t path_end;
    uint32_t user_size;
  };
  std::string_view path_of(const Entry& e) const {
    return std::string_view(text_).substr(e.path_begin, e.path_end - e.path_begin);
  }
  std::string_view user_of(const Entry& e) const { return path_of(e).substr(0, e.user_size); }
  std::string_view name_of(const Entry& e) const { return path_of(e).substr(e.user_size + 1); }

  static Entry append_entry(std::string& out, const sandbox::SandboxRecord& record, RouteBy route_by);
  void add_sorted(std::string_view scratch, const std::vector<Entry>& entries);
  void sort_paths();

  std::string text_;  ///< the objects, joined by commas
  std::vector<Entry> entries_;
  std::vector<uint32_t> by_path_;  ///< the entries, sorted by path: each user's stand together
};

/// The directory of the newest table, or of one that is not older than the caller allows. Thread safe.
///
/// Making one for thousands of sandboxes takes milliseconds, which no worker has. With a builder (`built_elsewhere`) a
/// large one is never made by who asks: of() names a build to wait for, and the builder's thread makes it. Without one,
/// and for few sandboxes (kFewSandboxes), who asks makes it.
class DirectoryCache {
 public:
  /// Making it takes less than half a millisecond.
  static constexpr size_t kFewSandboxes = 256;
  /// How old the list may be with many sandboxes that change all the time: 100 ms at 10,000, so that making it never
  /// takes more than a small part of the time.
  static constexpr Nanos kLagPerSandbox{10'000};

  DirectoryCache(RouteBy route_by, bool built_elsewhere) : route_by_(route_by), built_elsewhere_(built_elsewhere) {}

  struct Answer {
    std::shared_ptr<const Directory> directory;  ///< null: wait
    uint64_t build = 0;                          ///< for this one, then ask again with it as `waited_for`
  };
  /// As the newest table is (`table` is that, or one before), or as it was less than `lag` ago, or kLagPerSandbox for
  /// each sandbox if that is more. `waited_for`: of a build that was waited for, which is new enough whatever came
  /// since; 0: nothing was.
  Answer of(const sandbox::RoutingTable& table, MonoTime now, Nanos lag = Nanos(0), uint64_t waited_for = 0);
  /// Makes what of() promised, if anything. Whoever was told a build's number before this call may ask again after it.
  void build();

  /// How many sandboxes are listed; may lag by kLagPerSandbox for each where services only are routed to.
  size_t count(const sandbox::RoutingTable& table, MonoTime now);

 private:
  struct Stamp {
    const sandbox::RoutingTable* table = nullptr;
    uint64_t generation = 0;
    MonoTime at{};  ///< when it was the newest
    bool fits(const sandbox::RoutingTable& newest, MonoTime now, Nanos lag) const;
  };
  struct Build {
    uint64_t number = 0;  ///< 0: none
    Stamp stamp;
    std::shared_ptr<const sandbox::RoutingTable> table;
  };
  static Stamp stamp_of(const sandbox::RoutingTable& table, MonoTime now);

  const RouteBy route_by_;
  const bool built_elsewhere_;
  std::mutex mutex_;
  std::mutex building_;  ///< held by build(), so that there is one at a time; never by of()
  uint64_t last_number_ = 0;
  Build wanted_;   ///< not begun: its table still moves on
  Build running_;  ///< without its table
  Build done_;     ///< the newest one, without its table
  std::shared_ptr<const Directory> directory_;
  Stamp count_stamp_;
  size_t count_ = 0;
};

}  // namespace sandgate::front::path
