#include "observe/labels.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <iterator>

namespace sandgate::observe {
namespace {

constexpr std::array<std::string_view, kMethodCount> kMethods = {"GET",   "HEAD",    "POST",  "PUT",  "DELETE",
                                                                 "PATCH", "OPTIONS", "TRACE", "other"};
constexpr MethodId kOtherMethod = kMethodCount - 1;

// The codes of IANA's registry, and the two of our own.
constexpr uint16_t kStatuses[] = {
    100, 101,         102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302,
    303, 304,         305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411,
    412, 413,         414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, kClosedUnanswered,
    451, kClientLeft, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511};
constexpr size_t kStatusCount = std::size(kStatuses) + 1;
constexpr StatusId kOtherStatus = kStatusCount - 1;
static_assert(kStatusCount < 128, "series keys give seven bits to the status");

constexpr std::array<StatusId, 600> kStatusIds = [] {
  std::array<StatusId, 600> ids{};
  ids.fill(kOtherStatus);
  for (size_t i = 0; i < std::size(kStatuses); ++i) ids[kStatuses[i]] = static_cast<StatusId>(i);
  return ids;
}();

const std::array<std::string, kStatusCount>& status_texts() {
  static const std::array<std::string, kStatusCount> kTexts = [] {
    std::array<std::string, kStatusCount> texts;
    for (size_t i = 0; i < std::size(kStatuses); ++i) texts[i] = std::to_string(kStatuses[i]);
    texts[kOtherStatus] = "other";
    return texts;
  }();
  return kTexts;
}

}  // namespace

MethodId method_id(std::string_view method) {
  for (MethodId id = 0; id < kOtherMethod; ++id) {
    if (kMethods[id] == method) return id;
  }
  return kOtherMethod;
}

std::string_view method_label(MethodId id) { return kMethods[std::min<size_t>(id, kOtherMethod)]; }

StatusId status_id(uint16_t status) { return status < kStatusIds.size() ? kStatusIds[status] : kOtherStatus; }

size_t status_count() { return kStatusCount; }

std::string_view status_label(StatusId id) { return status_texts()[std::min<size_t>(id, kOtherStatus)]; }

UpstreamReason upstream_reason(Code code) {
  switch (code) {
    case Code::kDnsFailed:
    case Code::kTargetRefused:
    case Code::kConnectFailed:
      return UpstreamReason::kDial;
    case Code::kConnectTimeout:
    case Code::kUpstreamTimeout:
      return UpstreamReason::kTimeout;
    case Code::kUpstreamReset:
      return UpstreamReason::kEof;
    case Code::kBadResponse:
    case Code::kUnexpectedUpgrade:
    case Code::kSandboxNotFound:
    case Code::kSandboxNotReady:
      return UpstreamReason::kOther;
    default:
      return UpstreamReason::kUnknown;
  }
}

std::string_view upstream_reason_label(UpstreamReason reason) {
  switch (reason) {
    case UpstreamReason::kDial:
      return "dial";
    case UpstreamReason::kTimeout:
      return "timeout";
    case UpstreamReason::kTls:
      return "tls";
    case UpstreamReason::kEof:
      return "eof";
    case UpstreamReason::kOther:
      return "other";
    case UpstreamReason::kUnknown:
      return "unknown";
  }
  return "unknown";
}

NamespaceTable::NamespaceTable() : names_{"-", "unknown", "other"} { names_.reserve(kNamespaceIdCount); }

NamespaceId NamespaceTable::intern(std::string_view name) {
  const std::lock_guard lock(mutex_);
  // A namespace may be called like one of the labels of ours ("other" is a valid name): then it shares that
  // series.
  const auto found = std::ranges::find(names_, name);
  if (found != names_.end()) return static_cast<NamespaceId>(found - names_.begin());
  if (names_.size() >= kNamespaceIdCount) return kOtherNamespace;
  names_.emplace_back(name);
  return static_cast<NamespaceId>(names_.size() - 1);
}

std::vector<std::string> NamespaceTable::names() const {
  const std::lock_guard lock(mutex_);
  return names_;
}

NamespaceCache::NamespaceCache(NamespaceTable& table) : table_(table) { take_all(); }

NamespaceCache::Slot& NamespaceCache::slot_for(std::string_view name, uint64_t hash) {
  size_t i = hash % kSlots;
  for (;; i = (i + 1) % kSlots) {
    Slot& slot = slots_[i];
    if (slot.size == 0) return slot;
    if (slot.hash == hash && std::string_view(slot.name, slot.size) == name) return slot;
  }
}

NamespaceId NamespaceCache::find(std::string_view name, bool known) {
  if (name.empty() || name.size() > sizeof(Slot::name)) return kUnknownNamespace;
  const uint64_t hash = std::hash<std::string_view>{}(name);
  Slot& slot = slot_for(name, hash);
  if (slot.size != 0) return slot.id;
  if (!known) return kUnknownNamespace;
  if (full_) return kOtherNamespace;
  const NamespaceId id = table_.intern(name);
  if (id == kOtherNamespace && name != "other") {
    take_all();
    full_ = true;
    return id;
  }
  put(slot, name, hash, id);
  return id;
}

void NamespaceCache::put(Slot& slot, std::string_view name, uint64_t hash, NamespaceId id) {
  slot.hash = hash;
  slot.id = id;
  slot.size = static_cast<uint8_t>(name.size());
  std::memcpy(slot.name, name.data(), name.size());
}

void NamespaceCache::take_all() {
  const std::vector<std::string> names = table_.names();
  for (size_t id = kOtherNamespace + 1; id < names.size(); ++id) {
    const uint64_t hash = std::hash<std::string_view>{}(names[id]);
    Slot& slot = slot_for(names[id], hash);
    if (slot.size == 0) put(slot, names[id], hash, static_cast<NamespaceId>(id));
  }
}

}  // namespace sandgate::observe
