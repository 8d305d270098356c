#include "kube/watch_decoder.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <utility>

namespace sandgate::kube {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr size_t kPadding = simdjson::SIMDJSON_PADDING;
constexpr size_t kKeptCapacity = size_t{1} << 20;

/// For a message: the beginning of a line, without control bytes.
std::string beginning(std::string_view line) {
  std::string out = "`";
  for (const char c : line.substr(0, 80)) out += static_cast<uint8_t>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out + (line.size() > 80 ? "...`" : "`");
}

struct Envelope {
  std::string type;
  std::string_view object;
};

}  // namespace

class WatchDecoder::Impl {
 public:
  explicit Impl(size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  void feed(std::string_view bytes) {
    buffer_.erase(0, start_);
    start_ = 0;
    if (buffer_.capacity() > kKeptCapacity && buffer_.size() + bytes.size() < kKeptCapacity / 4)
      buffer_.shrink_to_fit();
    const size_t needed = buffer_.size() + bytes.size() + kPadding;  // simdjson reads ahead
    if (buffer_.capacity() < needed) buffer_.reserve(std::max(needed, buffer_.capacity() * 2));
    buffer_ += bytes;
  }

  Result<std::optional<DecodedEvent>> next() {
    if (!error_.empty()) return fail(error_);
    for (;;) {
      const size_t end = buffer_.find('\n', std::max(start_, searched_));
      const size_t stop = end == std::string::npos ? buffer_.size() : end;
      if (stop - start_ > line_bytes_max_)
        return wrong(fmt::format("an event is longer than {} bytes", line_bytes_max_));
      if (end == std::string::npos) {
        buffer_.erase(0, start_);
        start_ = 0;
        searched_ = buffer_.size();
        return std::optional<DecodedEvent>{};
      }
      const size_t begin = std::exchange(start_, end + 1);
      searched_ = start_;
      if (buffer_.find_first_not_of(" \t\r", begin) >= end) continue;
      return decode(begin, end);
    }
  }

  bool mid_line() const { return buffer_.find_first_not_of(" \t\r\n", start_) != std::string::npos; }

  void reset() {
    buffer_.clear();
    start_ = searched_ = 0;
    error_.clear();
  }

 private:
  tl::unexpected<Error> wrong(std::string what) {
    error_ = std::move(what);
    return fail(error_);
  }

  /// Bytes that may be read from `at` on: the rest of the buffer and the padding behind it.
  size_t readable(const char* at) const { return static_cast<size_t>(buffer_.data() + buffer_.capacity() - at); }

  bool read_envelope(std::string_view line, Envelope& out) {
    ondemand::document document;
    ondemand::object object;
    if (envelope_.iterate(line.data(), line.size(), readable(line.data())).get(document) != simdjson::SUCCESS)
      return false;
    if (document.get_object().get(object) != simdjson::SUCCESS) return false;
    for (auto field : object) {
      std::string_view key;
      if (field.unescaped_key().get(key) != simdjson::SUCCESS) return false;
      if (key == "type") {
        std::string_view type;
        if (field.value().get_string().get(type) != simdjson::SUCCESS) return false;
        out.type = type;
      } else if (key == "object") {
        ondemand::object inner;
        if (field.value().get_object().get(inner) != simdjson::SUCCESS) return false;
        if (inner.raw_json().get(out.object) != simdjson::SUCCESS) return false;
        out.object = out.object.substr(0, out.object.find_last_of('}') + 1);  // blanks behind it count as its own there
      }
    }
    const char* rest = nullptr;
    const bool at_end = document.current_location().get(rest) == simdjson::OUT_OF_BOUNDS;
    return at_end && !out.type.empty() && !out.object.empty();
  }

  /// metadata.resourceVersion and the one annotation that matters. False: not an object's metadata.
  bool read_metadata(std::string_view object_json, DecodedEvent& out) {
    ondemand::document document;
    ondemand::object metadata;
    if (metadata_.iterate(object_json.data(), object_json.size(), readable(object_json.data())).get(document) !=
        simdjson::SUCCESS) {
      return false;
    }
    if (document.find_field_unordered("metadata").get_object().get(metadata) != simdjson::SUCCESS) return false;
    for (auto field : metadata) {
      std::string_view key;
      if (field.unescaped_key().get(key) != simdjson::SUCCESS) return false;
      if (key == "resourceVersion") {
        if (field.value().get_string().get(out.resource_version) != simdjson::SUCCESS) return false;
      } else if (key == "annotations" && out.kind == DecodedEvent::Kind::kBookmark) {
        ondemand::object annotations;
        std::string_view end;
        if (field.value().get_object().get(annotations) != simdjson::SUCCESS) continue;  // null
        if (annotations.find_field_unordered("k8s.io/initial-events-end").get_string().get(end) == simdjson::SUCCESS) {
          out.initial_events_end = end == "true";
        }
      }
    }
    return true;
  }

  Result<std::optional<DecodedEvent>> decode(size_t begin, size_t end) {
    const std::string_view line(buffer_.data() + begin, end - begin);
    Envelope envelope;
    if (!read_envelope(line, envelope)) return wrong("a line of the watch is no event: " + beginning(line));
    DecodedEvent event;
    event.object_json = envelope.object;
    if (envelope.type == "ADDED") {
      event.type = EventType::kAdded;
    } else if (envelope.type == "MODIFIED") {
      event.type = EventType::kModified;
    } else if (envelope.type == "DELETED") {
      event.type = EventType::kDeleted;
    } else if (envelope.type == "BOOKMARK") {
      event.kind = DecodedEvent::Kind::kBookmark;
    } else if (envelope.type == "ERROR") {
      event.kind = DecodedEvent::Kind::kError;
      return event;
    } else {
      return wrong("the watch has an event of an unknown type: " + beginning(line));
    }
    if (!read_metadata(event.object_json, event)) {
      return wrong("the object of an event has no metadata: " + beginning(line));
    }
    return event;
  }

  size_t line_bytes_max_;
  std::string buffer_;
  size_t start_ = 0;     ///< of the line that comes next
  size_t searched_ = 0;  ///< no line end before it
  std::string error_;
  ondemand::parser envelope_;
  ondemand::parser metadata_;
};

WatchDecoder::WatchDecoder(size_t line_bytes_max) : impl_(std::make_unique<Impl>(line_bytes_max)) {}
WatchDecoder::~WatchDecoder() = default;
void WatchDecoder::feed(std::string_view bytes) { impl_->feed(bytes); }
Result<std::optional<DecodedEvent>> WatchDecoder::next() { return impl_->next(); }
bool WatchDecoder::mid_line() const { return impl_->mid_line(); }
void WatchDecoder::reset() { impl_->reset(); }

}  // namespace sandgate::kube
