// The tunnel that another program makes: `kubectl port-forward` (contract client 2.3). It dies with us: the kernel
// kills it when the loop thread ends.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sandgate/options.hpp>

#include "client/http.h"

namespace sandgate::client {

struct KubectlPlan {
  std::string program = "kubectl";
  std::string ns, service;
  uint16_t port = 8080;
  std::string kubeconfig, context;
  std::optional<KubernetesApi> api;  ///< written to a private temporary kubeconfig while kubectl starts
};

class KubectlTunnel {
 public:
  /// Looks whether the Service is there, starts kubectl, and waits until its port answers.
  static Task<Result<std::unique_ptr<KubectlTunnel>>> start(Scope& scope, KubectlPlan plan);
  KubectlTunnel(int pid, int stderr_fd, uint16_t port) : pid_(pid), stderr_fd_(stderr_fd), port_(port) {}
  ~KubectlTunnel();
  KubectlTunnel(const KubectlTunnel&) = delete;
  KubectlTunnel& operator=(const KubectlTunnel&) = delete;

  uint16_t port() const { return port_; }
  /// Reads what it said meanwhile, at most the last 64 KiB are kept.
  bool alive();
  const std::string& said() const { return said_; }

 private:
  int pid_;
  int stderr_fd_;
  uint16_t port_;
  bool ended_ = false;
  std::string said_;
};

}  // namespace sandgate::client
