#include "kube/list_decoder.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <utility>

namespace sandgate::kube {
namespace {

constexpr size_t kDepthMax = 1'000;
constexpr size_t kKeyBytesMax = 1'024;

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool ends_scalar(char c) { return is_blank(c) || c == ',' || c == ']' || c == '}'; }

/// A string field of the metadata; empty when it is absent or null.
Result<std::string> text_field(simdjson::ondemand::object& object, std::string_view key) {
  simdjson::ondemand::value value;
  const simdjson::error_code found = object.find_field_unordered(key).get(value);
  if (found == simdjson::NO_SUCH_FIELD) return std::string{};
  if (found != simdjson::SUCCESS) return fail("the metadata of the list is no JSON");
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
  bool null = false;
  if (value.is_null().get(null) == simdjson::SUCCESS && null) return std::string{};
  return fail(fmt::format("metadata.{} of the list is no string", key));
}

}  // namespace

ListDecoder::ListDecoder(size_t item_bytes_max, std::function<void(std::string_view)> on_item)
    : item_bytes_max_(item_bytes_max), on_item_(std::move(on_item)) {}

bool ListDecoder::wrong(std::string what) {
  error_ = std::move(what);
  return false;
}

bool ListDecoder::hold(std::string_view bytes) {
  const size_t most = place_ == Place::kKey || place_ == Place::kKeyOrEnd ? kKeyBytesMax : item_bytes_max_;
  // What stands beside items and metadata is not kept, so it may have any size.
  const bool kept = place_ != Place::kValue || key_ == "\"metadata\"";
  if (!kept) return true;
  if (bytes.size() > most || held_.size() > most - bytes.size()) {
    return wrong(fmt::format("item {} of the list is longer than {} bytes", items_, most));
  }
  held_ += bytes;
  return true;
}

bool ListDecoder::begin_value(char first) {
  brackets_.clear();
  held_.clear();
  escaped_ = false;
  in_string_ = first == '"';
  if (first == '"') {
    inside_ = Inside::kString;
  } else if (first == '{' || first == '[') {
    inside_ = Inside::kContainer;
  } else if (first == '-' || (first >= '0' && first <= '9') || first == 't' || first == 'f' || first == 'n') {
    inside_ = Inside::kScalar;
  } else {
    return wrong(fmt::format("a value cannot begin with byte {:#04x}", static_cast<uint8_t>(first)));
  }
  return true;
}

/// From `at` on, inside a string; false: it goes on behind these bytes.
bool ListDecoder::skip_string(std::string_view bytes, size_t& at) {
  const char* const data = bytes.data();
  const size_t size = bytes.size();
  size_t i = at;
  if (escaped_ && i < size) {
    escaped_ = false;
    ++i;
  }
  for (;;) {
    while (i < size && data[i] != '"' && data[i] != '\\') ++i;
    if (i >= size) break;
    if (data[i] == '"') {
      at = i + 1;
      in_string_ = false;
      return true;
    }
    escaped_ = i + 1 == size;
    i += 2;
  }
  at = size;
  return false;
}

/// From `at` on, inside an object or array but outside its strings; leaves at a string, or behind the last bracket.
void ListDecoder::skip_brackets(std::string_view bytes, size_t& at) {
  static constexpr auto kStops = [] {
    std::array<bool, 256> out{};
    for (const char c : std::string_view("\"{}[]")) out[static_cast<uint8_t>(c)] = true;
    return out;
  }();
  while (at < bytes.size()) {
    const char c = bytes[at];
    if (!kStops[static_cast<uint8_t>(c)]) {
      ++at;
      continue;
    }
    ++at;
    if (c == '"') {
      in_string_ = true;
      return;
    }
    if (c == '{' || c == '[') {
      brackets_ += c;
      if (brackets_.size() > kDepthMax) wrong(fmt::format("deeper than {} brackets", kDepthMax));
    } else if (brackets_.back() != (c == '}' ? '{' : '[')) {
      wrong("brackets that do not match");
    } else {
      brackets_.pop_back();
    }
    if (!error_.empty()) return;
    if (brackets_.empty()) {
      inside_ = Inside::kNothing;
      return;
    }
  }
}

/// Moves `at` behind the value when it ends in these bytes (inside_ is then kNothing), else to their end.
void ListDecoder::skip_value(std::string_view bytes, size_t& at) {
  if (inside_ == Inside::kScalar) {
    while (at < bytes.size() && !ends_scalar(bytes[at])) ++at;
    if (at < bytes.size()) inside_ = Inside::kNothing;
    return;
  }
  while (at < bytes.size() && inside_ != Inside::kNothing && error_.empty()) {
    if (!in_string_) {
      skip_brackets(bytes, at);
    } else if (skip_string(bytes, at) && inside_ == Inside::kString) {
      inside_ = Inside::kNothing;
    }
  }
}

bool ListDecoder::read_metadata(std::string_view json) {
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return wrong("the metadata of the list is no object");
  }
  auto version = text_field(object, "resourceVersion");
  if (!version) return wrong(version.error().message);
  auto token = text_field(object, "continue");
  if (!token) return wrong(token.error().message);
  resource_version_ = std::move(*version);
  continue_ = std::move(*token);
  has_metadata_ = true;
  return true;
}

