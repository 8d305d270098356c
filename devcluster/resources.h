// The kinds the stand-in serves: groups, versions, names, and what each allows. Fixed but for the optional versions.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sandgate::devcluster {

/// One column of what `kubectl get` prints.
struct Column {
  std::string name;
  std::string type;  // string, integer, date
  int priority = 0;  // above 0: only with -o wide
};

struct ResourceType {
  size_t index = 0;  // in the table
  std::string group;
  std::vector<std::string> versions;  // served, the preferred one first
  std::string stored_version;         // the one controllers see
  std::string plural;
  std::string kind;
  std::vector<std::string> short_names;
  bool namespaced = true;
  bool has_status = true;             // the subresource
  bool custom = true;                 // defined by a CRD: list items carry apiVersion and kind, PUT needs a version
  bool create_only = false;           // reviews: answered, never stored
  std::vector<std::string> required;  // JSON pointers that must be there
  std::vector<Column> columns;        // beside Name and Age

  std::string singular() const;
  /// `sandboxes.agents.x-k8s.io`, or `pods`.
  std::string qualified() const { return group.empty() ? plural : plural + "." + group; }
  std::string api_version(std::string_view version) const {
    return group.empty() ? std::string(version) : group + "/" + std::string(version);
  }
  bool serves(std::string_view version) const;
};

/// Which versions of the agent-sandbox groups are served.
struct ServedVersions {
  bool v1 = false;
  bool v1beta1 = true;
  bool v1alpha1 = false;
};

/// Immutable once made; types have stable addresses.
class ResourceTable {
 public:
  explicit ResourceTable(const ServedVersions& served);

  const std::vector<std::unique_ptr<ResourceType>>& types() const { return types_; }
  /// Null when no such resource is known.
  const ResourceType* by_plural(std::string_view group, std::string_view plural) const;
  const ResourceType* by_kind(std::string_view group, std::string_view kind) const;

  // The kinds the program itself works with.
  const ResourceType& sandbox() const { return *sandbox_; }
  const ResourceType& claim() const { return *claim_; }
  const ResourceType& sandbox_template() const { return *template_; }
  const ResourceType& warm_pool() const { return *warm_pool_; }
  const ResourceType& batch_sandbox() const { return *batch_sandbox_; }
  const ResourceType& batch_pool() const { return *batch_pool_; }
  const ResourceType& pod() const { return *pod_; }
  const ResourceType& service() const { return *service_; }
  const ResourceType& endpoint_slice() const { return *endpoint_slice_; }
  const ResourceType& name_space() const { return *namespace_; }

 private:
  ResourceType& add(ResourceType type);

  std::vector<std::unique_ptr<ResourceType>> types_;
  const ResourceType* sandbox_;
  const ResourceType* claim_;
  const ResourceType* template_;
  const ResourceType* warm_pool_;
  const ResourceType* batch_sandbox_;
  const ResourceType* batch_pool_;
  const ResourceType* pod_;
  const ResourceType* service_;
  const ResourceType* endpoint_slice_;
  const ResourceType* namespace_;
};

}  // namespace sandgate::devcluster
