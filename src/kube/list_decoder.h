// From the bytes of a list (one page) to its items, without holding more than one item: lists from the server's cache
// come unpaged and may have hundreds of MiB. Pure; simdjson's types stay in the .cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sandgate::kube {

/// A scanner, not a validator: it follows strings and brackets, takes what stands in `items` apart, and leaves it to
/// who reads an item to refuse nonsense inside. What it does promise: a finished page was one JSON object to its last
/// byte, with balanced brackets, and each item an object.
class ListDecoder {
 public:
  /// `on_item` gets each item's bytes; the view lives until it returns. The limit holds for the metadata too.
  ListDecoder(size_t item_bytes_max, std::function<void(std::string_view)> on_item);

  /// Bytes cut anywhere. The error is for good.
  Result<void> feed(std::string_view bytes);

  /// After the last byte: the error says what is missing (a cut page, no metadata).
  Result<void> finish();

  /// `metadata.resourceVersion` of the list; empty when the server gave none. Known once the metadata has been read
  /// (servers send it before the items), at the latest after finish().
  const std::string& resource_version() const { return resource_version_; }
  /// After finish(): `metadata.continue`; empty: this was the last page.
  const std::string& continue_token() const { return continue_; }
  uint64_t items() const { return items_; }

 private:
  /// What is expected next.
  enum class Place : uint8_t {
    kOpen,       ///< the object's {
    kKeyOrEnd,   ///< its first key, or }
    kKey,        ///< a key, behind a comma
    kColon,      ///< behind a key
    kValue,      ///< its value
    kMoreOrEnd,  ///< a comma, or }
    kItemOrEnd,  ///< the first item, or ]
    kItem,       ///< an item, behind a comma
    kItemMore,   ///< a comma, or ]
    kBlank,      ///< behind the object: blanks only
  };
  enum class Inside : uint8_t { kNothing, kString, kScalar, kContainer };

  bool step(std::string_view bytes, size_t& at);
  bool begin_value(char first);
  bool skip_string(std::string_view bytes, size_t& at);
  void skip_brackets(std::string_view bytes, size_t& at);
  void skip_value(std::string_view bytes, size_t& at);
  bool hold(std::string_view bytes);
  bool read_metadata(std::string_view json);
  bool value_complete(std::string_view value);
  bool wrong(std::string what);

  size_t item_bytes_max_;
  std::function<void(std::string_view)> on_item_;
  Place place_ = Place::kOpen;
  Inside inside_ = Inside::kNothing;  ///< of the value being read
  bool in_string_ = false;            ///< within the container being read, or of the string
  bool escaped_ = false;
  std::string brackets_;  ///< open ones of the container being read, innermost last
  std::string held_;      ///< of the value being read: what came in earlier pieces
  std::string key_;
  bool has_metadata_ = false;
  std::string resource_version_;
  std::string continue_;
  uint64_t items_ = 0;
  uint64_t offset_ = 0;  ///< bytes seen before the present piece, for messages
  std::string error_;
};

}  // namespace sandgate::kube
