// Names of Services, by UDP: `SERVICE.NAMESPACE.svc.cluster.local`, as the cluster's DNS answers them (RFC 1035, and
// "DNS-Based Service Discovery" of Kubernetes). What an EndpointSlice lists as ready is answered; a Service without
// ready endpoints does not exist. Services here have no virtual address: a name always means the Pods.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"
#include "devcluster/store.h"

namespace sandgate::devcluster {

/// The answer to one query; empty when it deserves none. `look_up` gets `SERVICE.NAMESPACE` in lower case and gives its
/// addresses. Pure.
std::string dns_answer(std::string_view query,
                       const std::function<std::vector<IpAddress>(const std::string&)>& look_up);

/// Answers on a thread of its own; the names follow the store, whose thread calls everything else.
class DnsServer final : public StoreListener {
 public:
  static Result<std::unique_ptr<DnsServer>> create(Store& store, const Endpoint& at);
  ~DnsServer();
  Endpoint local() const { return local_; }

 private:
  DnsServer(Store& store, int socket, int stop, const Endpoint& local);
  void on_store_event(const ResourceType& type, const StoreEvent& event) override;
  void serve();

  Store& store_;
  const int socket_;
  const int stop_;  // eventfd
  const Endpoint local_;
  std::mutex mutex_;
  std::map<std::string, std::vector<IpAddress>> names_;  // by SERVICE.NAMESPACE
  std::thread thread_;
};

}  // namespace sandgate::devcluster
