// For tests of the path mode: a table in which every sandbox that is put answers for its user and name.
#pragma once

#include <memory>
#include <string>

#include "sandbox/table_builder.h"

namespace sandgate::front::path {

struct TestTable {
  TestTable() { builder.set_complete(); }

  /// A ready sandbox with a Service; change it and put() it.
  static sandbox::SandboxRecord record(const std::string& user, const std::string& name,
                                       const std::string& ns = "default") {
    sandbox::SandboxRecord r;
    r.ns = ns;
    r.id = name;
    r.user = user;
    r.uid = "uid-" + name;
    r.pool_uid = "pod-" + name;
    r.service = name;
    r.service_fqdn = name + "." + ns + ".svc.cluster.local";
    return r;
  }
  /// Reached by the Pod's address.
  static sandbox::SandboxRecord plain(const std::string& user, const std::string& name, const std::string& address) {
    sandbox::SandboxRecord r = record(user, name);
    r.service.clear();
    r.service_fqdn.clear();
    r.address = *IpAddress::parse(address);
    r.addresses = {*r.address};
    return r;
  }
  void put(sandbox::SandboxRecord record, bool wins = true) {
    auto shared = std::make_shared<const sandbox::SandboxRecord>(std::move(record));
    builder.put(shared);
    if (wins) builder.claim_user_path(shared->user, shared->id, shared);
  }
  const sandbox::RoutingTable* build() {
    table = builder.build();
    return table.get();
  }

  sandbox::TableBuilder builder{{.uid = false, .user_path = true, .id = false}};
  std::shared_ptr<const sandbox::RoutingTable> table;
};

}  // namespace sandgate::front::path
