// Sandboxes from a file (--static-sandboxes), read again when it changes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "control/file_watch.h"
#include "sandbox/routing_table.h"

namespace sandgate::control {

/// start() and stop() from one thread; the callbacks come from the provider's thread, the first on_table from within
/// start().
class StaticProvider {
 public:
  using Options = FileWatch::Options;
  using OnTable = std::function<void(std::shared_ptr<const sandbox::RoutingTable>)>;
  using OnError = WatchedFile::OnError;

  StaticProvider(Options options, OnTable on_table, OnError on_error);

  /// Reads the file, hands over the first table and begins to watch. An error when the file is bad: nothing
  /// was started. A later bad file keeps the table that is in use.
  Result<void> start() { return watch_.start(); }
  /// Returns when the thread has ended; no callback runs after that. Idempotent.
  void stop() { watch_.stop(); }

 private:
  FileWatch watch_;
};

/// The table of such a file's text; `path` is for messages.
Result<std::shared_ptr<const sandbox::RoutingTable>> static_table(const std::string& text, const std::string& path);

}  // namespace sandgate::control
