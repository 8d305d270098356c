#include "script.h"

#include <algorithm>

namespace sandgate::simulation {

void Script::send_slowly(std::string_view bytes, size_t piece, Nanos pause, unsigned pauses) {
  for (unsigned i = 0; i < pauses && bytes.size() > piece; ++i) {
    send(std::string(bytes.substr(0, piece)));
    wait(pause);
    bytes.remove_prefix(piece);
  }
  send(std::string(bytes));
}

size_t Script::planned_bytes() const {
  size_t n = 0;
  for (const Step& step : steps_) n += step.bytes.size();
  return n;
}

void Script::cut_at(size_t n) {
  std::deque<Step> kept;
  for (Step& step : steps_) {
    if (step.kind == Kind::kCall) continue;
    if (step.kind == Kind::kSend && step.bytes.size() >= n) {
      step.bytes.resize(n);
      kept.push_back(std::move(step));
      break;
    }
    n -= step.bytes.size();
    kept.push_back(std::move(step));
  }
  steps_ = std::move(kept);
}

void Script::run(PeerEnd& end) {
  end_ = &end;
  if (waiting_ || holding_ || running_) return;
  running_ = true;
  while (!steps_.empty() && !end.closed()) {
    Step step = std::move(steps_.front());
    steps_.pop_front();
    if (step.kind == Kind::kSend) {
      end.send(step.bytes);
    } else if (step.kind == Kind::kCall) {
      step.what();
    } else if (step.kind == Kind::kHold) {
      holding_ = true;
      break;
    } else {
      waiting_ = true;
      timeline_.after(step.time, [this, generation = generation_] {
        if (generation != generation_) return;
        waiting_ = false;
        run(*end_);
      });
      break;
    }
  }
  running_ = false;
}

void Script::go_on() {
  if (!holding_) return;
  holding_ = false;
  run(*end_);
}

void Script::stop() {
  steps_.clear();
  ++generation_;
  waiting_ = holding_ = false;
}

}  // namespace sandgate::simulation
