#include "devcluster/admin.h"

#include <cmath>
#include <cstdlib>

#include "base/strings.h"

namespace sandgate::devcluster {
namespace {

constexpr std::string_view kHelp = R"(Faults of the cluster stand-in. POST to one of:
  /faults/cut-watches                       every watch loses its connection
  /faults/expire-watches                    every watch ends with an ERROR event, 410
  /faults/forget-history                    who resumes a watch or a page from before now hears 410
  /faults/pause?seconds=S                   the API takes requests and answers none for S seconds (0.001 to 3600)
  /faults/resume                            ends a pause
  /faults/kill-pod?namespace=N&name=P       SIGKILL to the Pod's program
  /faults/start-delay?seconds=S             Pods take S seconds to start from now on (0 to 3600)
  /faults/reuse-addresses?on=true|false     whether the next Pod gets the address given back last
GET /state tells what is going on.
)";
constexpr double kSecondsMax = 3600;

HttpAnswer text(uint16_t status, std::string body) { return {status, "text/plain", std::move(body), {}, nullptr}; }

std::optional<Millis> seconds_of(const std::string& value, double least) {
  char* end = nullptr;
  const double seconds = std::strtod(value.c_str(), &end);
  if (value.empty() || *end != '\0' || !(seconds >= least && seconds <= kSecondsMax)) return std::nullopt;
  return Millis(std::lround(seconds * 1000));
}

std::string value_of(const std::vector<std::pair<std::string, std::string>>& query, std::string_view name) {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Admin>> Admin::create(io::Loop& loop, io::EpollNetwork& network, const Endpoint& at,
                                             const wire::ConnectionOptions& connection, const AdminTargets& targets) {
  std::unique_ptr<Admin> admin(new Admin(loop, connection, targets));
  const auto local = admin->http_.listen(network, at);
  if (!local) return tl::unexpected(local.error());
  admin->local_ = *local;
  return admin;
}

Admin::Admin(io::Loop& loop, const wire::ConnectionOptions& connection, const AdminTargets& targets)
    : targets_(targets), loop_(loop), http_(loop, connection, {}, *this), pause_timer_(*this) {}

void Admin::on_http(HttpExchange& exchange, HttpRequest request) { exchange.answer(serve(request)); }

void Admin::on_deadline(MonoTime) { targets_.http.set_paused(false); }

std::string Admin::state() const {
  Json counts = Json::object();
  for (const auto& type : targets_.store.types().types()) {
    if (const size_t count = targets_.store.count(*type); count > 0) counts[type->qualified()] = count;
  }
  Json state{{"resourceVersion", std::to_string(targets_.store.revision())},
             {"watches", targets_.server.watches().size()},
             {"objects", std::move(counts)}};
  if (targets_.manager != nullptr) {
    state["reconciled"] = targets_.manager->reconciled();
    state["controllersIdle"] = targets_.manager->idle();
  }
  if (targets_.node != nullptr) {
    state["pods"] = targets_.node->running();
    state["addressesInUse"] = targets_.node->addresses().in_use();
  }
  return dump(state) + "\n";
}

HttpAnswer Admin::serve(const HttpRequest& request) {
  const auto query = parse_query(request.query);
  if (request.method == "GET" && request.path == "/") return text(200, std::string(kHelp));
  if (request.method == "GET" && request.path == "/state") return {200, "application/json", state(), {}, nullptr};
  if (request.method != "POST") return text(404, "not found; GET / tells what is here\n");
  if (request.path == "/faults/cut-watches") {
    targets_.server.watches().cut_all();
  } else if (request.path == "/faults/expire-watches") {
    targets_.store.compact();
    targets_.server.watches().expire_all();
  } else if (request.path == "/faults/forget-history") {
    targets_.store.compact();
  } else if (request.path == "/faults/pause") {
    const auto time = seconds_of(value_of(query, "seconds"), 0.001);
    if (!time) return text(400, "seconds must be 0.001 to 3600\n");
    targets_.http.set_paused(true);
    pause_timer_.set(loop_.timers(), deadline_after(loop_.now(), *time));
  } else if (request.path == "/faults/resume") {
    pause_timer_.clear();
    targets_.http.set_paused(false);
  } else if (targets_.node == nullptr) {
    return text(404, "not found, or there is no node; GET / tells what is here\n");
  } else if (request.path == "/faults/kill-pod") {
    const std::string ns = value_of(query, "namespace");
    if (!targets_.node->kill_pod(ns.empty() ? "default" : ns, value_of(query, "name"))) {
      return text(404, "no such Pod runs here\n");
    }
  } else if (request.path == "/faults/start-delay") {
    const auto time = seconds_of(value_of(query, "seconds"), 0);
    if (!time) return text(400, "seconds must be 0 to 3600\n");
    targets_.node->set_start_delay(*time);
  } else if (request.path == "/faults/reuse-addresses") {
    const std::string on = value_of(query, "on");
    if (on != "true" && on != "false") return text(400, "on must be true or false\n");
    targets_.node->set_reuse_addresses(on == "true");
  } else {
    return text(404, "not found; GET / tells what is here\n");
  }
  return text(200, "done\n");
}

}  // namespace sandgate::devcluster
