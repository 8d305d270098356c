#include "observe/log_writer.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

namespace sandgate::observe {
namespace {

// Lines that come within this time go out in one write. Long enough to save system calls, too short for a
// person to see.
constexpr auto kGather = std::chrono::milliseconds(5);

}  // namespace

/// Single writer, single reader. `head_` and `tail_` count bytes since the start; they only move over whole
/// lines.
class Ring final : public LogSink {
 public:
  Ring(size_t bytes, std::atomic<bool>& reader_sleeps, std::atomic<uint32_t>& doorbell)
      : mask_(std::bit_ceil(std::max<size_t>(bytes, 4096)) - 1),
        bytes_(std::make_unique<char[]>(mask_ + 1)),
        reader_sleeps_(reader_sleeps),
        doorbell_(doorbell) {}

  bool write(std::string_view line) override {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (line.size() > mask_ + 1 - (head - tail_.load(std::memory_order_acquire))) {
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return false;
    }
    const size_t at = head & mask_;
    const size_t first = std::min(line.size(), mask_ + 1 - at);
    std::memcpy(&bytes_[at], line.data(), first);
    std::memcpy(&bytes_[0], line.data() + first, line.size() - first);
    // Both sequentially consistent: either this thread sees that the reader sleeps, or the reader sees the
    // new head.
    head_.store(head + line.size(), std::memory_order_seq_cst);
    if (reader_sleeps_.load(std::memory_order_seq_cst) && reader_sleeps_.exchange(false)) {
      doorbell_.fetch_add(1);
      doorbell_.notify_one();
    }
    return true;
  }

  /// The reader: bytes in one piece, to be given back by consume(). Empty: nothing there.
  std::string_view peek(uint64_t until) const {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    const size_t at = tail & mask_;
    return {&bytes_[at], std::min<size_t>(until - tail, mask_ + 1 - at)};
  }
  void consume(size_t n) { tail_.store(tail_.load(std::memory_order_relaxed) + n, std::memory_order_release); }
  uint64_t head() const { return head_.load(std::memory_order_seq_cst); }
  bool empty() const { return head() == tail_.load(std::memory_order_relaxed); }
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  const size_t mask_;
  std::unique_ptr<char[]> bytes_;
  std::atomic<bool>& reader_sleeps_;
  std::atomic<uint32_t>& doorbell_;
  alignas(64) std::atomic<uint64_t> head_{0};
  std::atomic<uint64_t> dropped_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};
};

struct LogWriter::State {
  explicit State(std::unique_ptr<LogOutput> to) : output(std::move(to)) {}

  const std::unique_ptr<LogOutput> output;  ///< the thread's
  std::atomic<bool> reader_sleeps{false};
  std::atomic<uint32_t> doorbell{0};
  std::atomic<bool> stopping{false};
  std::atomic<uint64_t> lost{0};  ///< lines the output refused

  mutable std::mutex mutex;  ///< guards what is below
  std::vector<std::unique_ptr<Ring>> rings;
  bool finished = false;
  std::condition_variable finished_changed;
  std::thread thread;

  std::vector<Ring*> ring_list() const {
    const std::lock_guard lock(mutex);
    std::vector<Ring*> list;
    for (const auto& ring : rings) list.push_back(ring.get());
    return list;
  }

  /// Everything up to the ring's present end, so that the next ring's lines start at the start of a line.
  void drain(Ring& ring) {
    const uint64_t until = ring.head();
    for (std::string_view piece = ring.peek(until); !piece.empty(); piece = ring.peek(until)) {
      lost.fetch_add(output->write(piece));
      ring.consume(piece.size());
    }
  }

  void run() {
    // The process's signals are for its main thread; and a reader that went away is an error of write(), not
    // a signal.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    for (;;) {
      const bool last = stopping.load();
      const uint32_t heard = doorbell.load();  // before the list: a ring that is added after it rings
      const std::vector<Ring*> list = ring_list();
      for (Ring* ring : list) drain(*ring);
      if (last) break;
      reader_sleeps.store(true, std::memory_order_seq_cst);
      const bool idle = std::ranges::all_of(list, [](const Ring* ring) { return ring->empty(); });
      if (idle && !stopping.load()) doorbell.wait(heard);
      reader_sleeps.store(false);
      // allow(sleep): lines gather, so that a busy log costs few writes
      if (!stopping.load()) std::this_thread::sleep_for(kGather);
    }
    const std::lock_guard lock(mutex);
    finished = true;
    finished_changed.notify_all();
  }
};

LogWriter::LogWriter(std::unique_ptr<LogOutput> output) : state_(std::make_shared<State>(std::move(output))) {
  state_->thread = std::thread([state = state_] { state->run(); });
}

LogWriter::~LogWriter() { stop(); }

LogSink& LogWriter::add_ring(size_t bytes) {
  const std::lock_guard lock(state_->mutex);
  auto ring = std::make_unique<Ring>(bytes, state_->reader_sleeps, state_->doorbell);
  LogSink& sink = *ring;
  state_->rings.push_back(std::move(ring));
  // The thread may be asleep with an older list; it must see this ring before the ring's first line wakes it.
  state_->doorbell.fetch_add(1);
  state_->doorbell.notify_one();
  return sink;
}

bool LogWriter::stop(Millis patience) {
  if (!state_->thread.joinable()) return true;
  state_->stopping.store(true);
  state_->doorbell.fetch_add(1);
  state_->doorbell.notify_one();
  std::unique_lock lock(state_->mutex);
  const bool finished = state_->finished_changed.wait_for(lock, patience, [&] { return state_->finished; });
  lock.unlock();
  if (finished) {
    state_->thread.join();
  } else {
    state_->thread.detach();  // it hangs in write(); it owns a share of the state and the process is about to end
  }
  return finished;
}

uint64_t LogWriter::dropped() const {
  uint64_t total = state_->lost.load();
  for (const Ring* ring : state_->ring_list()) total += ring->dropped();
  return total;
}

}  // namespace sandgate::observe
