// One setting: its name on the command line and in the file, its environment variable, its unit, default,
// accepted range and meaning, and how it gets into the option structs. Help, error messages and the manual
// are made from these fields, so that they cannot disagree.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "config/duration.h"
#include "config/values.h"
#include "server/options.h"

namespace sandgate::config {

using Options = server::ServerOptions;

/// Nothing: the value was taken. Otherwise what is wrong with it in a few words; the caller adds name, place
/// and range.
using Problem = std::optional<std::string>;

/// How an environment variable fills the setting. Unlike flags, a bad value is replaced by the default.
struct EnvironmentReader {
  std::string name;      ///< empty: the setting has none
  std::string accepted;  ///< in words
  bool is_secret = false;
  /// Problems with the value, each a warning; a list keeps its good items.
  std::function<std::vector<std::string>(Options&, std::string_view)> read;
};

struct Setting {
  std::string name;      ///< kebab-case: `--name` and the file's key
  std::string section;   ///< heading in help and manual
  std::string unit;      ///< what stands for the value in help: DURATION, BYTES, COUNT, ...
  std::string accepted;  ///< range in words
  std::string help;      ///< one sentence
  bool is_bool = false;  ///< `--name` alone is true, a value needs `=`
  bool is_list = false;  ///< comma-separated; the flag may be repeated, the file may hold a sequence
  std::function<Problem(Options&, std::string_view)> set;
  std::function<std::string(const Options&)> show;  ///< in the syntax set() reads
  EnvironmentReader environment;

  bool has_flag() const { return set != nullptr; }
};

/// Inclusive range. With `zero` set, 0 is taken as well and means what it says ("off").
struct DurationRange {
  Millis min{1};
  Millis max{std::chrono::hours(8760)};
  std::string_view zero{};
};
struct NumberRange {
  uint64_t min = 0;
  uint64_t max = std::numeric_limits<int64_t>::max();
  std::string_view zero{};
};

std::string describe(const DurationRange& range);
std::string describe(const NumberRange& range);
Result<Millis> read_duration(std::string_view text, const DurationRange& range);
Result<uint64_t> read_number(std::string_view text, const NumberRange& range);
/// Seconds as Python's float(): above 0, or from 0 when the range has a zero. Beyond the range's end means
/// its end.
Result<Millis> read_python_seconds(std::string_view text, const DurationRange& range);
/// A whole number as Python's int(), at least range.min (or 0 when the range has a zero); beyond its end
/// means its end.
Result<uint64_t> read_python_number(std::string_view text, const NumberRange& range);

// Makers of settings. `get` is called with the options and answers a reference to the member.

template <class Get>
Setting duration(std::string_view name, Get get, DurationRange range, std::string_view help) {
  Setting s{.name = std::string(name),
            .section = {},
            .unit = "DURATION",
            .accepted = describe(range),
            .help = std::string(help),
            .set = {},
            .show = {},
            .environment = {}};
  s.set = [get, range](Options& options, std::string_view text) -> Problem {
    const auto value = read_duration(text, range);
    if (!value) return value.error().message;
    get(options) = *value;
    return std::nullopt;
  };
  s.show = [get](const Options& options) { return format_duration(get(options)); };
  return s;
}

template <class Get>
Setting number(std::string_view name, std::string_view unit, Get get, NumberRange range, std::string_view help) {
  Setting s{.name = std::string(name),
            .section = {},
            .unit = std::string(unit),
            .accepted = describe(range),
            .help = std::string(help),
            .set = {},
            .show = {},
            .environment = {}};
  s.set = [get, range](Options& options, std::string_view text) -> Problem {
    const auto value = read_number(text, range);
    if (!value) return value.error().message;
    auto& member = get(options);
    member = static_cast<std::remove_reference_t<decltype(member)>>(*value);
    return std::nullopt;
  };
  s.show = [get](const Options& options) { return std::to_string(get(options)); };
  return s;
}

template <class Get>
Setting boolean(std::string_view name, Get get, std::string_view help) {
  Setting s{.name = std::string(name),
            .section = {},
            .unit = "BOOL",
            .accepted = "true or false",
            .help = std::string(help),
            .is_bool = true,
            .set = {},
            .show = {},
            .environment = {}};
  s.set = [get](Options& options, std::string_view text) -> Problem {
    const auto value = parse_go_bool(text);
    if (!value) return "is not true or false";
    get(options) = *value;
    return std::nullopt;
  };
  s.show = [get](const Options& options) { return std::string(get(options) ? "true" : "false"); };
  return s;
}

/// One of a few words.
template <class Value, class Get>
Setting choice(std::string_view name, Get get, std::vector<std::pair<std::string_view, Value>> values,
               std::string_view help) {
  std::string accepted;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) accepted += i + 1 < values.size() ? ", " : " or ";
    accepted += values[i].first;
  }
  Setting s{.name = std::string(name),
            .section = {},
            .unit = "WORD",
            .accepted = std::move(accepted),
            .help = std::string(help),
            .set = {},
            .show = {},
            .environment = {}};
  s.set = [get, values](Options& options, std::string_view text) -> Problem {
    for (const auto& [word, value] : values) {
      if (word == text) {
        get(options) = value;
        return std::nullopt;
      }
    }
    return "is not one of these words";
  };
  s.show = [get, values](const Options& options) {
    for (const auto& [word, value] : values) {
      if (value == get(options)) return std::string(word);
    }
    return std::string();
  };
  return s;
}

