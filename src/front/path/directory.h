// All sandboxes that have a route, in the order and the form in which GET /sandboxes lists them (contract path-proxy
// 3.2), and by user for the 404's `available` (4.2). Made from a table when somebody asks, and kept.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
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

  using Users = std::unordered_map<std::string_view, std::vector<uint32_t>>;
  const Users& users() const;
  static Entry append_entry(std::string& out, const sandbox::SandboxRecord& record, RouteBy route_by);
  void add_sorted(std::string_view scratch, const std::vector<Entry>& entries);

  std::string text_;  ///< the objects, joined by commas
  std::vector<Entry> entries_;
  mutable std::once_flag users_made_;
  mutable Users users_;  ///< each user's entries, sorted by path; made when it is first asked for
};

/// The directory of the newest table. With many sandboxes that change all the time it may lag, by 10 us for each
/// sandbox (100 ms at 10,000), so that making it never takes more than a small part of the time. Thread safe.
class DirectoryCache {
 public:
  explicit DirectoryCache(RouteBy route_by) : route_by_(route_by) {}

  std::shared_ptr<const Directory> of(const sandbox::RoutingTable& table, MonoTime now);
  /// How many sandboxes are listed; by the same rule of lag.
  size_t count(const sandbox::RoutingTable& table, MonoTime now);

 private:
  struct Stamp {
    const sandbox::RoutingTable* table = nullptr;
    uint64_t generation = 0;
    MonoTime made_at{};
    bool fits(const sandbox::RoutingTable& newest, MonoTime now) const;
  };
  static Stamp stamp_of(const sandbox::RoutingTable& table, MonoTime now);

  const RouteBy route_by_;
  std::mutex mutex_;
  Stamp directory_stamp_;
  std::shared_ptr<const Directory> directory_;
  Stamp count_stamp_;
  size_t count_ = 0;
};

}  // namespace sandgate::front::path
