#include "config/command_line.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>

#include "config/schema.h"
#include "config/suggest.h"
#include "config/values.h"

namespace sandgate::config {
namespace {

using Names = std::vector<std::string_view>;

Names flag_names(const Schema& schema) {
  Names names = {"help", "version", "config"};
  for (const Setting& s : schema.settings) {
    if (s.has_flag()) names.push_back(s.name);
  }
  for (const AbsentSetting& s : schema.absent) names.push_back(s.name);
  return names;
}

/// `-name` becomes `--name`, and `--name=` becomes `--name` and an empty word: CLI11 would take the next word
/// for it.
std::vector<std::string> normalised(const Names& names, std::span<const std::string> arguments) {
  const auto is_flag_name = [&](std::string_view name) { return std::ranges::find(names, name) != names.end(); };
  std::vector<std::string> out;
  bool flags_ended = false;
  for (const std::string& argument : arguments) {
    std::string word = argument;
    flags_ended = flags_ended || word == "--";
    if (flags_ended || word.size() < 2 || word[0] != '-') {
      out.push_back(std::move(word));
      continue;
    }
    const std::string_view bare = std::string_view(word).substr(word[1] == '-' ? 2 : 1);
    const std::string_view name = bare.substr(0, bare.find('='));
    if (word[1] != '-' && is_flag_name(name)) word.insert(0, "-");
    if (word.find('=') == word.size() - 1 && is_flag_name(name)) {
      word.pop_back();
      out.push_back(std::move(word));
      out.emplace_back();
    } else {
      out.push_back(std::move(word));
    }
  }
  return out;
}

std::string stray(const Names& names, std::string_view word) {
  if (word.size() > 1 && word.front() == '-') {
    const std::string_view flag = word.substr(0, word.find('='));
    const size_t dashes = std::min(flag.find_first_not_of('-'), flag.size());
    const std::string_view near = nearest(flag.substr(dashes), names);
    return near.empty() ? fmt::format("unknown flag {} (--help lists all)", in_quotes(flag))
                        : fmt::format("unknown flag {}; did you mean --{}?", in_quotes(flag), near);
  }
  const bool boolean = word == "true" || word == "false";
  return fmt::format("unexpected argument {}{}", in_quotes(word),
                     boolean ? " (write --flag=" + std::string(word) + ")" : "");
}

void collect(const CLI::App& app, const std::string& name, bool is_list, CommandLine& out) {
  const CLI::Option* option = app.get_option("--" + name);
  if (option->count() == 0) return;
  const std::vector<std::string> results = option->results();
  std::string value = results.back();
  if (is_list) {
    value.clear();
    for (const std::string& item : results) value += (value.empty() ? "" : ",") + item;
  }
  out.flags.push_back({name, std::move(value)});
}

/// How many words stand before the first one that is neither a flag nor a flag's value.
size_t words_of_flags(const Schema& schema, std::span<const std::string> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word.size() < 2 || word[0] != '-' || word == "--") return i;
    const std::string_view name = word.substr(word[1] == '-' ? 2 : 1);
    if (name.find('=') != std::string_view::npos) continue;
    const Setting* setting = schema.find(name);
    const AbsentSetting* absent = schema.find_absent(name);
    const bool takes_value =
        name == "config" || (setting != nullptr && !setting->is_bool) || (absent != nullptr && !absent->is_bool);
    if (takes_value) ++i;
  }
  return arguments.size();
}

}  // namespace

CommandLine parse_command_line(const Schema& schema, std::span<const std::string> arguments) {
  if (schema.stops_at_word) arguments = arguments.first(words_of_flags(schema, arguments));
  const Names names = flag_names(schema);
  CommandLine out;
  CLI::App app;
  app.set_help_flag();  // none of CLI11's: the help text comes from the table
  app.allow_extras();
  bool help = false;
  bool version = false;
  std::string config_file;
  app.add_flag("-h,--help", help);
  app.add_flag("--version", version);
  const CLI::Option* config =
      app.add_option("--config", config_file)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  const auto add = [&](const std::string& name, bool is_bool) {
    CLI::Option* option = is_bool ? app.add_flag("--" + name) : app.add_option("--" + name);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  for (const Setting& s : schema.settings) {
    if (s.has_flag()) add(s.name, s.is_bool);
  }
  for (const AbsentSetting& s : schema.absent) add(std::string(s.name), s.is_bool);

  std::vector<std::string> words = normalised(names, arguments);
  std::ranges::reverse(words);  // CLI11 takes them from the back
  try {
    app.parse(words);
  } catch (const CLI::ParseError& e) {
    out.problems.emplace_back(e.what());
    return out;
  }
  out.help = help;
  out.version = version;
  if (config->count() > 0) out.config_file = config_file;
  for (const std::string& word : app.remaining()) out.problems.push_back(stray(names, word));
  for (const Setting& s : schema.settings) {
    if (s.has_flag()) collect(app, s.name, s.is_list, out);
  }
  for (const AbsentSetting& s : schema.absent) collect(app, std::string(s.name), false, out);
  return out;
}

}  // namespace sandgate::config
