#include "sandbox/store.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "sandbox/table_memory.h"

namespace sandgate::sandbox {
namespace {

std::string key_of(std::string_view ns, std::string_view name) {
  std::string key;
  key.reserve(ns.size() + 1 + name.size());
  return key.append(ns).append("/").append(name);
}

/// `*` in the pattern stands for any text, `{user}` for the user.
bool matches(std::string_view pattern, std::string_view user, std::string_view ns) {
  if (pattern.empty()) return ns.empty();
  constexpr std::string_view kUser = "{user}";
  if (pattern.starts_with(kUser)) {
    return ns.starts_with(user) && matches(pattern.substr(kUser.size()), user, ns.substr(user.size()));
  }
  if (pattern.front() == '*') {
    for (size_t skip = 0; skip <= ns.size(); ++skip) {
      if (matches(pattern.substr(1), user, ns.substr(skip))) return true;
    }
    return false;
  }
  return !ns.empty() && ns.front() == pattern.front() && matches(pattern.substr(1), user, ns.substr(1));
}

bool same(const SandboxRecord& a, const SandboxRecord& b) {
  const auto facts = [](const SandboxRecord& r) {
    return std::tie(r.ns, r.id, r.uid, r.pool_uid, r.address, r.port, r.state, r.warm, r.addresses, r.user, r.service,
                    r.service_fqdn, r.reason, r.message, r.replicas, r.ready_replicas, r.endpoint_problem,
                    r.has_status);
  };
  return facts(a) == facts(b) && a.access_token.reveal() == b.access_token.reveal();
}

bool same(const PodObject& a, const PodObject& b) {
  return a.owner_uid == b.owner_uid && a.addresses == b.addresses && a.ready == b.ready;
}

}  // namespace

Store::Store(StoreOptions options, Note note)
    : options_(std::move(options)),
      note_(std::move(note)),
      projector_(options_.project),
      builder_({.uid = options_.uid_keys, .user_path = options_.user_paths, .id = options_.id_keys}) {}

SourceId Store::add_source(SourceKind kind) {
  sources_.emplace_back().kind = kind;
  return static_cast<SourceId>(sources_.size() - 1);
}

bool Store::complete() const {
  return std::all_of(sources_.begin(), sources_.end(),
                     [](const Source& s) { return s.listed || s.kind == SourceKind::kPods; });
}

// --- what the watches say ----------------------------------------------------------------------------------------

void Store::list_begin(SourceId id) {
  Source& source = sources_[id];
  ++source.epoch;
  source.resyncing = false;
  source.touched.clear();
}

void Store::list_object(SourceId id, std::string_view json) { apply(id, json, false); }

void Store::list_end(SourceId id) {
  Source& source = sources_[id];
  source.listed = true;
  const auto gone = [&](const Seen& seen) { return seen.source == id && seen.epoch != source.epoch; };
  if (source.kind == SourceKind::kPods) {
    sweep(pods_, gone, [this](const std::string& uid) { forget_pod(uid); });
  } else {
    sweep(sandboxes_, gone, [this](const std::string& key) { forget_sandbox(key); });
  }
  if (complete()) builder_.set_complete();
}

void Store::upsert(SourceId id, std::string_view json) { apply(id, json, false); }

void Store::remove(SourceId id, std::string_view json) {
  const auto name = projector_.name(json);
  if (!name) return bad_object(name.error());
  Source& source = sources_[id];
  if (source.kind == SourceKind::kPods) {
    touch(source, name->uid);
    return forget_pod(name->uid);
  }
  const std::string key = key_of(name->ns, name->name);
  touch(source, key);
  // Of a namesake that is already gone: its successor stays.
  const auto found = sandboxes_.find(key);
  if (found != sandboxes_.end() && found->second.own.uid == name->uid) forget_sandbox(key);
}

void Store::resync_begin(SourceId id) {
  Source& source = sources_[id];
  source.resyncing = true;
  ++source.resync_epoch;
  source.touched.clear();
}

void Store::resync_object(SourceId id, std::string_view json) {
  if (sources_[id].resyncing) apply(id, json, true);
}

void Store::resync_end(SourceId id, bool complete) {
  Source& source = sources_[id];
  if (!source.resyncing) return;
  source.resyncing = false;
  const auto touched = std::move(source.touched);
  source.touched.clear();
  if (!complete) return;
  const auto stale = [&](const auto& entry) {
    return entry.second.seen.source == id && entry.second.seen.resync_epoch != source.resync_epoch &&
           !touched.contains(entry.first);
  };
  std::vector<std::string> gone;
  if (source.kind == SourceKind::kPods) {
    for (const auto& entry : pods_) {
      if (stale(entry)) gone.push_back(entry.first);
    }
    for (const std::string& uid : gone) forget_pod(uid);
  } else {
    for (const auto& entry : sandboxes_) {
      if (stale(entry)) gone.push_back(entry.first);
    }
    for (const std::string& key : gone) forget_sandbox(key);
  }
  counters_.drift += gone.size();
}

void Store::set_pods_current(bool current) {
  if (current == pods_current_) return;
  pods_current_ = current;
  for (auto& [key, entry] : sandboxes_) {
    entry.moved = false;
    refresh(key);
  }
}

// --- objects -----------------------------------------------------------------------------------------------------

void Store::touch(Source& source, const std::string& key) {
  if (source.resyncing) source.touched.insert(key);
}

void Store::bad_object(const Error& error) {
  ++counters_.bad_objects;
  note_(error.message);
}

void Store::apply(SourceId id, std::string_view json, bool resync) {
  switch (sources_[id].kind) {
    case SourceKind::kSandboxes: {
      auto object = projector_.sandbox(json);
      if (!object) return bad_object(object.error());
      if (!object->bad_port.empty()) {
        ++counters_.bad_ports;
        note_(key_of(object->record.ns, object->record.id) + ": annotation " + std::string(kPortAnnotation) + " is `" +
              object->bad_port + "`, ignored; it must be a port from 1 to 65535");
      }
      return apply_sandbox(id, std::move(object->record), resync);
    }
    case SourceKind::kBatchSandboxes: {
      auto record = projector_.batch_sandbox(json);
      if (!record) return bad_object(record.error());
      return apply_sandbox(id, std::move(*record), resync);
    }
    case SourceKind::kPods: {
      auto pod = projector_.pod(json);
      if (!pod) return bad_object(pod.error());
      return apply_pod(id, std::move(*pod), resync);
    }
  }
}

void Store::apply_sandbox(SourceId id, SandboxRecord record, bool resync) {
  Source& source = sources_[id];
  const std::string key = key_of(record.ns, record.id);
  auto& entry = sandboxes_[key];
  const bool fresh = entry.own.uid.empty();
  if (resync) {
    entry.seen.resync_epoch = source.resync_epoch;
    if (source.touched.contains(key)) {
      if (fresh) sandboxes_.erase(key);  // deleted while the resync ran
      return;
    }
    if (!fresh && same(entry.own, record)) return;
    ++counters_.drift;
  } else {
    touch(source, key);
  }
  entry.seen = {id, source.epoch, entry.seen.resync_epoch};
  if (!fresh && entry.own.uid != record.uid) {
    key_of_uid_.erase(entry.own.uid.str());
    entry.had_pod = entry.moved = false;
  } else if (!fresh && !pods_current_) {
    entry.moved |= entry.own.addresses != record.addresses;
  }
  entry.had_pod |= pods_of_.contains(record.uid.str());
  key_of_uid_[record.uid.str()] = key;
  if (options_.user_paths) {
    const std::string before = fresh ? std::string() : key_of(entry.own.user, entry.own.id);
    const std::string now = key_of(record.user, record.id);
    if (before != now) {
      if (!fresh) {
        std::erase(rivals_[before], key);
        claim(before);
      }
      rivals_[now].push_back(key);
    }
  }
  entry.own = std::move(record);
  refresh(key);
}

void Store::apply_pod(SourceId id, PodObject pod, bool resync) {
  Source& source = sources_[id];
  const std::string uid = pod.uid;
  if (pod.owner_uid.empty()) {  // adopted away, or never of a Sandbox
    touch(source, uid);
    return forget_pod(uid);
  }
  auto& entry = pods_[uid];
  const bool fresh = entry.pod.uid.empty();
  if (resync) {
    entry.seen.resync_epoch = source.resync_epoch;
    if (source.touched.contains(uid)) {
      if (fresh) pods_.erase(uid);
      return;
    }
    if (!fresh && same(entry.pod, pod)) return;
    ++counters_.drift;
  } else {
    touch(source, uid);
  }
  entry.seen = {id, source.epoch, entry.seen.resync_epoch};
  const std::string old_owner = entry.pod.owner_uid;
  const std::string owner = pod.owner_uid;
  entry.pod = std::move(pod);
  if (old_owner != owner) {
    if (!old_owner.empty()) {
      std::erase(pods_of_[old_owner], uid);
      if (pods_of_[old_owner].empty()) pods_of_.erase(old_owner);
      refresh_owner(old_owner);
    }
    pods_of_[owner].push_back(uid);
    if (const auto key = key_of_uid_.find(owner); key != key_of_uid_.end()) sandboxes_.at(key->second).had_pod = true;
  }
  refresh_owner(owner);
}

void Store::forget_sandbox(const std::string& key) {
  const auto found = sandboxes_.find(key);
  if (found == sandboxes_.end()) return;
  const SandboxRecord own = std::move(found->second.own);
  const auto by_uid = key_of_uid_.find(own.uid.str());
  if (by_uid != key_of_uid_.end() && by_uid->second == key) key_of_uid_.erase(by_uid);
  sandboxes_.erase(found);
  if (options_.user_paths) {
    const std::string path = key_of(own.user, own.id);
    std::erase(rivals_[path], key);
    claim(path);
  } else {
    builder_.remove(own.ns, own.id);
  }
}

void Store::forget_pod(const std::string& uid) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) return;
  const std::string owner = found->second.pod.owner_uid;
  pods_.erase(found);
  auto& siblings = pods_of_[owner];
  std::erase(siblings, uid);
  if (siblings.empty()) pods_of_.erase(owner);
  refresh_owner(owner);
}

