#include "tenant_world.h"

#include <algorithm>
#include <cerrno>

#include "objects.h"

namespace sandgate::simulation {
namespace {

constexpr uint32_t kNetwork = 0x0a01'0000;
constexpr uint16_t kPort = 8888;
constexpr Nanos kRequestTimeout = Millis(300);
/// Past every time limit of the gateway's.
constexpr Nanos kQuietAfter = Seconds(120);

proxy::ProxyOptions proxy_options() {
  proxy::ProxyOptions o;
  o.timeout = std::chrono::duration_cast<Millis>(kRequestTimeout);
  o.connect_timeout = Millis(100);
  o.retry.initial_delay = Millis(10);
  o.retry.retries_max = 1;
  o.pool.idle_total_max = 64;
  o.limits.connections_max = 1000;
  return o;
}

front::router::RouterOptions router_options() {
  front::router::RouterOptions o;
  o.timeout = std::chrono::duration_cast<Millis>(kRequestTimeout);
  return o;
}

}  // namespace

TenantWorld::TenantWorld(uint64_t seed, const TenantPlan& plan)
    : plan_(plan),
      random_(seed),
      neighbourhood_{timeline_, random_, [this](const std::string& what) { violation(what); }},
      api_(timeline_, random_.next()),
      options_(proxy_options()),
      front_(router_options(), false, 0),
      gateway_(timeline_, clock_, random_,
               {options_, front_, *this, std::make_shared<const sandbox::RoutingTable>(), nullptr, PollerPlan{}}) {
  for (unsigned i = 0; i < plan.addresses; ++i) {
    premises_.push_back(std::make_unique<Premises>(neighbourhood_, IpAddress::v4(kNetwork + 1 + i)));
  }
  gateway_.network().set_dialler([this](const Endpoint& to, int& error) { return dial(to, error); });
  watch_ = std::make_unique<ClusterWatch>(timeline_, clock_, api_, kube::WatchOptions{}, random_.next(),
                                          [this](TenantPlan::Table table) { take(std::move(table)); });
  for (unsigned i = 0; i < plan.names; ++i) {
    names_.push_back("sb" + std::to_string(i));
    for (unsigned n = 0; n < plan.callers_per_name; ++n) {
      callers_.push_back(std::make_unique<Caller>(*this, timeline_, names_.back(), plan.think_max, random_.next()));
    }
  }
}

TenantWorld::~TenantWorld() = default;

void TenantWorld::violation(const std::string& what) {
  const double seconds = std::chrono::duration<double>(timeline_.now().time_since_epoch()).count();
  violations_.push_back("at " + std::to_string(seconds) + ": " + what);
}

Nanos TenantWorld::soon() { return std::chrono::microseconds(random_.below(3000)); }

// --- the cluster -------------------------------------------------------------------------------------------------

void TenantWorld::put_later(const std::string& plural, const std::string& name, std::string json) {
  timeline_.after(soon(), [this, plural, name, json = std::move(json)] { api_.put(plural, name, json); });
}

void TenantWorld::remove_later(const std::string& plural, const std::string& name) {
  timeline_.after(soon(), [this, plural, name] { api_.remove(plural, name); });
}

bool TenantWorld::lives(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found != by_name_.end() && !found->second->leaving;
}

Tenant& TenantWorld::move_in(const std::string& name, Premises& at) {
  Tenant& tenant = tenants_.emplace_back();
  std::string& uid = uids_[name];
  if (uid.empty()) uid = name + "-" + std::to_string(++uids_made_);
  tenant.name = name;
  tenant.uid = uid;
  tenant.pod_uid = "pod-" + std::to_string(++uids_made_);
  by_name_[name] = &tenant;
  at.move_in(tenant);
  const std::string address = tenant.address.to_string();
  put_later("sandboxes", name, to_json(SandboxFacts{.name = name, .uid = uid, .address = address}));
  put_later("pods", name, to_json(PodFacts{.name = name, .uid = tenant.pod_uid, .owner_uid = uid, .address = address}));
  return tenant;
}

void TenantWorld::take_down(Premises& at, Leave how, bool program_too) {
  Tenant& tenant = *at.tenant();
  tenant.leaving = true;
  if (random_.one_in(2)) {  // its end is announced
    api_.put("pods", tenant.name,
             to_json(PodFacts{.name = tenant.name,
                              .uid = tenant.pod_uid,
                              .owner_uid = tenant.uid,
                              .address = tenant.address.to_string(),
                              .deleting = true}));
  }
  remove_later("pods", tenant.name);
  if (how == Leave::kDeleted) {
    remove_later("sandboxes", tenant.name);
    uids_.erase(tenant.name);
  }
  if (program_too) at.move_out();
}

/// A new table: who is in it, and who is not any more.
void TenantWorld::take(TenantPlan::Table table) {
  table_ = std::move(table);
  for (const auto& [name, tenant] : by_name_) {
    const sandbox::SandboxRecord* record = table_->holder({"default", name});
    const bool named = record != nullptr && record->ready() && record->pool_uid == tenant->pod_uid &&
                       record->address == tenant->address;
    if (named && tenant->fenced) violation(name + " is routed to although it was gone");
    tenant->routed |= named;
    tenant->fenced = tenant->routed && !named;
    if (tenant->fenced && !tenant->leaving) violation(name + " has lost its route although it lives");
  }
  gateway_.worker().post_table(plan_.veil ? plan_.veil(table_) : table_);
  if (step_) step_();
}

// --- the network -------------------------------------------------------------------------------------------------

Link& TenantWorld::new_link() {
  LinkPlan plan;
  for (FlowPlan& flow : plan.flow) {
    flow.latency = std::chrono::microseconds(20 + random_.below(300));
    flow.jitter = std::chrono::microseconds(random_.below(100));
  }
  links_.push_back(std::make_unique<Link>(timeline_, random_, plan));
  return *links_.back();
}

Link& TenantWorld::connect_to_gateway() {
  Link& link = new_link();
  const Endpoint peer{IpAddress::v4(0xc0a8'0001), static_cast<uint16_t>(1024 + links_.size() % 60'000)};
  timeline_.after(link.plan().flow[kPeer].latency, [this, &link, peer] {
    if (!gateway_.arrive(link, peer)) return link.refuse(kPeer, ECONNREFUSED);
    link.establish();
  });
  return link;
}

Link* TenantWorld::dial(const Endpoint& to, int&) {
  const auto found =
      std::find_if(premises_.begin(), premises_.end(), [&](const auto& each) { return each->address() == to.address; });
  if (found == premises_.end() || to.port != kPort) violation("a dial to " + to.to_string());
  Premises& at = found == premises_.end() ? *premises_.front() : **found;
  Link& link = new_link();
  const Nanos delay = std::chrono::microseconds(random_.below(random_.one_in(4) ? 15'000 : 1000));
  timeline_.after(delay, [&link, &at] {
    if (link.closed(kGateway)) return;
    if (at.tenant() == nullptr) return link.refuse(kGateway, ECONNREFUSED);
    at.accept(link);
    link.establish();
  });
  return &link;
}

void TenantWorld::resolve(const std::string& name, std::function<void(proxy::NameAnswer)> done) {
  violation("the name " + name + " is asked for");
  done({});
}

// --- requests ----------------------------------------------------------------------------------------------------

const Tenant* TenantWorld::owing(const std::string& name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return nullptr;
  const Tenant& tenant = *found->second;
  return tenant.routed && !tenant.leaving && !tenant.fenced ? &tenant : nullptr;
}

void TenantWorld::answered(const std::string& name, int status, std::string_view tenant_uid, const Tenant* owing) {
  ++requests_;
  ++asked_[name];
  if (status == 200) {
    ++answered_;
    if (!tenant_uid.starts_with(name + "-")) violation(name + " was answered by " + std::string(tenant_uid));
  } else if (owing != nullptr && !owing->leaving) {
    violation("a request for " + name + ", which lives, ended with " + std::to_string(status));
  }
  if (step_) step_();
}

// --- running -----------------------------------------------------------------------------------------------------

void TenantWorld::start_callers() {
  for (const auto& caller : callers_) caller->start();
}

void TenantWorld::finish() {
  for (const auto& caller : callers_) caller->stop();
  const auto all_done = [this] {
    return std::all_of(callers_.begin(), callers_.end(), [](const auto& each) { return each->done(); });
  };
  if (!gateway_.run(timeline_.now() + kQuietAfter, all_done)) violation("the loop spins");
  if (!all_done()) violation("a client waits for ever");
  gateway_.run(timeline_.now() + kQuietAfter);
  for (const std::string& left : gateway_.leftovers()) violation(left);
  gateway_.worker().post_drain();
  gateway_.run(timeline_.now() + Seconds(1));
  for (const std::string& left : gateway_.tear_down()) violation(left);
}

}  // namespace sandgate::simulation
