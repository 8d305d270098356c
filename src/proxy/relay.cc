#include "proxy/relay.h"

#include <algorithm>

namespace sandgate::proxy {
namespace {
constexpr uint64_t kShare = 256 * 1024;             // copied bytes a turn
constexpr uint64_t kSpliceShare = 4 * 1024 * 1024;  // moved by the kernel: far cheaper a byte
}  // namespace

bool Relay::take_pipe(io::Loop& loop) {
  if (!pipe_) pipe_ = loop.pipes().take();
  return pipe_ != nullptr;
}

bool Relay::count(uint64_t n) {
  bytes_ += n;
  over_limit_ = limit_ > 0 && bytes_ > limit_;
  return !over_limit_;
}

Relay::Outcome Relay::pump(io::Loop& loop, http::Stream& source, http::Stream& sink) {
  uint64_t copied = 0;
  uint64_t spliced = 0;
  // What an earlier call left with the sink goes first. Otherwise the sink gathers: a head queued just now leaves
  // together with the body's beginning.
  if (waiting_for_ == WaitingFor::kSink) sink.flush();
  waiting_for_ = WaitingFor::kNothing;
  for (;;) {
    if (sink.broken()) return Outcome::kSinkFailed;
    if (pipe_ && pipe_->held > 0) {
      const http::SpliceStatus out = sink.splice_out(*pipe_);
      if (out == http::SpliceStatus::kAborted) return Outcome::kSinkFailed;
      if (out == http::SpliceStatus::kBlocked) return blocked(WaitingFor::kSink);
      continue;
    }
    if (sink.backlogged()) {
      sink.flush();
      if (sink.broken()) return Outcome::kSinkFailed;
      if (sink.backlogged()) return blocked(WaitingFor::kSink);
    }
    if (done_) return Outcome::kDone;
    if (copied >= kShare || spliced >= kSpliceShare) {
      sink.flush();
      return Outcome::kYield;
    }

    const uint64_t opaque = sink.can_splice() ? source.opaque_readable() : 0;
    if (opaque > 0 && take_pipe(loop)) {
      uint64_t moved = 0;
      const http::SpliceStatus in = source.splice_in(*pipe_, std::min<uint64_t>(opaque, pipe_->capacity()), moved);
      if (in == http::SpliceStatus::kAborted) return Outcome::kSourceFailed;
      if (in == http::SpliceStatus::kBlocked) {
        loop.pipes().give(std::move(pipe_));  // an idle body holds no pipe
        sink.flush();
        return blocked(sink.backlogged() ? WaitingFor::kSink : WaitingFor::kSource);
      }
      if (moved > 0) {
        if (!count(moved)) return Outcome::kSourceFailed;
        if (!sink.begin_opaque(moved)) return Outcome::kSinkFailed;
        spliced += moved;
      }
      continue;
    }

    const http::ReadResult read = source.read();
    switch (read.status) {
      case http::ReadStatus::kData:
        if (!count(read.data.size())) return Outcome::kSourceFailed;
        if (!sink.write(read.data)) return Outcome::kSinkFailed;
        copied += read.data.size();
        break;
      case http::ReadStatus::kEnd:
        if (!sink.end(source.trailers())) return Outcome::kSourceFailed;
        done_ = true;
        sink.flush();
        break;
      case http::ReadStatus::kBlocked:
        sink.flush();
        if (sink.backlogged()) return blocked(WaitingFor::kSink);
        return blocked(WaitingFor::kSource);
      case http::ReadStatus::kAborted:
        sink.flush();
        return Outcome::kSourceFailed;
    }
  }
}

void Relay::reset(io::Loop& loop) {
  if (pipe_) loop.pipes().give(std::move(pipe_));
  bytes_ = limit_ = 0;
  waiting_for_ = WaitingFor::kNothing;
  done_ = over_limit_ = false;
}

bool RateWatch::too_slow(uint64_t bytes, uint64_t rate_min, Millis grace, MonoTime now) {
  const auto needed = rate_min * static_cast<uint64_t>(grace.count()) / 1000;
  if (bytes - bytes_at_ < needed) return true;
  since_ = now;
  bytes_at_ = bytes;
  return false;
}

}  // namespace sandgate::proxy
