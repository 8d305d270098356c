#include "client/state.h"

#include "client/cluster.h"
#include "client/connector.h"

namespace sandgate::client {

ClientState::ClientState(ClientOptions wanted) : options(std::move(wanted)), engine(Engine::create()) {
  kube = std::make_unique<KubeApi>(options);
  cluster = std::make_unique<Cluster>(*kube);
}

ClientState::~ClientState() {
  // Connectors hold what belongs to the loop; they go while it is there.
  if (engine->on_loop()) {
    connector.reset();
  } else {
    Caller done;
    engine->post([this, &done] {
      connector.reset();
      done.finish();
    });
    done.run();
  }
  engine->close();
}

Result<std::shared_ptr<ClientState>> ClientState::open(ClientOptions options) {
  const auto invalid = [](std::string message) { return make_error(Errc::invalid_argument, std::move(message)); };
  if (options.cleanup_timeout.count() <= 0) return invalid("cleanup_timeout must be above 0, in milliseconds");
  if (options.kubernetes) {
    const std::string& url = options.kubernetes->url;
    if (!url.starts_with("http://") && !url.starts_with("https://")) {
      return invalid("kubernetes.url: '" + url + "' must begin with http:// or https://");
    }
  }
  auto state = std::make_shared<ClientState>(std::move(options));
  Result<std::unique_ptr<Connector>> connector = make_connector(*state);
  if (!connector) return std::move(connector).error();
  state->connector = std::move(*connector);
  return state;
}

std::shared_ptr<SandboxState> ClientState::find(const std::string& ns, const std::string& claim) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find({ns, claim});
  if (found == known_.end()) return nullptr;
  std::shared_ptr<SandboxState> sandbox = found->second.lock();
  return sandbox && !sandbox->closed ? sandbox : nullptr;
}

void ClientState::track(const std::shared_ptr<SandboxState>& sandbox) {
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [](const auto& item) { return item.second.expired(); });
  known_[{sandbox->ns, sandbox->claim}] = sandbox;
}

void ClientState::forget(const SandboxState& sandbox) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find({sandbox.ns, sandbox.claim});
  if (found == known_.end()) return;
  const std::shared_ptr<SandboxState> there = found->second.lock();
  if (!there || there.get() == &sandbox) known_.erase(found);
}

std::vector<std::shared_ptr<SandboxState>> ClientState::tracked() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<SandboxState>> sandboxes;
  for (const auto& [key, weak] : known_) {
    if (auto sandbox = weak.lock(); sandbox && !sandbox->terminated && !sandbox->closed)
      sandboxes.push_back(std::move(sandbox));
  }
  return sandboxes;
}

void ClientState::log(LogLevel level, std::string_view text) const {
  if (options.observer) options.observer->log(level, text);
}

void ClientState::count(std::string_view name, const std::map<std::string, std::string>& labels, uint64_t by) const {
  if (options.observer) options.observer->count(name, labels, by);
}

void ClientState::latency(std::string_view name, const std::map<std::string, std::string>& labels,
                          Instant since) const {
  if (!options.observer) return;
  options.observer->latency_ms(name, labels,
                               std::chrono::duration<double, std::milli>(Monotonic::now() - since).count());
}

}  // namespace sandgate::client
