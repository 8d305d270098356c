#include "front/path/directory.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "front/path/target.h"
#include "front/request_parts.h"
#include "sandbox/routing_table.h"

namespace sandgate::front::path {
namespace {

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

/// Calls `visit` for every sandbox that has a route. They lie all over the memory, so those to come are fetched ahead.
template <class Visit>
void for_each_listed(const sandbox::RoutingTable& table, RouteBy route_by, const Visit& visit) {
  constexpr size_t kAhead = 8;
  constexpr size_t kCacheLine = 64;
  std::vector<const sandbox::SandboxRecord*> records;
  records.reserve(table.size());
  table.for_each_user_path([&](const sandbox::SandboxRecord& record) { records.push_back(&record); });
  for (size_t i = 0; i < records.size(); ++i) {
    if (i + kAhead < records.size()) {
      const char* next = reinterpret_cast<const char*>(records[i + kAhead]);
      for (size_t at = 0; at < sizeof(sandbox::SandboxRecord); at += kCacheLine) __builtin_prefetch(next + at);
    }
    if (reach_of(*records[i], route_by) != Reach::kNone) visit(*records[i]);
  }
}

size_t common_prefix(std::string_view a, std::string_view b) {
  const size_t most = std::min(a.size(), b.size());
  size_t same = 0;
  while (same < most && a[same] == b[same]) ++same;
  return same;
}

void append_value(std::string& out, std::string_view text) {
  if (!is_plain(text)) return append_json(out, text);
  out.append("\"").append(text).append("\"");
}

}  // namespace

// Every record is touched once, in whatever order the table has them: at thousands of them their memory is what costs.
// Sorting then works on the text they left.
Directory::Directory(const sandbox::RoutingTable& table, RouteBy route_by) {
  std::string scratch;
  scratch.reserve(table.size() * (kEntryRoom + 32));
  std::unordered_map<std::string, std::vector<Entry>> spaces;
  std::vector<Entry>* space = nullptr;
  std::string_view space_name;
  for_each_listed(table, route_by, [&](const sandbox::SandboxRecord& record) {
    // Labels and names of the Kubernetes API are plain ASCII; what is not, nobody can name in a path either.
    if (!is_plain(record.user) || !is_plain(record.id)) return;
    if (space == nullptr || space_name != record.ns) {
      const auto found = spaces.try_emplace(record.ns.str()).first;
      space_name = found->first;
      space = &found->second;
    }
    space->push_back(append_entry(scratch, record, route_by));
  });
  std::vector<std::string_view> names;
  for (const auto& [name, entries] : spaces) names.push_back(name);
  std::sort(names.begin(), names.end());
  text_.reserve(scratch.size() + table.size());
  entries_.reserve(table.size());
  for (const std::string_view name : names) add_sorted(scratch, spaces.find(std::string(name))->second);
  sort_paths();
}

Directory::Entry Directory::append_entry(std::string& out, const sandbox::SandboxRecord& record, RouteBy route_by) {
  Entry entry{};
  entry.begin = static_cast<uint32_t>(out.size());
  out.append(R"({"path":")");
  entry.path_begin = static_cast<uint32_t>(out.size());
  entry.user_size = static_cast<uint32_t>(record.user.size());
  out.append(record.user).append("/").append(record.id);
  entry.path_end = static_cast<uint32_t>(out.size());
  out.append(R"(","service":)");
  append_value(out, shown_service(record, route_by));
  out.append(R"(,"namespace":)");
  append_value(out, record.ns);
  out.append(record.ready() ? R"(,"ready":true})" : R"(,"ready":false})");
  entry.end = static_cast<uint32_t>(out.size());
  return entry;
}

/// One namespace's entries, sorted by name. Names mostly begin alike; what follows is compared as a number, which is
/// several times as fast.
void Directory::add_sorted(std::string_view scratch, const std::vector<Entry>& entries) {
  const auto name_in = [&](const Entry& e) {
    const size_t begin = e.path_begin + e.user_size + 1;
    return scratch.substr(begin, e.path_end - begin);
  };
  const std::string_view first = name_in(entries.front());
  size_t common = first.size();
  for (const Entry& entry : entries) common = std::min(common, common_prefix(first, name_in(entry)));
  std::vector<std::pair<uint64_t, const Entry*>> order;
  order.reserve(entries.size());
  for (const Entry& entry : entries) order.emplace_back(leading_bytes(name_in(entry), common), &entry);
  std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : name_in(*a.second) < name_in(*b.second);
  });
  for (const auto& [key, entry] : order) {
    if (!entries_.empty()) text_.push_back(',');
    const auto moved = static_cast<uint32_t>(text_.size()) - entry->begin;  // may wrap, and wraps back when added
    text_.append(scratch.substr(entry->begin, entry->end - entry->begin));
    entries_.push_back({entry->begin + moved, entry->end + moved, entry->path_begin + moved, entry->path_end + moved,
                        entry->user_size});
  }
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

