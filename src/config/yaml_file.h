// The configuration file: one flat YAML map from setting names to values. yaml-cpp's types stay in
// yaml_file.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sandgate::config {

struct FileEntry {
  std::string key;
  std::string value;     ///< a sequence's items joined by commas
  bool is_list = false;  ///< it was a sequence
  int line = 0;          ///< from 1
};

/// The entries in the order of the file; an empty file has none. The error names the line: text that is not
/// YAML, more than one document, a value that is a map or absent, a list within a list, a key given twice.
Result<std::vector<FileEntry>> parse_yaml_file(std::string_view text);

}  // namespace sandgate::config
