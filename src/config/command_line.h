// The command line of a product, split into settings and their texts. CLI11's types stay in
// command_line.cc.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sandgate::config {

struct Schema;

struct GivenFlag {
  std::string name;   ///< without dashes; of a Setting or an AbsentSetting
  std::string value;  ///< `true` for a boolean flag alone; the items of a repeated list flag joined by commas
};

struct CommandLine {
  bool help = false;
  bool version = false;
  std::optional<std::string> config_file;
  std::vector<GivenFlag> flags;
  std::vector<std::string> problems;  ///< unknown flags (with the nearest known one), missing values, stray words
};

/// Arguments after the program's and the command's name. `--flag VALUE`, `--flag=VALUE`, and as Go's programs
/// take them also `-flag`; boolean flags take a value after `=` only. The last of a repeated flag wins, lists
/// add up.
CommandLine parse_command_line(const Schema& schema, std::span<const std::string> arguments);

}  // namespace sandgate::config