/// Text that `read` checks and puts into its final form.
template <class Get>
Setting text(std::string_view name, std::string_view unit, Get get,
             std::function<Result<std::string>(std::string_view)> read, std::string_view accepted,
             std::string_view help) {
  Setting s{.name = std::string(name),
            .section = {},
            .unit = std::string(unit),
            .accepted = std::string(accepted),
            .help = std::string(help),
            .set = {},
            .show = {},
            .environment = {}};
  s.set = [get, read = std::move(read)](Options& options, std::string_view value) -> Problem {
    auto checked = read(value);
    if (!checked) return checked.error().message;
    get(options) = std::move(*checked);
    return std::nullopt;
  };
  s.show = [get](const Options& options) { return std::string(get(options)); };
  return s;
}

/// A comma-separated list; `read` turns an item into its value or nothing.
template <class Get, class Read, class Show>
Setting list(std::string_view name, std::string_view unit, Get get, Read read, Show show, std::string_view accepted,
             std::string_view help) {
  Setting s{.name = std::string(name),
            .section = {},
            .unit = std::string(unit),
            .accepted = std::string(accepted),
            .help = std::string(help),
            .is_list = true,
            .set = {},
            .show = {},
            .environment = {}};
  s.set = [get, read](Options& options, std::string_view value) -> Problem {
    std::remove_reference_t<decltype(get(options))> values;
    for (std::string_view item : list_items(value)) {
      auto one = read(item);
      if (!one) return "item " + in_quotes(item) + " is not accepted";
      values.push_back(std::move(*one));
    }
    get(options) = std::move(values);
    return std::nullopt;
  };
  s.show = [get, show](const Options& options) {
    std::string out;
    for (const auto& value : get(options)) {
      if (!out.empty()) out += ',';
      out += show(value);
    }
    return out;
  };
  return s;
}

// Environment variables of the replaced program, added to a setting.

template <class Get>
Setting with_python_seconds(Setting s, std::string_view variable, Get get, DurationRange range) {
  s.environment.name = variable;
  s.environment.accepted = range.zero.empty() ? "seconds, finite and above 0" : "seconds, finite, 0 or more";
  s.environment.read = [get, range](Options& options, std::string_view raw) -> std::vector<std::string> {
    const auto value = read_python_seconds(raw, range);
    if (!value) return {value.error().message};
    get(options) = *value;
    return {};
  };
  return s;
}

template <class Get>
Setting with_python_number(Setting s, std::string_view variable, Get get, NumberRange range) {
  const uint64_t least = range.zero.empty() ? range.min : 0;
  s.environment.name = variable;
  s.environment.accepted = "a whole number, " + std::to_string(least) + " or more";
  s.environment.read = [get, range](Options& options, std::string_view raw) -> std::vector<std::string> {
    const auto value = read_python_number(raw, range);
    if (!value) return {value.error().message};
    auto& member = get(options);
    member = static_cast<std::remove_reference_t<decltype(member)>>(*value);
    return {};
  };
  return s;
}

}  // namespace sandgate::config
