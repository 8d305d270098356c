// Blocking code in simulated time: a thread that runs only while the world stands still for it, and the world only
// while it waits. One of the two runs at any moment, so a run depends on its seed although there are threads.
#pragma once

#include <functional>
#include <semaphore>
#include <stop_token>
#include <thread>

#include "kube/pause.h"
#include "timeline.h"

namespace sandgate::simulation {

class Strand {
 public:
  /// `body` begins with the timeline's next event and runs until it returns.
  Strand(Timeline& timeline, std::function<void(std::stop_token)> body);
  /// Asks the body to stop and lets it run to its end.
  ~Strand();
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  /// The one on whose thread this is called; there must be one.
  static Strand& current();

  // On the strand's own thread:
  /// Until `when`, wake() or a stop, whichever is first.
  void wait_until(MonoTime when);
  /// For `time`, whoever wakes it. False: a stop was requested.
  bool stand_still(Nanos time);

  // On any thread of the simulation:
  /// It goes on with the timeline's next event, if it waits then.
  void wake();

 private:
  void resume();

  Timeline& timeline_;
  std::binary_semaphore own_turn_{0};
  std::binary_semaphore worlds_turn_{0};
  uint64_t wait_ = 0;  ///< number of the present or last wait
  bool waiting_ = true;
  bool ended_ = false;
  std::jthread thread_;
};

/// kube/'s waits, on a strand.
class StrandPause final : public kube::Pause {
 public:
  bool wait(Nanos time, std::stop_token) override { return Strand::current().stand_still(time); }
};

}  // namespace sandgate::simulation
