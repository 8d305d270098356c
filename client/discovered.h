// A way to the router that has to be found first. Whoever comes first starts the search; all wait for the same one,
// each within its own deadline. The search is not ended when one of them is cancelled.
#pragma once

#include <optional>
#include <string>

#include "client/connector.h"

namespace sandgate::client {

class DiscoveredUrl {
 public:
  /// `find` runs in the background; the client stays alive meanwhile.
  using Find = std::function<Task<Result<std::string>>(std::shared_ptr<ClientState>)>;
  DiscoveredUrl(ClientState& client, std::string mode, Find find)
      : client_(client), mode_(std::move(mode)), find_(std::move(find)) {}

  Task<Result<std::string>> get(Scope& scope);
  /// The next get() searches again.
  void forget() { url_.reset(); }
  bool known() const { return url_.has_value(); }

 private:
  Task<void> search(std::shared_ptr<ClientState> client);

  ClientState& client_;
  std::string mode_;
  Find find_;
  std::optional<std::string> url_;
  std::optional<Error> error_;
  bool searching_ = false;
  uint64_t searches_ = 0;
  Signal done_;
};

}  // namespace sandgate::client
