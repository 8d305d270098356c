// One simulated run: the real Worker with the real router front end, between simulated clients and sandboxes on a
// simulated network, all drawn from one seed.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client.h"
#include "front/router/router_front_end.h"
#include "gateway.h"
#include "sandbox.h"

namespace sandgate::simulation {

/// Sums over runs: what a simulation must have seen to prove anything.
struct Tally {
  size_t exchanges = 0;
  size_t complete = 0;  ///< answered by the sandbox, wholly and rightly
  size_t by_gateway = 0;
  size_t cut = 0;
  size_t excused = 0;
  size_t tunnels = 0;
  size_t replays = 0;  ///< sent twice, because the first connection was stale
  size_t reviews = 0;  ///< of tokens
  std::map<std::string, size_t> faults;

  std::string to_string() const;
};

class World final : public ClientWorld, private proxy::Resolver, private proxy::Reviewer {
 public:
  /// `trace`: told everything that happens, in words; may be empty.
  World(uint64_t seed, size_t exchanges_min, Ledger::Trace trace = {});
  ~World();

  // ClientWorld
  Link& connect_to_gateway(const LinkPlan& plan) override;

  /// Runs until nothing happens any more and every time limit has passed, then checks what must hold.
  void run();
  /// Everything that should not have been. Empty: the run was good.
  const std::vector<std::string>& violations() const { return ledger_.violations(); }
  std::string summary() const;
  size_t exchanges() const { return plan_.exchanges; }
  void add_to(Tally& tally);

 private:
  Link& new_link(const LinkPlan& plan);

  Link* dial_sandbox(const Endpoint& to, int& error);
  void resolve(const std::string& name, std::function<void(proxy::NameAnswer)> done) override;

  void review(const std::string& key, const Secret& token, std::function<void()> done) override;
  void note_those_who_left(Tally& tally) const;

  bool clients_done() const;
  void expect(bool good, const std::string& what);
  void expect_nothing(const std::vector<std::string>& left);
  unsigned index_of(const IpAddress& address) const;
  std::shared_ptr<const sandbox::RoutingTable> routing_table() const;

  Random random_;
  FakeClock clock_;
  Timeline timeline_;
  RunPlan plan_;
  Ledger ledger_;
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<std::unique_ptr<SimSandbox>> sandboxes_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  struct Review {
    unsigned token;
    MonoTime from, to;
  };
  std::vector<Review> reviews_;

  front::router::AuthzState authz_;
  front::router::RouterFrontEnd front_;
  SimGateway gateway_;
  bool drained_ = false;
};

}  // namespace sandgate::simulation
