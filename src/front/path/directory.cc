#include "front/path/directory.h"

#include <algorithm>
#include <numeric>
#include <tuple>

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

}  // namespace

bool is_listed(const sandbox::RoutingTable& table, const sandbox::SandboxRecord& record, RouteBy route_by) {
  return reach_of(record, route_by) != Reach::kNone &&
         table.find(sandbox::ByUserPath{record.user, record.id}).record == &record;
}

Directory::Directory(const sandbox::RoutingTable& table, RouteBy route_by) {
  std::vector<const sandbox::SandboxRecord*> records;
  records.reserve(table.size());
  size_t room = 0;
  table.for_each([&](const sandbox::SandboxRecord& record) {
    // Labels and names of the Kubernetes API are plain ASCII; what is not, nobody can name in a path either.
    if (!is_listed(table, record, route_by) || !is_plain(record.user) || !is_plain(record.id)) return;
    records.push_back(&record);
    room += kEntryRoom + record.user.size() + record.id.size() + record.service.size() + record.ns.size();
  });
  std::sort(records.begin(), records.end(),
            [](const auto* a, const auto* b) { return std::tie(a->ns, a->id) < std::tie(b->ns, b->id); });
  text_.reserve(room);
  entries_.reserve(records.size());
  for (const sandbox::SandboxRecord* record : records) {
    if (!entries_.empty()) text_.push_back(',');
    Entry entry{};
    entry.begin = static_cast<uint32_t>(text_.size());
    text_.append(R"({"path":")");
    entry.path_begin = static_cast<uint32_t>(text_.size());
    entry.user_size = static_cast<uint32_t>(record->user.size());
    text_.append(record->user).append("/").append(record->id);
    entry.path_end = static_cast<uint32_t>(text_.size());
    text_.append(R"(","service":)");
    append_json(text_, shown_service(*record, route_by));
    text_.append(R"(,"namespace":)");
    append_json(text_, record->ns);
    text_.append(record->ready() ? R"(,"ready":true})" : R"(,"ready":false})");
    entry.end = static_cast<uint32_t>(text_.size());
    entries_.push_back(entry);
  }
  by_user_.resize(entries_.size());
  std::iota(by_user_.begin(), by_user_.end(), 0U);
  std::sort(by_user_.begin(), by_user_.end(), [&](uint32_t a, uint32_t b) {
    return std::pair(user_of(entries_[a]), name_of(entries_[a])) <
           std::pair(user_of(entries_[b]), name_of(entries_[b]));
  });
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

void Directory::append_available(std::string& out, std::string_view user, const Filter& filter, size_t max) const {
  const auto before = [&](uint32_t at, std::string_view wanted) { return user_of(entries_[at]) < wanted; };
  auto at = user.empty() ? by_user_.begin() : std::lower_bound(by_user_.begin(), by_user_.end(), user, before);
  size_t count = 0;
  out.push_back('[');
  for (; at != by_user_.end() && count < max; ++at) {
    const Entry& entry = entries_[*at];
    if (!user.empty() && user_of(entry) != user) break;
    if (filter && !filter(user_of(entry), name_of(entry))) continue;
    if (count++ > 0) out.push_back(',');
    out.append("\"").append(path_of(entry)).append("\"");
  }
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
  table.for_each([&](const sandbox::SandboxRecord& record) { count += is_listed(table, record, route_by_) ? 1U : 0U; });
  const std::lock_guard lock(mutex_);
  count_stamp_ = stamp_of(table, now);
  count_ = count;
  return count;
}

}  // namespace sandgate::front::path
