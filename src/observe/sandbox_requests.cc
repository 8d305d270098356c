#include "observe/sandbox_requests.h"

#include <cstring>

namespace sandgate::observe {
namespace {

constexpr std::array<std::string_view, SandboxRequests::kClassCount> kClasses = {"none", "1xx", "2xx",
                                                                                 "3xx",  "4xx", "5xx"};

size_t class_of(uint16_t status) {
  const size_t hundreds = status / 100U;
  return hundreds < kClasses.size() ? hundreds : 0;
}

/// "namespace/id" without an allocation; empty when it is longer than two DNS labels can be.
class Key {
 public:
  explicit Key(const AccessRecord& record) {
    const std::string_view ns = record.sandbox_namespace;
    const std::string_view id = record.sandbox_id;
    if (id.empty() || ns.size() + 1 + id.size() > sizeof text_) return;
    std::memcpy(text_, ns.data(), ns.size());
    text_[ns.size()] = '/';
    std::memcpy(text_ + ns.size() + 1, id.data(), id.size());
    size_ = ns.size() + 1 + id.size();
  }
  std::string_view view() const { return {text_, size_}; }

 private:
  char text_[320];
  size_t size_ = 0;
};

}  // namespace

std::string_view SandboxRequests::class_label(size_t status_class) { return kClasses.at(status_class); }

void SandboxRequests::record(const AccessRecord& record) {
  const Key key(record);
  const bool known = record.routed && record.namespace_known && !key.view().empty();
  const std::scoped_lock lock(mutex_);
  Entry* entry = known ? find_or_add(key.view(), record.time) : nullptr;
  ++(entry != nullptr ? entry->counts : other_)[class_of(record.status)];
}

SandboxRequests::Entry* SandboxRequests::find_or_add(std::string_view key, WallTime now) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
  } else if (entries_.size() < sandboxes_max_) {
    entries_.push_front({std::string(key), {}, {}});
    by_key_.emplace(entries_.front().key, entries_.begin());
  } else {
    if (entries_.empty() || now - entries_.back().last < kIdle) return nullptr;
    Entry& idle = entries_.back();
    for (size_t i = 0; i < kClassCount; ++i) other_[i] += idle.counts[i];
    by_key_.erase(idle.key);
    idle.key = key;
    idle.counts = {};
    entries_.splice(entries_.begin(), entries_, std::prev(entries_.end()));
    by_key_.emplace(entries_.front().key, entries_.begin());
  }
  entries_.front().last = now;
  return &entries_.front();
}

std::vector<SandboxRequests::Row> SandboxRequests::rows() const {
  std::vector<Row> rows;
  const std::scoped_lock lock(mutex_);
  rows.reserve(entries_.size() + 1);
  for (const Entry& entry : entries_) {
    const size_t slash = entry.key.find('/');  // no namespace has one
    rows.push_back({entry.key.substr(0, slash), entry.key.substr(slash + 1), entry.counts});
  }
  rows.push_back({{}, "other", other_});
  return rows;
}

}  // namespace sandgate::observe
