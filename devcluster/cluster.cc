#include "devcluster/cluster.h"

#include <unistd.h>

#include <array>

#include "devcluster/preload.h"
#include "devcluster/process_signals.h"
#include "devcluster/seed.h"
#include "devcluster/small_file.h"

namespace sandgate::devcluster {
namespace {

constexpr Seconds kStopTimeout{10};
constexpr std::array<const char*, 7> kNamespaces{"default",           "kube-system",          "kube-public",
                                                 "kube-node-lease",   "agent-sandbox-system", "opensandbox",
                                                 "opensandbox-system"};

/// Later runs begin above earlier ones, so that who watched an earlier one hears that its versions are gone.
uint64_t first_revision(const Clock& clock) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(clock.wall().time_since_epoch()).count());
}

std::string kubeconfig_text(const std::string& url, const std::string& token) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: devcluster\n"
         "clusters:\n- name: devcluster\n  cluster:\n    server: " +
         url +
         "\n"
         "users:\n- name: devcluster\n  user:" +
         (token.empty() ? " {}\n" : "\n    token: " + json_quoted(token) + "\n") +
         "contexts:\n- name: devcluster\n  context:\n    cluster: devcluster\n    user: devcluster\n    namespace: "
         "default\n";
}

}  // namespace

Result<std::unique_ptr<Cluster>> Cluster::create(Options options) {
  auto network = io::EpollNetwork::create();
  if (!network) return tl::unexpected(network.error());
  std::unique_ptr<Cluster> cluster(new Cluster(std::move(options), std::move(*network)));
  if (auto opened = cluster->open(); !opened) return tl::unexpected(opened.error());
  return cluster;
}

Cluster::Cluster(Options options, std::unique_ptr<io::EpollNetwork> network)
    : options_(std::move(options)),
      network_(std::move(network)),
      loop_(*network_, clock_),
      types_(options_.versions),
      store_(types_, options_.history, first_revision(clock_)),
      objects_(store_, clock_, fresh_seed()),
      api_(objects_),
      server_(objects_, loop_, options_.access, options_.api),
      http_(loop_, connection_options_, {}, server_) {
  loop_.set_turn_observer(this);
}

Cluster::~Cluster() {
  loop_.set_turn_observer(nullptr);
  // Exchanges on their way out still refer to the API server's watches: they go before it does.
  http_.abort_all();
  loop_.turn(Millis(0));
  watch_signals(nullptr);
  for (const std::string& file : {options_.ready_file, options_.kubeconfig_out}) {
    if (!file.empty()) ::unlink(file.c_str());
  }
}

Result<void> Cluster::open() {
  watch_signals(network_.get());
  for (const char* name : kNamespaces) objects_.ensure_namespace(name);
  for (const std::string& name : options_.namespaces) objects_.ensure_namespace(name);
  if (auto loaded = preload_sandboxes(objects_, options_.preload, clock_.wall()); !loaded) return loaded;
  if (options_.run_controllers) manager_ = std::make_unique<Manager>(store_, api_, loop_, fresh_seed());
  if (options_.run_node) {
    if (auto opened = open_node(); !opened) return opened;
  }
  if (options_.dns_listen) {
    auto dns = DnsServer::create(store_, *options_.dns_listen);
    if (!dns) return tl::unexpected(dns.error());
    dns_ = std::move(*dns);
  }
  const auto at = http_.listen(*network_, options_.listen);
  if (!at) return tl::unexpected(at.error());
  api_at_ = *at;
  if (options_.admin_listen) {
    auto admin = Admin::create(loop_, *network_, *options_.admin_listen, connection_options_,
                               {store_, server_, http_, manager_.get(), node_.get()});
    if (!admin) return tl::unexpected(admin.error());
    admin_ = std::move(*admin);
  }
  if (!options_.kubeconfig_out.empty()) {
    auto written = write_private_file(options_.kubeconfig_out, kubeconfig_text(url(), options_.token));
    if (!written) return written;
  }
  if (!options_.ready_file.empty()) {
    Json ready{{"server", url()}, {"pid", ::getpid()}};
    if (admin_) ready["admin"] = "http://" + admin_->local().to_string();
    if (dns_) ready["dns"] = dns_->local().to_string();
    return write_private_file(options_.ready_file, dump(ready) + "\n");
  }
  return {};
}

Result<void> Cluster::open_node() {
  NodeOptions& node = options_.node;
  if (auto prepared = directory_.prepare(node); !prepared) return prepared;
  auto made = Node::create(store_, api_, loop_, node);
  if (!made) return tl::unexpected(made.error());
  node_ = std::move(*made);
  port_forward_ = std::make_unique<PortForward>(loop_, *node_);
  server_.set_pod_access(port_forward_.get());
  return {};
}

std::string Cluster::greeting() const {
  std::string text =
      "sandgate-devcluster " SANDGATE_VERSION
      ": a stand-in for a cluster, for development and tests. Pods are plain processes without isolation.\n"
      "API server  " +
      url() + "\n";
  if (admin_) text += "faults      http://" + admin_->local().to_string() + "\n";
  if (dns_) text += "DNS         " + dns_->local().to_string() + " (UDP)\n";
  if (!options_.kubeconfig_out.empty()) text += "kubeconfig  " + options_.kubeconfig_out + "\n";
  return text;
}

void Cluster::on_turn() {
  if (take_child_signal() && node_) node_->reap();
}

void Cluster::run() {
  while (!stop_asked()) loop_.turn();
  clock_.refresh();
  http_.drain();
  server_.watches().cut_all();
  const MonoTime give_up = deadline_after(loop_.now(), kStopTimeout);
  while (node_ && !node_->shut_down() && loop_.now() < give_up) loop_.turn(Millis(20));
  http_.abort_all();
  if (node_) node_->kill_all();
}

}  // namespace sandgate::devcluster
