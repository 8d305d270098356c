#include "client/discovered.h"

namespace sandgate::client {

Task<Result<std::string>> DiscoveredUrl::get(Scope& scope) {
  if (url_) co_return *url_;
  const uint64_t mine = searches_;  // before the search begins: it may end at once
  if (!searching_) {
    searching_ = true;
    error_.reset();
    client_.engine->spawn(search(client_.shared_from_this()));
  }
  while (searches_ == mine) {
    if (scope.over()) co_return scope.error("looking for the router by " + mode_);
    co_await scope.wait(done_);
  }
  if (url_) co_return *url_;
  co_return error_.value_or(make_error(Errc::transport, "the way to the router was lost while looking for it"));
}

Task<void> DiscoveredUrl::search(std::shared_ptr<ClientState> client) {
  const Instant since = Monotonic::now();
  Task<Result<std::string>> finding = find_(client);
  Result<std::string> found = co_await std::move(finding);
  client->latency("sandbox_client_discovery_latency_ms", {{"mode", mode_}, {"status", found ? "success" : "failure"}},
                  since);
  if (found) {
    url_ = std::move(*found);
  } else {
    error_ = std::move(found).error();
  }
  searching_ = false;
  ++searches_;
  done_.raise();
}

}  // namespace sandgate::client
