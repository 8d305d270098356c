#include "kube/discovery.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "kube/api_path.h"

namespace sandgate::kube {
namespace {

namespace ondemand = simdjson::ondemand;
using Why = DiscoveryError::Why;

constexpr Millis kTimeout{10'000};
constexpr size_t kDiscoveryBytesMax = 4 * 1024 * 1024;

tl::unexpected<DiscoveryError> refuse(Why why, std::string message) {
  return tl::unexpected<DiscoveryError>(DiscoveryError{why, std::move(message)});
}

struct Parsed {
  simdjson::padded_string text;
  ondemand::parser parser;
  ondemand::document document;

  explicit Parsed(std::string_view body) : text(body) {}
  bool open() { return parser.iterate(text).get(document) == simdjson::SUCCESS; }
};

/// The versions of an APIGroup; nothing when it is none.
std::optional<std::vector<std::string>> versions_of(std::string_view body) {
  Parsed parsed(body);
  ondemand::array versions;
  if (!parsed.open() || parsed.document["versions"].get_array().get(versions) != simdjson::SUCCESS) return std::nullopt;
  std::vector<std::string> out;
  for (auto one : versions) {
    std::string_view version;
    if (one["version"].get_string().get(version) != simdjson::SUCCESS) return std::nullopt;
    out.emplace_back(version);
  }
  return out;
}

enum class Found { kYes, kNo, kNonsense };

/// Looks for `plural` in an APIResourceList.
Found find_resource(std::string_view body, std::string_view plural, ServedResource& out) {
  Parsed parsed(body);
  ondemand::array resources;
  if (!parsed.open() || parsed.document["resources"].get_array().get(resources) != simdjson::SUCCESS) {
    return Found::kNonsense;
  }
  for (auto one : resources) {
    std::string_view name, kind;
    bool namespaced = true;
    if (one["name"].get_string().get(name) != simdjson::SUCCESS) return Found::kNonsense;
    if (name != plural) continue;
    if (one["kind"].get_string().get(kind) != simdjson::SUCCESS) return Found::kNonsense;
    out.kind = kind;
    if (one["namespaced"].get_bool().get(namespaced) == simdjson::SUCCESS) out.namespaced = namespaced;
    return Found::kYes;
  }
  return Found::kNo;
}

tl::expected<Response, DiscoveryError> get(KubeTransport& transport, const std::string& path, std::stop_token stop) {
  Request request;
  request.path = path;
  request.timeout = kTimeout;
  request.response_bytes_max = kDiscoveryBytesMax;
  auto answer = transport.request(request, stop);
  if (!answer) return refuse(Why::kUnreachable, answer.error().message);
  if (answer->ok() || answer->status == 404) return std::move(*answer);
  const bool later = answer->status == 429 || answer->status >= 500;
  return refuse(later ? Why::kUnreachable : Why::kRefused,
                fmt::format("GET {}: {}", path, describe(parse_status(*answer))));
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

}  // namespace

tl::expected<ServedResource, DiscoveryError> discover(KubeTransport& transport, const std::string& group,
                                                      const std::vector<std::string>& preferences,
                                                      const std::string& plural, std::stop_token stop) {
  std::vector<std::string> served = preferences;
  if (!group.empty()) {
    const std::string path = "/apis/" + percent_encode(group);
    auto answer = get(transport, path, stop);
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status == 404) {
      return refuse(Why::kNoGroup,
                    fmt::format("the API group {} is not served: its CustomResourceDefinition {}.{} is not "
                                "installed in this cluster",
                                group, plural, group));
    }
    auto versions = versions_of(answer->body);
    if (!versions) return refuse(Why::kRefused, fmt::format("GET {}: the answer is no APIGroup", path));
    served = std::move(*versions);
  }
  bool any_version = false;
  for (const std::string& version : preferences) {
    if (std::find(served.begin(), served.end(), version) == served.end()) continue;
    any_version = true;
    const std::string path =
        (group.empty() ? "/api/" : "/apis/" + percent_encode(group) + "/") + percent_encode(version);
    auto answer = get(transport, path, stop);
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status == 404) continue;  // removed since
    ServedResource out{.group = group, .version = version, .plural = plural, .kind = {}, .namespaced = true};
    switch (find_resource(answer->body, plural, out)) {
      case Found::kYes:
        return out;
      case Found::kNo:
        break;
      case Found::kNonsense:
        return refuse(Why::kRefused, fmt::format("GET {}: the answer is no APIResourceList", path));
    }
  }
  if (!any_version) {
    return refuse(Why::kNoVersion, fmt::format("the API group {} is served as {}; of {} it is none that is known here",
                                               group, joined(served), joined(preferences)));
  }
  return refuse(Why::kNoResource,
                fmt::format("the API group {} has no resource {} in {}: its CustomResourceDefinition is "
                            "not installed in this cluster",
                            group.empty() ? "(core)" : group, plural, joined(preferences)));
}

}  // namespace sandgate::kube