/// The entries of one user in one namespace are in order already, so most users need no sorting.
void Directory::sort_paths() {
  std::unordered_map<std::string_view, std::vector<uint32_t>> users;
  for (uint32_t at = 0; at < entries_.size(); ++at) users[user_of(entries_[at])].push_back(at);
  const auto before = [this](uint32_t a, uint32_t b) { return path_of(entries_[a]) < path_of(entries_[b]); };
  std::vector<const std::vector<uint32_t>*> order;
  order.reserve(users.size());
  for (auto& [user, own] : users) {
    if (!std::is_sorted(own.begin(), own.end(), before)) std::sort(own.begin(), own.end(), before);
    order.push_back(&own);
  }
  // By paths and not by names of users: `a-b/x` comes before `a/x`.
  std::sort(order.begin(), order.end(), [&](const auto* a, const auto* b) { return before(a->front(), b->front()); });
  by_path_.reserve(entries_.size());
  for (const auto* own : order) by_path_.insert(by_path_.end(), own->begin(), own->end());
}

void Directory::append_available(std::string& out, std::string_view user, const Filter& filter, size_t max) const {
  std::string prefix(user);
  prefix.push_back('/');
  auto at = std::partition_point(by_path_.begin(), by_path_.end(),
                                 [&](uint32_t each) { return path_of(entries_[each]) < prefix; });
  size_t count = 0;
  out.push_back('[');
  for (; at != by_path_.end() && count < max && user_of(entries_[*at]) == user; ++at) {
    const Entry& entry = entries_[*at];
    if (filter && !filter(user_of(entry), name_of(entry))) continue;
    if (count++ > 0) out.push_back(',');
    out.append("\"").append(path_of(entry)).append("\"");
  }
  out.push_back(']');
}

void Directory::append_all(std::string& out) const {
  out.push_back('[');
  for (const uint32_t at : by_path_) {
    out.append(out.ends_with('[') ? "\"" : ",\"").append(path_of(entries_[at])).append("\"");
  }
  out.push_back(']');
}

// --- DirectoryCache --------------------------------------------------------------------------------------------

DirectoryCache::Stamp DirectoryCache::stamp_of(const sandbox::RoutingTable& table, MonoTime now) {
  return {&table, table.generation(), now};
}

bool DirectoryCache::Stamp::fits(const sandbox::RoutingTable& newest, MonoTime now, Nanos lag) const {
  if (table == nullptr) return false;
  if (table == &newest && generation == newest.generation()) return true;
  // Another worker may still have the table before: it need not be made again.
  if (generation > newest.generation()) return true;
  return now - at < std::max(lag, kLagPerSandbox * static_cast<int64_t>(newest.size()));
}

DirectoryCache::Answer DirectoryCache::of(const sandbox::RoutingTable& table, MonoTime now, Nanos lag,
                                          uint64_t waited_for) {
  std::shared_ptr<const sandbox::RoutingTable> kept;
  if (built_elsewhere_ && table.size() > kFewSandboxes) kept = table.weak_from_this().lock();
  {
    const std::lock_guard lock(mutex_);
    const bool promised = waited_for != 0 && done_.number >= waited_for;
    if (directory_ && (promised || done_.stamp.fits(table, now, lag))) return {directory_, done_.number};
    if (kept) {
      if (running_.number != 0 && running_.stamp.fits(table, now, lag)) return {nullptr, running_.number};
      if (wanted_.number == 0) wanted_.number = ++last_number_;
      if (wanted_.table == nullptr || wanted_.stamp.generation <= table.generation()) {
        wanted_.stamp = stamp_of(table, now);
        wanted_.table = std::move(kept);
      }
      return {nullptr, wanted_.number};
    }
  }
  // Outside the lock: two workers may both make it, but none waits for another.
  auto made = std::make_shared<const Directory>(table, route_by_);
  const std::lock_guard lock(mutex_);
  if (!directory_ || !done_.stamp.fits(table, now, lag)) {
    done_.stamp = stamp_of(table, now);
    directory_ = made;
  }
  return {made, done_.number};
}

void DirectoryCache::build() {
  const std::lock_guard one_at_a_time(building_);
  std::shared_ptr<const sandbox::RoutingTable> table;
  {
    const std::lock_guard lock(mutex_);
    if (wanted_.number == 0) return;
    running_ = std::exchange(wanted_, {});
    table = std::move(running_.table);
  }
  auto made = std::make_shared<const Directory>(*table, route_by_);
  {
    const std::lock_guard lock(mutex_);
    done_ = std::exchange(running_, {});
    std::swap(directory_, made);
  }
  // What was there before is freed here, outside the lock, unless somebody still reads it.
}

size_t DirectoryCache::count(const sandbox::RoutingTable& table, MonoTime now) {
  // Who answers for a path has some way to be reached; which one only matters where one kind is not taken.
  if (route_by_ != RouteBy::kService) return table.user_paths();
  {
    const std::lock_guard lock(mutex_);
    if (count_stamp_.fits(table, now, Nanos(0))) return count_;
  }
  size_t count = 0;
  for_each_listed(table, route_by_, [&](const sandbox::SandboxRecord&) { ++count; });
  const std::lock_guard lock(mutex_);
  count_stamp_ = stamp_of(table, now);
  count_ = count;
  return count;
}

}  // namespace sandgate::front::path
