// One watch: the events of a kind from some revision on, as the lines of an endless answer.
//
//   initial objects ──▶ (bookmark that ends them) ──▶ events from the history, bookmarks when idle ──▶ end
//
// It holds a position in the store's history and no queue of its own: who reads too slowly falls out of the history and
// hears 410, as with the real thing. One thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "devcluster/http_service.h"
#include "devcluster/store.h"

namespace sandgate::devcluster {

struct WatchRequest {
  const ResourceType* type = nullptr;
  std::string version;
  std::string ns;
  std::function<bool(const Stored&)> wanted;
  uint64_t from_revision = 0;  // events after it; with `initial` also the state before them
  bool initial = false;        // begin with an ADDED event for each object
  bool initial_end_marked = false;
  bool bookmarks = false;
  bool as_table = false;
  Millis time_limit{0};
  Millis bookmark_every{0};
};

class WatchSource;

/// All open watches: told of changes, cut together when a fault wants it.
class WatchList final : public StoreListener {
 public:
  explicit WatchList(Store& store) : store_(store) { store_.add_listener(*this); }
  ~WatchList() { store_.remove_listener(*this); }

  size_t size() const { return watches_.size(); }
  /// Ends every watch without the end of its body: what a lost connection looks like.
  void cut_all();
  /// Ends every watch with an ERROR event, 410.
  void expire_all();

 private:
  friend class WatchSource;
  void on_store_event(const ResourceType& type, const StoreEvent& event) override;
  Store& store_;
  std::set<WatchSource*> watches_;
};

class WatchSource final : public BodySource, private io::DeadlineOwner {
 public:
  WatchSource(WatchList& list, io::Loop& loop, WatchRequest request);
  ~WatchSource() override;

  Next next(std::string& piece) override;

 private:
  friend class WatchList;
  enum class State : uint8_t { kInitial, kEvents, kExpired, kCut, kEnded };

  void on_deadline(MonoTime now) override;
  void add_initial(std::string& piece);
  void add_events(std::string& piece);
  void add_event(std::string& piece, const StoreEvent& event);
  void add_line(std::string& piece, std::string_view type, const Stored& object);
  void add_bookmark(std::string& piece, uint64_t revision, bool ends_initial);
  void add_expired(std::string& piece);
  void arm();

  WatchList& list_;
  Store& store_;
  io::Loop& loop_;
  const WatchRequest request_;
  io::DeadlineTimer timer_;
  State state_ = State::kEvents;
  std::vector<ObjectPtr> initial_;
  size_t initial_at_ = 0;
  uint64_t initial_revision_ = 0;
  uint64_t position_ = 0;
  MonoTime end_at_ = kFarFuture;
  MonoTime bookmark_at_ = kFarFuture;
};

}  // namespace sandgate::devcluster
