#include "devcluster/node.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "devcluster/pod_run.h"
#include "io/epoll_network.h"

namespace sandgate::devcluster {
namespace {

constexpr Millis kProbeFirst{10};
constexpr Millis kProbeMax{250};
constexpr Millis kProbeTimeout{2'000};
constexpr Millis kReportAgain{50};
constexpr Millis kBindAgain{500};
constexpr Millis kBackoffFirst{100};
constexpr Millis kBackoffMax{10'000};
constexpr int kAddressTries = 64;
constexpr std::streamoff kLogShownMax = 1024 * 1024;

/// Can a listener be opened there? Another stand-in on this machine may use the same network.
bool address_free(const Endpoint& at) {
  io::ListenOptions options;
  options.reuse_port = false;
  const auto fd = io::open_listener(at, options);
  if (!fd) return false;
  ::close(*fd);
  return true;
}

}  // namespace

/// One attempt to connect.
class Node::Probe final : public io::Retirable, private io::ReadyHandler, private io::DeadlineOwner {
 public:
  Probe(Node& node, std::string uid, const Endpoint& to) : node_(node), uid_(std::move(uid)), timer_(*this) {
    int error = 0;
    socket_ = node_.loop_.network().connect(to, error);
    if (socket_) socket_->set_handler(this);
    timer_.set(node_.loop_.timers(), deadline_after(node_.loop_.now(), socket_ ? kProbeTimeout : kProbeFirst));
  }
  ~Probe() override { node_.loop_.retire(std::move(socket_)); }
  void cancel() {
    timer_.cancel();
    if (socket_) socket_->set_handler(nullptr);
  }

 private:
  void on_ready(uint8_t) override {
    const io::IoResult result = socket_->connect_result();
    if (result.status == io::IoResult::kBlocked) return;
    over(result.status == io::IoResult::kOk);
  }
  void on_deadline(MonoTime) override { over(false); }
  void over(bool open) {
    cancel();
    node_.probe_answered(uid_, open);
  }

  Node& node_;
  const std::string uid_;
  io::DeadlineTimer timer_;
  std::unique_ptr<io::Socket> socket_;
};

struct Node::Run : PodRun {
  std::unique_ptr<Probe> prober;
};

Result<std::unique_ptr<Node>> Node::create(Store& store, Api& api, io::Loop& loop, const NodeOptions& options) {
  // Two stand-ins that start at once shall not reach for the same addresses.
  auto addresses = AddressPool::create(options.pod_network, static_cast<uint64_t>(::getpid()) * 509 % 1'000'003 + 1);
  if (!addresses) return tl::unexpected(addresses.error());
  addresses->set_reuse(options.reuse_addresses);
  if (options.processes && ::access(options.runtime.c_str(), X_OK) != 0) {
    return fail("cannot run '" + options.runtime + "' (--runtime): " + std::strerror(errno) +
                "; --pods none needs no program");
  }
  std::unique_ptr<Node> node(new Node(store, api, loop, options, std::move(*addresses)));
  return node;
}

Node::Node(Store& store, Api& api, io::Loop& loop, const NodeOptions& options, AddressPool addresses)
    : store_(store),
      api_(api),
      loop_(loop),
      pods_(store.types().pod()),
      options_(options),
      addresses_(std::move(addresses)),
      timer_(*this) {
  store_.add_listener(*this);
}

Node::~Node() { store_.remove_listener(*this); }

void Node::hold(bool held) {
  held_ = held;
  if (!held) loop_.later(*this);
}

void Node::on_store_event(const ResourceType& type, const StoreEvent& event) {
  if (&type != &pods_ || shutting_down_) return;
  changed_.emplace(event.object->ns, event.object->name);
  loop_.later(*this);
}

void Node::run_later() {
  if (held_ && !shutting_down_) return;
  for (const auto& [ns, name] : std::exchange(changed_, {})) look_at(ns, name);
  for (const std::string& uid : std::exchange(due_, {})) step(uid);
}

void Node::wake_at(MonoTime when, const std::string& uid) {
  timers_.emplace(when, uid);
  timer_.set(loop_.timers(), timers_.begin()->first);
}

void Node::on_deadline(MonoTime now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    due_.insert(timers_.begin()->second);
    timers_.erase(timers_.begin());
    loop_.later(*this);
  }
  timer_.set(loop_.timers(), timers_.empty() ? kFarFuture : timers_.begin()->first);
}

void Node::look_at(const std::string& ns, const std::string& name) {
  const ObjectPtr pod = store_.find(pods_, ns, name);
  for (const auto& [uid, run] : runs_) {
    const bool same_place = run->ns == ns && run->name == name;
    if (same_place && (!pod || pod->uid != uid) && !run->stopping) {  // deleted behind our back
      run->stopping = true;
      run->grace = Millis(0);
      due_.insert(uid);
    }
  }
  if (!pod) return;
  const Json json = pod->json();
  if (!text_at(json, {"spec", "nodeName"}).empty() && text_at(json, {"spec", "nodeName"}) != options_.name) return;
  const auto found = runs_.find(pod->uid);
  if (find(json, {"metadata", "deletionTimestamp"}) != nullptr) {
    const int64_t grace_s = number_at(json, {"metadata", "deletionGracePeriodSeconds"}).value_or(30);
    if (found == runs_.end()) {
      DeleteOptions now;
      now.uid = pod->uid;
      now.grace_s = 0;
      // It may have gone meanwhile, or wait for a finalizer: both are fine.
      static_cast<void>(api_.remove(pods_, ns, name, now));
      return;
    }
    found->second->stopping = true;
    found->second->grace = Seconds(grace_s);
    due_.insert(pod->uid);
  } else if (found == runs_.end()) {
    admit(*pod, json);
  }
}

/// Binds a Pod that has no node, begins one that is ours.
void Node::admit(const Stored& pod, const Json& json) {
  const std::string phase = text_at(json, {"status", "phase"});
  if (phase == "Succeeded" || phase == "Failed") return;
  if (text_at(json, {"spec", "nodeName"}).empty()) {
    if (options_.processes && runs_.size() >= options_.pods_max) {
      if (const Json unschedulable = unschedulable_pod(json, options_.pods_max, loop_.clock().wall());
          unschedulable != json) {
        static_cast<void>(api_.update_status(pods_, unschedulable));  // said again with the next event
      }
      return;
    }
    if (const auto bound = api_.bind(pod.ns, pod.name, options_.name); !bound) {
      std::fprintf(stderr, "sandgate-devcluster: Pod %s/%s: %s\n", pod.ns.c_str(), pod.name.c_str(),
                   bound.error().message.c_str());
      unbound_[pod.uid] = {pod.ns, pod.name};
      wake_at(deadline_after(loop_.now(), kBindAgain), pod.uid);
    }
    return;  // its event brings it back
  }
  auto run = std::make_unique<Run>();
  run->ns = pod.ns;
  run->name = pod.name;
  run->uid = pod.uid;
  run->started = loop_.clock().wall();
  run->port = port_of_pod(json, options_.port);
  run->external = IpAddress::parse(text_at(json, {"metadata", "annotations", kAddressAnnotation}));
  run->has_process = options_.processes && !run->external;
  run->restart_policy = text_at(json, {"spec", "restartPolicy"});
  run->due_at = deadline_after(loop_.now(), run->external ? Millis(0) : options_.start_delay);
  runs_.emplace(pod.uid, std::move(run));
  due_.insert(pod.uid);
}

void Node::step(const std::string& uid) {
  if (const auto waiting = unbound_.extract(uid)) {
    changed_.insert(waiting.mapped());
    return loop_.later(*this);
  }
  const auto found = runs_.find(uid);
  if (found == runs_.end()) return;
  Run& run = *found->second;
  if (run.stopping) return step_stopping(run);
  if (run.ended) return run.reported ? void() : report(run);
  if (loop_.now() < run.due_at) {
    if (!run.reported) report(run);
    return wake_at(run.due_at, uid);
  }
  if (run.has_process && run.pid < 0 && !start(run)) return report(run);
  if (!run.has_process && !run.ready) {
    if (run.external) {
      run.ip = run.external;
    } else if (!run.ip) {
      const auto address = addresses_.take();
      if (!address) {
        run.problem = address.error().message;
        return report(run);
      }
      run.ip = *address;
    }
    run.ready = true;
    run.reported = false;
  }
  if (!run.ready && !run.prober) probe(run);
  if (!run.reported) report(run);
}

bool Node::start(Run& run) {
  const ObjectPtr pod = store_.find(pods_, run.ns, run.name);
  if (!pod || pod->uid != run.uid) return true;  // its event comes
  run.reported = false;
  const auto failed = [&](const std::string& why) {
    run.problem = why;
    run.due_at = deadline_after(loop_.now(), kBackoffMax);
    wake_at(run.due_at, run.uid);
    return false;
  };
  if (!run.ip) {
    auto address = free_address(run.port);
    if (!address) return failed(address.error().message);
    run.ip = *address;
  }
  const Json json = pod->json();
  const std::string home = options_.directory + "/" + run.uid;
  ProcessSpec spec;
  spec.directory = home + "/files";
  spec.log_file = home + "/log";
  std::error_code error;
  std::filesystem::create_directories(spec.directory, error);
  if (error) return failed("cannot make " + spec.directory + ": " + error.message());
  if (::geteuid() == 0) {
    spec.uid = options_.uid;
    spec.gid = options_.gid;
    if (::chown(spec.directory.c_str(), spec.uid, spec.gid) != 0) {
      return failed("cannot give away " + spec.directory + ": " + std::strerror(errno));
    }
  }
  ::chmod(spec.directory.c_str(), 0700);
  ::chmod(home.c_str(), 0711);
  run.directory = home;
  spec.command = command_of(run, json);
  spec.environment = environment_of(run, json);
  const auto pid = start_process(spec);
  if (!pid) return failed(pid.error().message);
  run.pid = *pid;
  run.problem.clear();
  return true;
}

Result<IpAddress> Node::free_address(uint16_t port) {
  for (int i = 0; i < kAddressTries; ++i) {
    auto address = addresses_.take();
    if (!address || address_free({*address, port})) return address;
    // Not given back: whoever has it will have it for a while.
  }
  return fail("no address with a free port " + std::to_string(port) + " in " + options_.pod_network);
}

std::vector<std::string> Node::command_of(const Run& run, const Json& pod) const {
  const std::string image = image_of_pod(pod);
  for (const ImageRule& rule : options_.images) {
    if (!image_matches(rule.image, image)) continue;
    std::vector<std::string> command;
    for (const std::string& word : rule.command) {
      command.push_back(fill_in(word, run.ip->to_string(), run.port, run.directory + "/files"));
    }
    return command;
  }
  return {options_.runtime, "--bind-address", Endpoint{*run.ip, run.port}.to_string(), "--base-dir",
          run.directory + "/files"};
}

std::vector<std::string> Node::environment_of(const Run& run, const Json& pod) const {
  auto environment = environment_of_pod(pod, run.ip->to_string());
  environment.push_back("HOME=" + run.directory + "/files");
  environment.push_back("SANDGATE_POD_UID=" + run.uid);
  environment.push_back("SANDGATE_DEVCLUSTER=" + options_.instance);
  return environment;
}

void Node::probe(Run& run) { run.prober = std::make_unique<Probe>(*this, run.uid, Endpoint{*run.ip, run.port}); }

void Node::probe_answered(const std::string& uid, bool open) {
  const auto found = runs_.find(uid);
  if (found == runs_.end() || !found->second->prober) return;
  Run& run = *found->second;
  loop_.retire(std::unique_ptr<io::Retirable>(std::move(run.prober)));
  if (run.pid < 0 || run.stopping) return;
  if (open) {
    run.ready = true;
    run.reported = false;
    run.probe_wait = Millis(0);
    due_.insert(uid);
    return loop_.later(*this);
  }
  run.probe_wait = std::clamp(run.probe_wait * 3 / 2, kProbeFirst, kProbeMax);
  wake_at(deadline_after(loop_.now(), run.probe_wait), uid);
}

void Node::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    for (const auto& [uid, run] : runs_) {
      if (run->pid != pid) continue;
      run->pid = -1;
      ended(*run, status);
      break;
    }
  }
}