template <class Entries, class Forget>
size_t Store::sweep(Entries& entries, const std::function<bool(const Seen&)>& gone, const Forget& forget) {
  std::vector<std::string> keys;
  for (const auto& [key, entry] : entries) {
    if (gone(entry.seen)) keys.push_back(key);
  }
  for (const std::string& key : keys) forget(key);
  return keys.size();
}

// --- the table ---------------------------------------------------------------------------------------------------

void Store::refresh_owner(const std::string& owner_uid) {
  const auto key = key_of_uid_.find(owner_uid);
  if (key != key_of_uid_.end()) refresh(key->second);
}

void Store::refresh(const std::string& key) {
  const SandboxEntry& entry = sandboxes_.at(key);
  if (options_.user_paths) return claim(key_of(entry.own.user, entry.own.id));
  SandboxRecord record = *merged(entry);
  const RecordPtr before = builder_.find(record.ns, record.id);
  if (before && same(*before, record)) return;
  builder_.put(make_record(std::move(record)));
}

/// The Pod that serves this sandbox: of several the ready one, then the youngest.
const PodObject* Store::pod_of(const SandboxRecord& record) const {
  const auto found = pods_of_.find(record.uid.str());
  if (found == pods_of_.end()) return nullptr;
  const PodObject* best = nullptr;
  for (const std::string& uid : found->second) {
    const PodObject& pod = pods_.at(uid).pod;
    if (best == nullptr ||
        std::tie(pod.ready, pod.created_s, pod.uid) > std::tie(best->ready, best->created_s, best->uid)) {
      best = &pod;
    }
  }
  return best;
}

