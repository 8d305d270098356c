// An API server in simulated time, as kube::KubeTransport: it keeps objects and a history of their changes, serves
// lists in pages and watches, and does to them what servers and networks do. Its callers are on strands.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "kube/transport.h"
#include "strand.h"

namespace sandgate::simulation {

/// Chances are "one in n"; 0 means never.
struct ApiFaults {
  // A call:
  unsigned refused = 0;  ///< no connection
  unsigned status = 0;   ///< 429, 500 or 503
  unsigned expired = 0;  ///< a page token or a watch's version is too old: 410, as status or as ERROR event
  // A piece of a stream:
  unsigned lost = 0;     ///< the connection breaks, anywhere in a line
  unsigned cut = 0;      ///< the stream ends as if it were complete, anywhere in a line
  unsigned garbage = 0;  ///< a line that is no event
  unsigned error = 0;    ///< an ERROR event that is no 410
  unsigned stall = 0;    ///< half-open: nothing more comes, for ever
  // An event:
  unsigned repeated = 0;   ///< sent twice
  unsigned rewound = 0;    ///< everything since a random earlier one is sent again
  unsigned exchanged = 0;  ///< its successor is sent first. Nothing but a list puts that right
  unsigned swallowed = 0;  ///< never sent. Nothing but a list puts that right
};

class SimApiServer final : public kube::KubeTransport {
 public:
  enum class Mode : uint8_t {
    kUp,
    kRefusing,  ///< connections are refused, open streams break
    kSilent,    ///< connections hang until somebody loses patience, open streams fall silent
    kFailing,   ///< 503 to everything, open streams end
  };
  /// How often what was to happen did.
  using Tally = std::map<std::string, size_t>;

  SimApiServer(Timeline& timeline, uint64_t seed) : timeline_(timeline), random_(seed) {}

  // The cluster's side. `json` begins with kObjectBegin; `plural` as in the path.
  void put(const std::string& plural, const std::string& name, const std::string& json);
  void remove(const std::string& plural, const std::string& name);
  const std::map<std::string, std::string>& objects(const std::string& plural) { return objects_[plural]; }

  void set_faults(const ApiFaults& faults) { faults_ = faults; }
  void set_mode(Mode mode);
  /// How long it takes an event to be seen by a watch; each stream keeps the order.
  void set_lag_max(Nanos most) { lag_max_ = most; }
  const Tally& tally() const { return tally_; }

  // kube::KubeTransport
  Result<kube::Response> request(const kube::Request& request, std::stop_token stop) override;
  Result<kube::StreamEnd> stream(const kube::Request& request, kube::StreamSink& sink, std::stop_token stop) override;

 private:
  friend class WatchStream;
  struct Change {
    uint64_t version;
    std::string plural;
    std::string line;  ///< the event, with its line end
  };
  /// A snapshot that is being handed out in pages.
  struct Paged {
    uint64_t version = 0;
    std::map<std::string, std::string> objects;
  };

  bool strikes(unsigned one_in, const char* what);
  void record(const char* type, const std::string& plural, const std::string& json);
  Result<kube::StreamEnd> list(const std::string& path, kube::StreamSink& sink);
  Nanos lag();

  Timeline& timeline_;
  Random random_;
  ApiFaults faults_;
  Mode mode_ = Mode::kUp;
  Nanos lag_max_ = Millis(5);
  std::map<std::string, std::map<std::string, std::string>> objects_;  ///< by plural and name
  std::map<std::string, Paged> paged_;
  uint64_t version_ = 1000;
  uint64_t forgotten_ = 0;  ///< the last version that is not in the history any more
  std::deque<Change> history_;
  std::vector<Strand*> watching_;
  Tally tally_;
};

}  // namespace sandgate::simulation