void Node::ended(Run& run, int status) {
  kill_marked("SANDGATE_POD_UID=" + run.uid);
  if (run.prober) loop_.retire(std::unique_ptr<io::Retirable>(std::move(run.prober)));
  run.ready = false;
  run.reported = false;
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  due_.insert(run.uid);
  loop_.later(*this);
  if (run.stopping) return;
  const bool again = run.restart_policy == "Always" || (run.restart_policy == "OnFailure" && run.exit_code != 0);
  if (!again) {
    run.ended = true;
    return;
  }
  const Millis wait = std::min(kBackoffMax, kBackoffFirst * (1 << std::min(run.restarts, 10)));
  ++run.restarts;
  run.problem = "exited with status " + std::to_string(run.exit_code);
  run.due_at = deadline_after(loop_.now(), wait);
}

void Node::step_stopping(Run& run) {
  if (run.pid < 0) return finish(run);
  if (run.prober) loop_.retire(std::unique_ptr<io::Retirable>(std::move(run.prober)));
  if (run.kill_at == kFarFuture) {
    signal_group(run.pid, SIGTERM);
    run.kill_at = deadline_after(loop_.now(), run.grace);
  } else if (deadline_after(loop_.now(), run.grace) < run.kill_at) {
    run.kill_at = deadline_after(loop_.now(), run.grace);  // a second deletion, with less patience
  }
  if (loop_.now() >= run.kill_at) {
    signal_group(run.pid, SIGKILL);
  } else {
    wake_at(run.kill_at, run.uid);
  }
}

