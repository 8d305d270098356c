// Runs the controllers: which object to look at after which event, when to try again, and carrying plans out.
//
//   event ──▶ keys of objects concerned ──▶ queue (each key once) ──▶ plan_...() ──▶ actions, status ──▶ events
//
// One thread; works in slices between the loop's other business. A failed step is tried again with growing waits.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "devcluster/api.h"
#include "devcluster/plan.h"
#include "io/loop.h"

namespace sandgate::devcluster {

class Manager final : public StoreListener, private io::LaterTask, private io::DeadlineOwner {
 public:
  /// `store`: what is read, and whose events drive everything. All references outlive the manager.
  Manager(Store& store, Api& api, io::Loop& loop, uint64_t seed);
  ~Manager();

  /// While held, events are noted and nothing is done: what is read may be incomplete.
  void hold(bool held);
  /// Where somebody else makes EndpointSlices.
  void leave_endpoints_alone() { makes_endpoints_ = false; }
  uint64_t reconciled() const { return reconciled_; }
  bool idle() const { return queue_.empty(); }

 private:
  enum class What : uint8_t { kSandbox, kClaim, kPool, kBatch, kService, kOwner, kGarbage };
  struct Key {
    What what;
    const ResourceType* type;
    std::string ns;
    std::string name;
    friend auto operator<=>(const Key& a, const Key& b) = default;
  };

  void on_store_event(const ResourceType& type, const StoreEvent& event) override;
  void run_later() override;
  void on_deadline(MonoTime now) override;

  void note(const ResourceType& type, const Stored& object);
  void note_controller(const Stored& object);
  void note_garbage(const ResourceType& type, const StoreEvent& event);
  void note_pod_services(const Stored& pod);
  void note_all(What what, const ResourceType& type, const std::string& ns);
  void enqueue(Key key);
  void enqueue_at(MonoTime when, const Key& key);
  void work(const Key& key);
  void retry(const Key& key, const ApiError& error);

  Plan plan_for(const Key& key, const Json& object);
  Plan claim_plan(const Json& claim);
  Plan service_plan(const Json& service);
  std::vector<Json> controlled(const ResourceType& type, const std::string& uid) const;
  std::optional<Json> read(const ResourceType& type, const std::string& ns, const std::string& name) const;
  Answer<void> carry_out(const Plan& plan, const ResourceType& type, const Json& object);
  Answer<void> carry_out(const Action& action);
  Answer<void> collect(const ResourceType& type, const Json& object);
  Answer<void> finish_owner(const ResourceType& type, const Json& object);

  Store& store_;
  Api& api_;
  io::Loop& loop_;
  const ResourceTable& types_;
  Random random_;
  std::set<Key> queue_;
  std::multimap<MonoTime, Key> later_queue_;
  std::map<Key, unsigned> failures_;
  std::unordered_map<std::string, Labels> selectors_;  // of Services, by NAMESPACE/NAME
  io::DeadlineTimer timer_;
  uint64_t reconciled_ = 0;
  bool held_ = false;
  bool makes_endpoints_ = true;
};

}  // namespace sandgate::devcluster
