// Modes that go straight to the pod or its Service, from inside the cluster (contract client 2.1): the classic runtime
// and sandboxd.
#pragma once

#include "client/connector.h"

namespace sandgate::client {

class InClusterConnector : public Connector {
 public:
  struct Plan {
    std::uint16_t port = 8888;
    bool use_pod_ip = true;
    bool use_dns = true;  ///< also as the way out while no address is known
    Dialect dialect = Dialect::kClassic;
  };
  explicit InClusterConnector(Plan plan) : plan_(plan) {}

  Task<Result<Target>> target(Scope& scope, SandboxState& sandbox) override;
  void failed(SandboxState& sandbox, bool answered) override;
  Dialect dialect() const override { return plan_.dialect; }
  std::uint16_t server_port() const override { return plan_.port; }

 private:
  Plan plan_;
};

}  // namespace sandgate::client
