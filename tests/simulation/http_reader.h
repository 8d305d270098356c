// Reads HTTP/1.1 as it comes, for the simulated clients and sandboxes. Written against RFC 9112 without looking at the
// gateway's codec and stricter than a server needs to be: the gateway must send nothing but plain, canonical HTTP.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sandgate::simulation {

struct Head {
  bool request = false;
  std::string method;
  std::string target;
  int status = 0;
  int minor_version = 1;
  std::vector<std::pair<std::string, std::string>> fields;

  /// The only value of this field, any letter case; empty when absent.
  std::string_view get(std::string_view name) const;
  size_t count(std::string_view name) const;
  bool says(std::string_view name, std::string_view token) const;
};

using TrailerFields = std::vector<std::pair<std::string, std::string>>;

class HttpReader {
 public:
  enum class Kind : uint8_t { kRequests, kResponses };
  enum class Event : uint8_t {
    kNothing,  ///< more bytes are needed
    kHead,
    kBody,  ///< body() has a piece
    kEnd,   ///< the message is complete; trailers() are those it ended with
    kBad,   ///< why() says what is wrong; nothing more will be read
  };

  explicit HttpReader(Kind kind) : kind_(kind) {}

  void feed(std::string_view bytes) { in_.append(bytes); }
  /// The peer closed: the next events tell whether that ended a message (kEnd) or cut one (kBad, cut()).
  void end_of_input() { ended_ = true; }
  Event next();

  const Head& head() const { return head_; }
  std::string_view body() const { return body_; }
  const TrailerFields& trailers() const { return trailers_; }
  const std::string& why() const { return why_; }
  /// kBad because the input ended inside a message.
  bool cut() const { return cut_; }
  /// No message has begun.
  bool between_messages() const { return state_ == State::kHead && in_.size() == at_; }
  /// What has come and is not part of a whole head or piece yet.
  std::string_view pending() const { return rest(); }
  /// What has not been read: after a 101 the tunnel's first bytes.
  std::string take_rest();
  /// Responses only, before next() reads a head: it answers a HEAD request, or not.
  void set_to_head(bool to_head) { to_head_ = to_head; }

  enum class Framing : uint8_t { kNone, kLength, kChunked, kUntilClose };
  Framing framing() const { return framing_; }
  uint64_t stated_length() const { return length_; }

 private:
  enum class State : uint8_t { kHead, kLength, kChunkHead, kChunkBody, kChunkEnd, kTrailers, kUntilClose, kDone, kBad };

  Event bad(std::string why);
  Event starved();
  Event read_head();
  Event read_chunk_head();
  Event read_trailers();
  Event give_body(uint64_t most);
  Event finish();
  bool read_fields(std::string_view block, std::vector<std::pair<std::string, std::string>>& out);
  bool find_framing();
  std::optional<std::string_view> take_line();
  std::string_view rest() const { return std::string_view(in_).substr(at_); }

  const Kind kind_;
  State state_ = State::kHead;
  std::string in_;
  size_t at_ = 0;
  Head head_;
  std::string_view body_;
  TrailerFields trailers_;
  std::string why_;
  Framing framing_ = Framing::kNone;
  uint64_t length_ = 0;
  uint64_t left_ = 0;
  bool to_head_ = false;
  bool ended_ = false;
  bool cut_ = false;
};

}  // namespace sandgate::simulation