bool ListDecoder::value_complete(std::string_view value) {
  switch (place_) {
    case Place::kKeyOrEnd:
    case Place::kKey:
      key_ = value;
      place_ = Place::kColon;
      return true;
    case Place::kValue:
      place_ = Place::kMoreOrEnd;
      return key_ != "\"metadata\"" || read_metadata(value);
    default:
      ++items_;
      on_item_(value);
      place_ = Place::kItemMore;
      return true;
  }
}

/// One byte between values, or one run of bytes inside a value.
bool ListDecoder::step(std::string_view bytes, size_t& at) {
  const char c = bytes[at];
  const auto unexpected = [&](const char* wanted) {
    return wrong(fmt::format("byte {:#04x} where {} belongs", static_cast<uint8_t>(c), wanted));
  };
  if (inside_ == Inside::kNothing) {
    if (is_blank(c)) {
      ++at;
      return true;
    }
    const auto take = [&](Place next) {
      ++at;
      place_ = next;
      return true;
    };
    switch (place_) {
      case Place::kOpen:
        return c == '{' ? take(Place::kKeyOrEnd) : unexpected("the { of a list");
      case Place::kKeyOrEnd:
        if (c == '}') return take(Place::kBlank);
        if (c != '"') return unexpected("a key");
        break;
      case Place::kKey:
        if (c != '"') return unexpected("a key");
        break;
      case Place::kColon:
        return c == ':' ? take(Place::kValue) : unexpected("a colon");
      case Place::kMoreOrEnd:
        if (c == '}') return take(Place::kBlank);
        return c == ',' ? take(Place::kKey) : unexpected("a comma or }");
      case Place::kValue:
        if (c == '[' && key_ == "\"items\"") return take(Place::kItemOrEnd);
        break;
      case Place::kItemOrEnd:
        if (c == ']') return take(Place::kMoreOrEnd);
        [[fallthrough]];
      case Place::kItem:
        if (c != '{') return unexpected("an item's {");
        break;
      case Place::kItemMore:
        if (c == ']') return take(Place::kMoreOrEnd);
        return c == ',' ? take(Place::kItem) : unexpected("a comma or ]");
      case Place::kBlank:
        return unexpected("the end");
    }
    if (!begin_value(c)) return false;
    const size_t start = at;
    if (inside_ == Inside::kString) ++at;  // its opening quote
    skip_value(bytes, at);
    if (!error_.empty()) return false;
    const std::string_view value = bytes.substr(start, at - start);
    if (inside_ != Inside::kNothing) return hold(value);
    if (value.size() > item_bytes_max_ && place_ != Place::kValue) return hold(value);
    return value_complete(value);
  }
  const size_t start = at;
  skip_value(bytes, at);
  if (!error_.empty() || !hold(bytes.substr(start, at - start))) return false;
  if (inside_ != Inside::kNothing) return true;
  const std::string whole = std::exchange(held_, {});
  return value_complete(whole);
}

Result<void> ListDecoder::feed(std::string_view bytes) {
  if (!error_.empty()) return fail(error_);
  for (size_t at = 0; at < bytes.size();) {
    if (!step(bytes, at)) {
      error_ = fmt::format("the list is broken near byte {}: {}", offset_ + at, error_);
      return fail(error_);
    }
  }
  offset_ += bytes.size();
  return {};
}

Result<void> ListDecoder::finish() {
  if (!error_.empty()) return fail(error_);
  if (place_ != Place::kBlank) return fail(fmt::format("the list breaks off after {} bytes", offset_));
  if (!has_metadata_) return fail("the list has no metadata");
  return {};
}

}  // namespace sandgate::kube
