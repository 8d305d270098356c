// From the bytes of a list (one page) to its items, without holding more than one item: lists from the server's cache
// come unpaged and may have hundreds of MiB. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sandgate::kube {

/// A scanner, not a validator: it follows strings and brackets, takes what stands in `items` apart, and leaves it to
/// who reads an item to refuse nonsense inside. What it does promise: a complete() page was one JSON object to its last
/// byte, with balanced brackets.
class ListDecoder {
 public:
  /// `on_item` gets each item's bytes; the view lives until it returns.
  ListDecoder(size_t item_bytes_max, std::function<void(std::string_view)> on_item);

  /// The error is for good: no object, an item or the metadata above the limit, unbalanced brackets, bytes behind the
  /// end.
  Result<void> feed(std::string_view bytes);

  /// After the last byte: the error says what is missing (a cut page, no metadata).
  Result<void> finish();

  /// After finish(). `metadata.resourceVersion` of the list, never empty.
  const std::string& resource_version() const { return resource_version_; }
  /// `metadata.continue`; empty: this was the last page.
  const std::string& continue_token() const { return continue_; }
  uint64_t items() const { return items_; }

 private:
  enum class Place : uint8_t { kBefore, kTop, kKey, kAfterKey, kValue, kItems, kItem, kMetadata, kSkip, kAfter };

  size_t item_bytes_max_;
  std::function<void(std::string_view)> on_item_;
  Place place_ = Place::kBefore;
  bool in_string_ = false;
  bool escaped_ = false;
  std::string brackets_;  ///< the open ones, innermost last
  std::string key_;
  std::string held_;  ///< bytes of the value being gathered
  std::string metadata_;
  std::string resource_version_;
  std::string continue_;
  uint64_t items_ = 0;
  std::string error_;
};

}  // namespace sandgate::kube
