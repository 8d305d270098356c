// Label and field selectors as the API's lists and watches take them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "devcluster/status.h"

namespace sandgate::devcluster {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// `a=b,c!=d,e in (x,y),f notin (z),g,!h`; all must hold. As in Kubernetes, `!=` and `notin` also take objects without
/// the label.
class LabelSelector {
 public:
  static Answer<LabelSelector> parse(std::string_view text);
  bool matches(const Labels& labels) const;
  bool empty() const { return requirements_.empty(); }

 private:
  enum class Op : uint8_t { kIn, kNotIn, kExists, kAbsent };
  struct Requirement {
    std::string key;
    Op op = Op::kExists;
    std::vector<std::string> values;
  };
  std::vector<Requirement> requirements_;
};

/// `metadata.name=x,metadata.namespace!=y`.
struct FieldRequirement {
  std::string field;
  std::string value;
  bool equal = true;
};
Answer<std::vector<FieldRequirement>> parse_field_selector(std::string_view text);

}  // namespace sandgate::devcluster
