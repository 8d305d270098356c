// One watch of the simulated API server: which events it has sent, and what goes wrong with them.
#pragma once

#include <string>
#include <string_view>

#include "api_server.h"

namespace sandgate::simulation {

class WatchStream {
 public:
  WatchStream(SimApiServer& server, std::string plural, uint64_t from, kube::StreamSink& sink)
      : server_(server), plural_(std::move(plural)), from_(from), sink_(sink), heard_(server.timeline_.now()) {}

  /// On the caller's strand, to the stream's end.
  Result<kube::StreamEnd> run(Seconds lasts, Millis limit, std::stop_token stop);

 private:
  using Why = kube::StreamEnd::Why;

  std::string news();
  bool send(std::string_view bytes);
  bool send_with_faults(std::string bytes);
  bool end(Why why, std::string error = {});

  SimApiServer& server_;
  const std::string plural_;
  uint64_t from_;  ///< all up to here has been sent
  kube::StreamSink& sink_;
  MonoTime heard_;  ///< when bytes last came
  bool stalled_ = false;
  kube::StreamEnd end_;
};

}  // namespace sandgate::simulation