std::optional<SandboxRecord> Store::merged(const SandboxEntry& entry) const {
  SandboxRecord record = entry.own;
  if (record.kind != Kind::kSandbox) return record;
  const PodObject* pod = pod_of(record);
  // Without a word about Pods the Sandbox's own stands; but a Pod that is known to be gone stays gone: its address may
  // be another's by now. So may be what the Sandbox said before its Pod came: only what it says since counts.
  if (!pods_current_) {
    const bool moved = pod != nullptr && entry.moved && !record.addresses.empty() && record.addresses != pod->addresses;
    if (moved || (pod == nullptr && !entry.had_pod)) return record;
  }
  // The Pod knows first: it is gone before the Sandbox's status says so.
  record.addresses = pod != nullptr ? pod->addresses : std::vector<IpAddress>{};
  record.address.reset();
  if (!record.addresses.empty()) record.address = record.addresses.front();
  if (pod != nullptr) record.pool_uid = pod->uid;
  if (record.state == State::kReady && (pod == nullptr || !pod->ready)) {
    record.state = State::kStarting;
    record.reason = "DependenciesNotReady";
    record.message = pod == nullptr ? "its Pod is gone" : "its Pod is not ready";
  }
  return record;
}

bool Store::may_own_path(const SandboxRecord& record) const {
  if (record.warm) return false;
  if (!options_.user_namespace.empty() && !matches(options_.user_namespace, record.user, record.ns)) return false;
  return !record.service.empty() || !record.service_fqdn.empty() || !record.addresses.empty();
}

