#include "devcluster/remote.h"

#include <unistd.h>

#include <cstdio>

#include "devcluster/process_signals.h"
#include "devcluster/seed.h"
#include "devcluster/small_file.h"
#include "kube/cluster_access.h"
#include "kube/curl_transport.h"

namespace sandgate::devcluster {
namespace {

constexpr Seconds kPodsStopTimeout{10};
constexpr size_t kHistory = 16;  // nobody watches the mirror

}  // namespace

Result<std::unique_ptr<Remote>> Remote::create(Options options) {
  auto network = io::EpollNetwork::create();
  if (!network) return tl::unexpected(network.error());
  std::unique_ptr<Remote> remote(new Remote(std::move(options), std::move(*network)));
  if (auto opened = remote->open(); !opened) return tl::unexpected(opened.error());
  return remote;
}

Remote::Remote(Options options, std::unique_ptr<io::EpollNetwork> network)
    : options_(std::move(options)),
      network_(std::move(network)),
      loop_(*network_, clock_),
      types_(options_.versions),
      mirror_(types_, kHistory, 0) {
  loop_.set_turn_observer(this);
}

Remote::~Remote() {
  loop_.set_turn_observer(nullptr);
  watch_signals(nullptr);
  feed_.reset();
  if (!options_.ready_file.empty()) ::unlink(options_.ready_file.c_str());
}

Result<void> Remote::open() {
  watch_signals(network_.get());
  kube::AccessOptions access_options;
  access_options.kubeconfig = options_.kubeconfig;
  access_options.context = options_.context;
  auto access = kube::load_cluster_access(access_options);
  if (!access) return tl::unexpected(access.error());
  origin_ = access->server + " (" + access->origin + ")";
  kube::CurlOptions curl_options;
  curl_options.user_agent = "sandgate-devcluster/" SANDGATE_VERSION;
  auto transport = kube::make_curl_transport(std::move(*access), curl_options);
  if (!transport) return tl::unexpected(transport.error());
  transport_ = std::move(*transport);
  api_ = std::make_unique<HttpApi>(*transport_, mirror_);
  manager_ = std::make_unique<Manager>(mirror_, *api_, loop_, fresh_seed());
  manager_->hold(true);
  manager_->leave_endpoints_alone();
  if (options_.run_node) {
    if (auto made = directory_.prepare(options_.node); !made) return made;
    auto node = Node::create(mirror_, *api_, loop_, options_.node);
    if (!node) return tl::unexpected(node.error());
    node_ = std::move(*node);
    node_->hold(true);
  }
  feed_ = std::make_unique<MirrorFeed>(*transport_, mirror_, [network = network_.get()] { network->wake(); });
  return feed_->start({&types_.sandbox(), &types_.claim(), &types_.sandbox_template(), &types_.warm_pool(),
                       &types_.pod(), &types_.service()},
                      {&types_.batch_sandbox(), &types_.batch_pool()});
}

std::string Remote::greeting() const {
  return "sandgate-devcluster " SANDGATE_VERSION
         " controllers, for development and tests. Pods are plain processes without isolation.\nAPI server  " +
         origin_ + "\n";
}

void Remote::on_turn() {
  if (take_child_signal() && node_) node_->reap();
  if (feed_ && feed_->deliver() && !working_) begin_work();
}

/// Everything has been listed.
void Remote::begin_work() {
  working_ = true;
  manager_->hold(false);
  if (node_) node_->hold(false);
  std::fputs("sandgate-devcluster controllers: at work\n", stderr);
  if (options_.ready_file.empty()) return;
  if (const auto written = write_private_file(options_.ready_file, dump(Json{{"pid", ::getpid()}}) + "\n"); !written) {
    std::fprintf(stderr, "sandgate-devcluster: %s\n", written.error().message.c_str());
  }
}

void Remote::run() {
  while (!stop_asked()) loop_.turn();
  clock_.refresh();
  manager_->hold(true);
  const MonoTime give_up = deadline_after(loop_.now(), kPodsStopTimeout);
  while (node_ && !node_->shut_down() && loop_.now() < give_up) loop_.turn(Millis(20));
  if (node_) node_->kill_all();
}

}  // namespace sandgate::devcluster
