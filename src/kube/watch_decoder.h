// From the bytes of a watch to its events: lines of JSON, each `{"type":…,"object":{…}}`. Pure; simdjson's types stay
// in the .cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/watcher.h"

namespace sandgate::kube {

struct DecodedEvent {
  enum class Kind : uint8_t { kObject, kBookmark, kError };
  Kind kind = Kind::kObject;
  EventType type = EventType::kAdded;  ///< of kObject
  std::string_view object_json;        ///< as received; of kError the Status
  std::string_view resource_version;   ///< metadata.resourceVersion; empty in kError
  bool initial_events_end = false;     ///< a bookmark annotated k8s.io/initial-events-end: "true"
};

class WatchDecoder {
 public:
  explicit WatchDecoder(size_t line_bytes_max);
  ~WatchDecoder();
  WatchDecoder(const WatchDecoder&) = delete;
  WatchDecoder& operator=(const WatchDecoder&) = delete;

  /// Gives more of the stream. Only when next() has answered nothing; the bytes are copied.
  void feed(std::string_view bytes);

  /// The next event, or nothing when more bytes are needed; its views live until the next call of next(), feed() or
  /// reset(). An error is for good: the stream cannot be trusted any more (no JSON, no event, a line above the limit).
  /// Blank lines are passed over.
  Result<std::optional<DecodedEvent>> next();

  /// Bytes of an unfinished line are waiting: at the end of a stream, an event was cut off.
  bool mid_line() const;

  /// For a new stream.
  void reset();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sandgate::kube