/// Nothing runs any more: lets go of the Pod.
void Node::finish(Run& run) {
  kill_marked("SANDGATE_POD_UID=" + run.uid);
  if (run.ip && !run.external) addresses_.give_back(*run.ip);
  if (!run.directory.empty()) {
    std::error_code ignored;  // what cannot be removed lies in our own directory, which goes at the end
    std::filesystem::remove_all(run.directory, ignored);
  }
  DeleteOptions now;
  now.uid = run.uid;
  now.grace_s = 0;
  const std::string ns = run.ns;
  const std::string name = run.name;
  const auto gone = std::move(runs_.at(run.uid));
  runs_.erase(gone->uid);
  if (shutting_down_) return;
  // Pods that waited for room, and a Pod of the same name that follows.
  store_.each(pods_, "", [&](const ObjectPtr& pod) {
    if (!runs_.contains(pod->uid)) changed_.emplace(pod->ns, pod->name);
  });
  loop_.later(*this);
  static_cast<void>(api_.remove(pods_, ns, name, now));  // gone already, or held by a finalizer: both are fine
}

void Node::report(Run& run) {
  const ObjectPtr pod = store_.find(pods_, run.ns, run.name);
  if (!pod || pod->uid != run.uid) return;
  Json json = pod->json();
  Json status = pod_status(run, json, loop_.clock().wall());
  run.reported = true;
  if (object_in(json, {"status"}) == status) return;
  json["status"] = std::move(status);
  if (const auto done = api_.update_status(pods_, json); !done && done.error().code != 404) {
    if (done.error().code != 409 && run.refusal != done.error().message) {
      run.refusal = done.error().message;
      std::fprintf(stderr, "sandgate-devcluster: status of Pod %s/%s: %s\n", run.ns.c_str(), run.name.c_str(),
                   run.refusal.c_str());
    }
    run.reported = false;
    wake_at(deadline_after(loop_.now(), kReportAgain), run.uid);
  }
}

