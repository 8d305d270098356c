// What has to be found out first, and is then known to all: where the router is, who it is. Whoever comes first starts
// the search; all wait for the same one, each within its own deadline. The search is not ended when one of them is
// cancelled.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/http.h"
#include "client/state.h"

namespace sandgate::client {

/// Belongs to a connector. Loop thread only.
template <class T>
class Sought {
 public:
  /// Runs in the background; the client, and with it the connector, stays alive meanwhile. Has a deadline of its own.
  using Find = std::function<Task<Result<T>>(std::shared_ptr<ClientState>)>;
  /// `doing` continues "timed out after 60 s while …".
  Sought(ClientState& client, std::string doing, Find find)
      : client_(client), doing_(std::move(doing)), find_(std::move(find)) {}

  Task<Result<T>> get(Scope& scope);
  const std::optional<T>& known() const { return found_; }
  /// The next get() searches again.
  void forget() { found_.reset(); }

 private:
  Task<void> search(std::shared_ptr<ClientState> client);

  ClientState& client_;
  std::string doing_;
  Find find_;
  std::optional<T> found_;
  std::optional<Error> error_;
  bool searching_ = false;
  uint64_t searches_ = 0;
  Signal done_;
};

template <class T>
Task<Result<T>> Sought<T>::get(Scope& scope) {
  if (found_) co_return *found_;
  const uint64_t mine = searches_;  // before the search begins: it may end at once
  if (!searching_) {
    searching_ = true;
    error_.reset();
    client_.engine->spawn(search(client_.shared_from_this()));
  }
  while (searches_ == mine) {
    if (scope.over()) co_return scope.error(doing_);
    co_await scope.wait(done_);
  }
  if (found_) co_return *found_;
  co_return error_.value_or(make_error(Errc::transport, "what was found was lost again while " + doing_));
}

template <class T>
Task<void> Sought<T>::search(std::shared_ptr<ClientState> client) {
  Task<Result<T>> finding = find_(client);
  Result<T> found = co_await std::move(finding);
  if (found) {
    found_ = std::move(*found);
  } else {
    error_ = std::move(found).error();
  }
  searching_ = false;
  ++searches_;
  done_.raise();
}

}  // namespace sandgate::client