/// Each sandbox that loses its path is told of once, when it comes.
void Store::report_rivals(const std::string& path, size_t count, const SandboxRecord& winner) {
  size_t& known = rivals_known_[path];
  if (count > known && count > 1) {
    counters_.duplicates += count - std::max<size_t>(known, 1);
    note_(path + ": " + std::to_string(count) + " sandboxes have this user and name; the one in namespace " +
          winner.ns + " is the oldest and answers");
  }
  known = count;
  if (count <= 1) rivals_known_.erase(path);
}

/// Decides who answers for a user path: the oldest, then the one of the smaller namespace. The others are out of the
/// table (contract path-proxy 5.3).
void Store::claim(const std::string& path) {
  const auto rivals = rivals_.find(path);
  std::optional<SandboxRecord> winner;
  size_t count = 0;
  if (rivals != rivals_.end()) {
    for (const std::string& key : rivals->second) {
      std::optional<SandboxRecord> record = merged(sandboxes_.at(key));
      if (!may_own_path(*record)) continue;
      ++count;
      if (!winner || std::tie(record->created_s, record->ns) < std::tie(winner->created_s, winner->ns)) {
        winner = std::move(record);
      }
    }
    if (rivals->second.empty()) rivals_.erase(rivals);
  }
  const size_t slash = path.find('/');
  const std::string_view user = std::string_view(path).substr(0, slash);
  const std::string_view id = std::string_view(path).substr(slash + 1);
  const RecordPtr before = builder_.user_path(user, id);
  if (!winner) {
    builder_.claim_user_path(user, id, nullptr);
    if (before) builder_.remove(before->ns, before->id);
    return;
  }
  report_rivals(path, count, *winner);
  if (before && same(*before, *winner)) return;
  if (before && before->ns != winner->ns) builder_.remove(before->ns, before->id);
  RecordPtr record = make_record(std::move(*winner));
  builder_.put(record);
  builder_.claim_user_path(user, id, record);
}

std::shared_ptr<const RoutingTable> Store::build() { return builder_.build(); }

}  // namespace sandgate::sandbox
