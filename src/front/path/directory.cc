#include "front/path/directory.h"

#include <algorithm>
#include <utility>

#include "front/path/target.h"
#include "front/request_parts.h"
#include "sandbox/routing_table.h"

namespace sandgate::front::path {
namespace {

constexpr Nanos kLagPerSandbox{10'000};
/// What an entry needs beside its names.
constexpr size_t kEntryRoom = 64;

/// Does append_json() leave it as it is?
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

/// A name's eight bytes from `skip` on as a number that orders as they do.
uint64_t leading_bytes(std::string_view name, size_t skip) {
  uint64_t key = 0;
  for (size_t i = 0; i < 8; ++i) {
    key = key << 8 | (skip + i < name.size() ? static_cast<unsigned char>(name[skip + i]) : 0U);
  }
  return key;
}

/// Names of one namespace mostly begin alike; what follows is compared as a number, which is several times as fast.
std::vector<const sandbox::SandboxRecord*> sorted_by_id(const std::vector<const sandbox::SandboxRecord*>& records) {
  std::string_view common = records.front()->id;
  for (const auto* record : records) {
    const size_t most = std::min(common.size(), record->id.size());
    size_t same = 0;
    while (same < most && common[same] == record->id[same]) ++same;
    common = common.substr(0, same);
  }
  std::vector<std::pair<uint64_t, const sandbox::SandboxRecord*>> keyed;
  keyed.reserve(records.size());
  for (const auto* record : records) keyed.emplace_back(leading_bytes(record->id, common.size()), record);
  std::sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second->id < b.second->id;
  });
  std::vector<const sandbox::SandboxRecord*> sorted;
  sorted.reserve(records.size());
  for (const auto& [key, record] : keyed) sorted.push_back(record);
  return sorted;
}

void append_value(std::string& out, std::string_view text) {
  if (!is_plain(text)) return append_json(out, text);
  out.append("\"").append(text).append("\"");
}

}  // namespace

Directory::Directory(const sandbox::RoutingTable& table, RouteBy route_by) {
  std::unordered_map<std::string_view, std::vector<const sandbox::SandboxRecord*>> spaces;
  size_t room = 0;
  size_t count = 0;
  table.for_each_user_path([&](const sandbox::SandboxRecord& record) {
    // Labels and names of the Kubernetes API are plain ASCII; what is not, nobody can name in a path either.
    if (reach_of(record, route_by) == Reach::kNone || !is_plain(record.user) || !is_plain(record.id)) return;
    spaces[record.ns].push_back(&record);
    room += kEntryRoom + record.user.size() + record.id.size() + record.service.size() + record.ns.size();
    ++count;
  });
  std::vector<std::string_view> names;
  for (const auto& [name, records] : spaces) names.push_back(name);
  std::sort(names.begin(), names.end());
  text_.reserve(room);
  entries_.reserve(count);
  for (const std::string_view name : names) {
    for (const sandbox::SandboxRecord* record : sorted_by_id(spaces[name])) add(*record, route_by);
  }
}

void Directory::add(const sandbox::SandboxRecord& record, RouteBy route_by) {
  if (!entries_.empty()) text_.push_back(',');
  Entry entry{};
  entry.begin = static_cast<uint32_t>(text_.size());
  text_.append(R"({"path":")");
  entry.path_begin = static_cast<uint32_t>(text_.size());
  entry.user_size = static_cast<uint32_t>(record.user.size());
  text_.append(record.user).append("/").append(record.id);
  entry.path_end = static_cast<uint32_t>(text_.size());
  text_.append(R"(","service":)");
  append_value(text_, shown_service(record, route_by));
  text_.append(R"(,"namespace":)");
  append_value(text_, record.ns);
  text_.append(record.ready() ? R"(,"ready":true})" : R"(,"ready":false})");
  entry.end = static_cast<uint32_t>(text_.size());
  entries_.push_back(entry);
}

