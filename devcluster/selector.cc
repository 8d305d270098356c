#include "devcluster/selector.h"

#include <algorithm>

#include "base/strings.h"

namespace sandgate::devcluster {
namespace {

bool is_name_char(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

/// `[prefix/]name` as label keys are.
bool is_label_key(std::string_view key) {
  const size_t slash = key.find('/');
  if (slash != std::string_view::npos) {
    if (!is_dns_name(key.substr(0, slash))) return false;
    key.remove_prefix(slash + 1);
  }
  if (key.empty() || key.size() > 63) return false;
  const auto ends = [](char c) { return is_name_char(c) && c != '-' && c != '_' && c != '.'; };
  return ends(key.front()) && ends(key.back()) && std::all_of(key.begin(), key.end(), is_name_char);
}

bool is_label_value(std::string_view value) {
  if (value.empty()) return true;
  const auto ends = [](char c) { return is_name_char(c) && c != '-' && c != '_' && c != '.'; };
  return value.size() <= 63 && ends(value.front()) && ends(value.back()) &&
         std::all_of(value.begin(), value.end(), is_name_char);
}

const std::string* value_of(const Labels& labels, std::string_view key) {
  for (const auto& [name, value] : labels) {
    if (name == key) return &value;
  }
  return nullptr;
}

/// Splits at commas outside parentheses.
std::vector<std::string_view> split_terms(std::string_view text) {
  std::vector<std::string_view> terms;
  int depth = 0;
  size_t from = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      terms.push_back(trim_blanks(text.substr(from, i - from)));
      from = i + 1;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')') {
      --depth;
    }
  }
  return terms;
}

ApiError unreadable(std::string_view text) {
  return bad_request("unable to parse requirement: found '" + std::string(text) + "', expected a label selector");
}

}  // namespace

Answer<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector selector;
  if (trim_blanks(text).empty()) return selector;
  for (std::string_view term : split_terms(text)) {
    Requirement requirement;
    const size_t equals = term.find('=');
    const size_t open = term.find('(');
    if (open != std::string_view::npos) {
      if (term.back() != ')') return tl::unexpected(unreadable(term));
      std::string_view left = trim_blanks(term.substr(0, open));
      const size_t blank = left.find_last_of(" \t");
      if (blank == std::string_view::npos) return tl::unexpected(unreadable(term));
      const std::string_view word = left.substr(blank + 1);
      if (word != "in" && word != "notin") return tl::unexpected(unreadable(term));
      requirement.op = word == "in" ? Op::kIn : Op::kNotIn;
      requirement.key = trim_blanks(left.substr(0, blank));
      for_each_list_item(term.substr(open + 1, term.size() - open - 2),
                         [&](std::string_view value) { requirement.values.emplace_back(value); });
    } else if (equals != std::string_view::npos) {
      const bool negative = equals > 0 && term[equals - 1] == '!';
      requirement.op = negative ? Op::kNotIn : Op::kIn;
      requirement.key = trim_blanks(term.substr(0, negative ? equals - 1 : equals));
      std::string_view value = term.substr(equals + 1);
      if (!negative && value.starts_with('=')) value.remove_prefix(1);
      requirement.values.emplace_back(trim_blanks(value));
    } else if (term.starts_with('!')) {
      requirement.op = Op::kAbsent;
      requirement.key = trim_blanks(term.substr(1));
    } else {
      requirement.key = term;
    }
    if (!is_label_key(requirement.key) ||
        !std::all_of(requirement.values.begin(), requirement.values.end(), is_label_value)) {
      return tl::unexpected(unreadable(term));
    }
    selector.requirements_.push_back(std::move(requirement));
  }
  return selector;
}

bool LabelSelector::matches(const Labels& labels) const {
  for (const Requirement& requirement : requirements_) {
    const std::string* value = value_of(labels, requirement.key);
    const bool listed = value != nullptr && std::find(requirement.values.begin(), requirement.values.end(), *value) !=
                                                requirement.values.end();
    bool holds = false;
    switch (requirement.op) {
      case Op::kIn:
        holds = listed;
        break;
      case Op::kNotIn:
        holds = !listed;
        break;
      case Op::kExists:
        holds = value != nullptr;
        break;
      case Op::kAbsent:
        holds = value == nullptr;
        break;
    }
    if (!holds) return false;
  }
  return true;
}

Answer<std::vector<FieldRequirement>> parse_field_selector(std::string_view text) {
  std::vector<FieldRequirement> requirements;
  if (trim_blanks(text).empty()) return requirements;
  for (const std::string_view term : split_terms(text)) {
    const size_t equals = term.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return tl::unexpected(
          bad_request("invalid selector: '" + std::string(term) + "'; can't understand '" + std::string(term) + "'"));
    }
    FieldRequirement requirement;
    requirement.equal = term[equals - 1] != '!';
    requirement.field = trim_blanks(term.substr(0, requirement.equal ? equals : equals - 1));
    std::string_view value = term.substr(equals + 1);
    if (requirement.equal && value.starts_with('=')) value.remove_prefix(1);
    requirement.value = trim_blanks(value);
    requirements.push_back(std::move(requirement));
  }
  return requirements;
}

}  // namespace sandgate::devcluster
