#include "config/help.h"

#include <fmt/format.h>

#include <iterator>

#include "config/schema.h"

namespace sandgate::config {
namespace {

constexpr size_t kWidth = 96;

/// Breaks text at blanks into indented lines.
void wrap(std::string& out, std::string_view text) {
  constexpr std::string_view kIndent = "        ";
  size_t column = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (column != 0 && column + 1 + word.size() > kWidth) {
      out += '\n';
      column = 0;
    }
    out += column == 0 ? kIndent : std::string_view(" ");
    out += word;
    column += (column == 0 ? kIndent.size() : 1) + word.size();
  }
  out += '\n';
}

std::string default_text(const Schema& schema, const Setting& s) {
  if (!s.show) return "unset";
  const std::string value = s.show(schema.defaults);
  return value.empty() ? "empty" : value;
}

/// A table cell: the separator must not end it.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string help_text(const Schema& schema) {
  std::string out = fmt::format("Usage: sandgate {} [FLAGS]\n\n{}\n", schema.command, schema.does);
  out +=
      "A flag goes before the file (--config, keys as the flags without dashes), the file before\n"
      "the environment, the environment before the default. A DURATION has units: 180s, 1m30s, 200ms.\n\n"
      "  --config FILE\n"
      "        YAML file, a flat map of settings. Environment: ";
  out += schema.config_file;
  out +=
      ".\n"
      "  --help, -h\n        This text.\n"
      "  --version\n        The version.\n\n"
      "SANDGATE_STRICT_CONFIG=true makes a bad value in the environment an error instead of a warning.\n";
  std::string section;
  for (const Setting& s : schema.settings) {
    if (s.section != section) {
      section = s.section;
      fmt::format_to(std::back_inserter(out), "\n{}:\n", section);
    }
    if (s.has_flag()) {
      fmt::format_to(std::back_inserter(out), "  --{}{}\n", s.name, s.is_bool ? "[=BOOL]" : " " + s.unit);
    } else {
      fmt::format_to(std::back_inserter(out), "  {} (environment only)\n", s.environment.name);
    }
    std::string text = fmt::format("{} Accepted: {}. Default: {}.", s.help, s.accepted, default_text(schema, s));
    if (s.has_flag() && !s.environment.name.empty()) {
      text += fmt::format(" Environment: {} ({}).", s.environment.name, s.environment.accepted);
    }
    wrap(out, text);
  }
  out +=
      "\nExit codes: 0 after --help, --version or a stop by signal; 2 bad configuration; 1 any other "
      "failure.\n";
  return out;
}

std::string settings_markdown(const Schema& schema) {
  std::string out;
  std::string section;
  for (const Setting& s : schema.settings) {
    if (s.section != section) {
      fmt::format_to(std::back_inserter(out),
                     "{}#### {}\n\n| Flag and key | Default | Accepted | Environment | Meaning "
                     "|\n|---|---|---|---|---|\n",
                     section.empty() ? "" : "\n", s.section);
      section = s.section;
    }
    const std::string name = s.has_flag() ? fmt::format("`--{}`", s.name) : "none";
    const std::string variable =
        s.environment.name.empty()
            ? ""
            : fmt::format("`{}`{}", s.environment.name,
                          s.environment.accepted == s.accepted ? "" : ": " + s.environment.accepted);
    fmt::format_to(std::back_inserter(out), "| {} | {} | {} | {} | {} |\n", name, cell(default_text(schema, s)),
                   cell(s.accepted), cell(variable), cell(s.help));
  }
  return out;
}

}  // namespace sandgate::config
