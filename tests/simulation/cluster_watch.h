// Sandboxes and Pods as the watches tell of them, in simulated time: the real kube::Watcher and sandbox::Store, on
// strands. Between them stands what control::KubeProvider has there, without its threads and its clock.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api_server.h"
#include "base/random.h"
#include "kube/watcher.h"
#include "sandbox/store.h"
#include "strand.h"

namespace sandgate::simulation {

class ClusterWatch {
 public:
  using OnTable = std::function<void(std::shared_ptr<const sandbox::RoutingTable>)>;

  /// `api` and what `on_table` uses must outlive it.
  ClusterWatch(Timeline& timeline, FakeClock& clock, kube::KubeTransport& api, kube::WatchOptions options,
               uint64_t seed, OnTable on_table);
  ~ClusterWatch();

  /// Lists beside the watches, from now on, every so often: what puts lost events right.
  void resync_every(Nanos time);

  const sandbox::Store& store() const { return store_; }
  /// Is every watch up to date?
  bool current() const;
  /// For how long one has not been; 0 while all are.
  Nanos stale() const;
  /// What is wrong, in the watch's own words; empty: nothing.
  std::string trouble() const;

 private:
  class Source;

  void on_news();
  void judge_pods();

  Timeline& timeline_;
  const OnTable on_table_;
  StrandPause pause_;
  sandbox::Store store_;
  bool publishing_ = false;
  std::vector<std::unique_ptr<Source>> sources_;
  std::unique_ptr<Strand> resyncs_;
};

/// All that routing sees of a table, in one text: equal texts are equal tables.
std::string describe(const sandbox::RoutingTable& table);

/// The table of somebody who has just come and listed everything.
std::shared_ptr<const sandbox::RoutingTable> table_of_fresh_list(SimApiServer& api);

}  // namespace sandgate::simulation
