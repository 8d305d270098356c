// One direction of a WebSocket connection as the simulated ends see it: frames made from a seed, and a reader that
// compares what arrives with what was sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"

namespace sandgate::simulation {

/// One frame (RFC 6455 5.2). `masked` as a client must.
std::string ws_frame(unsigned opcode, bool fin, std::string_view payload, bool masked, Random& random);
/// A message of `size` pattern bytes, perhaps in several frames with a ping between them.
std::string ws_message(uint64_t stream, uint64_t offset, size_t size, bool masked, Random& random);
std::string ws_close(unsigned code, bool masked, Random& random);

/// Walks over frame heads to know where frames begin and whether a close frame has passed.
class WsWalker {
 public:
  void feed(std::string_view bytes);
  bool at_boundary() const { return left_ == 0 && head_.empty(); }
  bool close_seen() const { return closing_ && at_boundary(); }
  /// Bytes came behind a close frame.
  bool overrun() const { return overrun_; }
  uint64_t frames() const { return frames_; }
  /// Offset just behind the last whole frame.
  uint64_t boundary() const { return boundary_; }

 private:
  std::string head_;
  uint64_t left_ = 0;
  uint64_t seen_ = 0;
  uint64_t boundary_ = 0;
  uint64_t frames_ = 0;
  bool closing_ = false;
  bool overrun_ = false;
};

/// Compares an arriving stream with the other end's. The gateway may put one close frame of its own behind a whole
/// frame, and nothing after it.
class WsChecker {
 public:
  /// `sent`: everything the other end has handed to its network so far; grows meanwhile. False: a foreign byte.
  bool feed(std::string_view bytes, const std::string& sent);
  bool close_seen() const { return arrived_.close_seen(); }
  bool own_close() const { return own_close_; }
  bool all_of(const std::string& sent) const { return !own_close_ && at_ == sent.size(); }
  uint64_t received() const { return at_; }

 private:
  WsWalker arrived_;
  uint64_t at_ = 0;
  bool own_close_ = false;
};

}  // namespace sandgate::simulation