bool Node::shut_down() {
  shutting_down_ = true;
  for (const auto& [uid, run] : runs_) {
    if (run->stopping) continue;
    run->stopping = true;
    run->grace = Millis(2'000);
    due_.insert(uid);
  }
  loop_.later(*this);
  return runs_.empty();
}

void Node::kill_all() {
  for (const auto& [uid, run] : runs_) signal_group(run->pid, SIGKILL);
  kill_marked("SANDGATE_DEVCLUSTER=" + options_.instance);
}

bool Node::kill_pod(std::string_view ns, std::string_view name) {
  for (const auto& [uid, run] : runs_) {
    if (run->ns != ns || run->name != name || run->pid < 0) continue;
    signal_group(run->pid, SIGKILL);
    return true;
  }
  return false;
}

std::optional<Endpoint> Node::endpoint_of(const Stored& pod, uint16_t port) const {
  const Json json = pod.json();
  const auto address = IpAddress::parse(text_at(json, {"status", "podIP"}));
  if (!address) return std::nullopt;
  Endpoint endpoint{*address, port};
  for_each_list_item(text_at(json, {"metadata", "annotations", kPortsAnnotation}), [&](std::string_view item) {
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos || parse_decimal<uint16_t>(item.substr(0, equals)) != port) return;
    endpoint.port = parse_decimal<uint16_t>(item.substr(equals + 1)).value_or(port);
  });
  return endpoint;
}

std::optional<std::string> Node::log_of(const std::string& uid) const {
  const auto found = runs_.find(uid);
  if (found == runs_.end() || found->second->directory.empty()) return std::nullopt;
  std::ifstream file(found->second->directory + "/log", std::ios::binary | std::ios::ate);
  if (!file) return std::nullopt;
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - kLogShownMax));
  std::string text(static_cast<size_t>(std::min(size, kLogShownMax)), '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace sandgate::devcluster
