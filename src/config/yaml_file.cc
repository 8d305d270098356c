#include "config/yaml_file.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <map>

#include "config/values.h"

namespace sandgate::config {
namespace {

int line_of(const YAML::Node& node) { return node.Mark().line + 1; }

/// Joins a sequence of scalars.
Result<std::string> sequence_text(std::string_view key, const YAML::Node& sequence) {
  std::string out;
  for (const YAML::Node& item : sequence) {
    if (!item.IsScalar()) {
      return fail(fmt::format("line {}: the list of {} may hold plain values only", line_of(item), in_quotes(key)));
    }
    if (!out.empty()) out += ',';
    out += item.Scalar();
  }
  return out;
}

Result<FileEntry> entry(const YAML::Node& key_node, const YAML::Node& value) {
  if (!key_node.IsScalar()) return fail(fmt::format("line {}: a key must be a plain name", line_of(key_node)));
  FileEntry out{.key = key_node.Scalar(), .value = {}, .is_list = value.IsSequence(), .line = line_of(key_node)};
  if (value.IsScalar()) {
    out.value = value.Scalar();
    return out;
  }
  if (value.IsSequence()) {
    auto joined = sequence_text(out.key, value);
    if (!joined) return tl::unexpected(joined.error());
    out.value = std::move(*joined);
    return out;
  }
  return fail(value.IsMap()
                  ? fmt::format("line {}: {} holds a nested map; keys are flat", out.line, in_quotes(out.key))
                  : fmt::format("line {}: {} has no value (write \"\" for empty)", out.line, in_quotes(out.key)));
}

Result<std::vector<FileEntry>> entries(std::string_view text) {
  const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
  if (documents.size() > 1) return fail(fmt::format("line {}: a second document", line_of(documents[1])));
  std::vector<FileEntry> out;
  if (documents.empty() || documents[0].IsNull()) return out;
  if (!documents[0].IsMap()) return fail(fmt::format("line {}: not a map of `key: value`", line_of(documents[0])));
  std::map<std::string, int> seen;
  for (const auto& pair : documents[0]) {
    auto one = entry(pair.first, pair.second);
    if (!one) return tl::unexpected(one.error());
    const auto [first, is_new] = seen.emplace(one->key, one->line);
    if (!is_new) {
      return fail(
          fmt::format("line {}: {} was given before, on line {}", one->line, in_quotes(one->key), first->second));
    }
    out.push_back(std::move(*one));
  }
  return out;
}

}  // namespace

Result<std::vector<FileEntry>> parse_yaml_file(std::string_view text) {
  try {
    return entries(text);
  } catch (const YAML::Exception& e) {
    return fail(fmt::format("line {}: not YAML: {}", e.mark.line + 1, e.msg));
  }
}

}  // namespace sandgate::config
