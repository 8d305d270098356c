// What an actor sends on its connection, and when: pieces of bytes, pauses, and how it ends.
#pragma once

#include <deque>
#include <functional>
#include <string>

#include "base/random.h"
#include "peer_end.h"

namespace sandgate::simulation {

class Script {
 public:
  explicit Script(Timeline& timeline) : timeline_(timeline) {}
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  void send(std::string bytes) { steps_.push_back({Kind::kSend, std::move(bytes), Nanos(0), {}}); }
  void wait(Nanos time) { steps_.push_back({Kind::kWait, {}, time, {}}); }
  /// Stops here until go_on().
  void hold() { steps_.push_back({Kind::kHold, {}, Nanos(0), {}}); }
  void call(std::function<void()> what) { steps_.push_back({Kind::kCall, {}, Nanos(0), std::move(what)}); }
  /// The same bytes in pieces of `piece` with pauses between them, at most `pauses` of them.
  void send_slowly(std::string_view bytes, size_t piece, Nanos pause, unsigned pauses);
  /// Only the first `n` bytes of what is planned so far will be sent, and nothing else done.
  void cut_at(size_t n);
  size_t planned_bytes() const;

  /// Begins, or goes on after what was added since.
  void run(PeerEnd& end);
  void go_on();
  bool holding() const { return holding_; }
  bool done() const { return steps_.empty(); }
  /// Forgets what is left to do.
  void stop();

 private:
  enum class Kind : uint8_t { kSend, kWait, kHold, kCall };
  struct Step {
    Kind kind;
    std::string bytes;
    Nanos time;
    std::function<void()> what;
  };
  Timeline& timeline_;
  PeerEnd* end_ = nullptr;
  std::deque<Step> steps_;
  uint64_t generation_ = 0;
  bool waiting_ = false;
  bool holding_ = false;
  bool running_ = false;
};

}  // namespace sandgate::simulation