bool Directory::append_list(std::string& out, const Filter& filter, std::string_view after, size_t limit) const {
  size_t at = 0;
  if (!after.empty()) {
    while (at < entries_.size() && path_of(entries_[at]) != after) ++at;
    if (at == entries_.size()) return false;
    ++at;
  }
  size_t count = 0;
  std::string chosen;
  const std::string_view all = text_;
  if (!filter && limit == 0 && at == 0) {
    count = entries_.size();
  } else {
    for (; at < entries_.size() && (limit == 0 || count < limit); ++at) {
      const Entry& entry = entries_[at];
      if (filter && !filter(user_of(entry), name_of(entry))) continue;
      if (count++ > 0) chosen.push_back(',');
      chosen.append(all.substr(entry.begin, entry.end - entry.begin));
    }
  }
  const std::string_view list = count == entries_.size() ? all : std::string_view(chosen);
  out.reserve(out.size() + list.size() + 48);
  out.append(R"({"count":)").append(std::to_string(count)).append(R"(,"sandboxes":[)").append(list).append("]}");
  return true;
}

/// Only who misses a sandbox pays for it.
const Directory::Users& Directory::users() const {
  std::call_once(users_made_, [this] {
    for (uint32_t at = 0; at < entries_.size(); ++at) users_[user_of(entries_[at])].push_back(at);
    for (auto& [user, own] : users_) {
      std::sort(own.begin(), own.end(),
                [this](uint32_t a, uint32_t b) { return path_of(entries_[a]) < path_of(entries_[b]); });
    }
  });
  return users_;
}

void Directory::append_available(std::string& out, std::string_view user, const Filter& filter, size_t max) const {
  size_t count = 0;
  out.push_back('[');
  const auto own = users().find(user);
  for (size_t i = 0; own != users().end() && i < own->second.size() && count < max; ++i) {
    const Entry& entry = entries_[own->second[i]];
    if (filter && !filter(user_of(entry), name_of(entry))) continue;
    if (count++ > 0) out.push_back(',');
    out.append("\"").append(path_of(entry)).append("\"");
  }
  out.push_back(']');
}

void Directory::append_all(std::string& out) const {
  std::vector<std::string_view> paths;
  paths.reserve(entries_.size());
  for (const Entry& entry : entries_) paths.push_back(path_of(entry));
  std::sort(paths.begin(), paths.end());
  out.push_back('[');
  for (const std::string_view path : paths) out.append(out.ends_with('[') ? "\"" : ",\"").append(path).append("\"");
  out.push_back(']');
}

// --- DirectoryCache --------------------------------------------------------------------------------------------

DirectoryCache::Stamp DirectoryCache::stamp_of(const sandbox::RoutingTable& table, MonoTime now) {
  return {&table, table.generation(), now};
}

bool DirectoryCache::Stamp::fits(const sandbox::RoutingTable& newest, MonoTime now) const {
  if (table == nullptr) return false;
  if (table == &newest && generation == newest.generation()) return true;
  // Another worker may still have the table before: it need not be made again.
  if (generation > newest.generation()) return true;
  return now - made_at < kLagPerSandbox * static_cast<int64_t>(newest.size());
}

std::shared_ptr<const Directory> DirectoryCache::of(const sandbox::RoutingTable& table, MonoTime now) {
  {
    const std::lock_guard lock(mutex_);
    if (directory_stamp_.fits(table, now)) return directory_;
  }
  // Outside the lock: two workers may both make it, but none waits for another.
  auto made = std::make_shared<const Directory>(table, route_by_);
  const std::lock_guard lock(mutex_);
  if (!directory_stamp_.fits(table, now)) {
    directory_stamp_ = stamp_of(table, now);
    directory_ = made;
  }
  return made;
}

size_t DirectoryCache::count(const sandbox::RoutingTable& table, MonoTime now) {
  {
    const std::lock_guard lock(mutex_);
    if (count_stamp_.fits(table, now)) return count_;
  }
  size_t count = 0;
  table.for_each_user_path(
      [&](const sandbox::SandboxRecord& record) { count += reach_of(record, route_by_) != Reach::kNone ? 1U : 0U; });
  const std::lock_guard lock(mutex_);
  count_stamp_ = stamp_of(table, now);
  count_ = count;
  return count;
}

}  // namespace sandgate::front::path
