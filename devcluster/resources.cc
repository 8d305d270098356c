#include "devcluster/resources.h"

#include <algorithm>

#include "base/strings.h"

namespace sandgate::devcluster {
namespace {

constexpr std::string_view kAgents = "agents.x-k8s.io";
constexpr std::string_view kExtensions = "extensions.agents.x-k8s.io";
constexpr std::string_view kOpenSandbox = "sandbox.opensandbox.io";

std::vector<std::string> agent_versions(const ServedVersions& served) {
  std::vector<std::string> versions;
  if (served.v1) versions.emplace_back("v1");
  if (served.v1beta1) versions.emplace_back("v1beta1");
  if (served.v1alpha1) versions.emplace_back("v1alpha1");
  return versions;
}

/// A kind of the agent-sandbox groups.
ResourceType agent(std::string_view group, const ServedVersions& served, std::string plural, std::string kind,
                   std::vector<std::string> required, std::vector<Column> columns) {
  ResourceType type;
  type.group = group;
  type.versions = agent_versions(served);
  type.stored_version = "v1beta1";
  type.plural = std::move(plural);
  type.kind = std::move(kind);
  type.required = std::move(required);
  type.columns = std::move(columns);
  return type;
}

/// A kind of Kubernetes itself.
ResourceType builtin(std::string group, std::string version, std::string plural, std::string kind,
                     std::vector<std::string> short_names = {}) {
  ResourceType type;
  type.group = std::move(group);
  type.versions = {version};
  type.stored_version = std::move(version);
  type.plural = std::move(plural);
  type.kind = std::move(kind);
  type.short_names = std::move(short_names);
  type.has_status = false;
  type.custom = false;
  return type;
}

ResourceType with_status(ResourceType type) {
  type.has_status = true;
  return type;
}

ResourceType cluster_wide(ResourceType type) {
  type.namespaced = false;
  return type;
}

ResourceType create_only(ResourceType type) {
  type.create_only = true;
  return type;
}

ResourceType with_columns(ResourceType type, std::vector<Column> columns) {
  type.columns = std::move(columns);
  return type;
}

}  // namespace

std::string ResourceType::singular() const {
  std::string lower;
  for (const char c : kind) lower += to_lower(c);
  return lower;
}

bool ResourceType::serves(std::string_view version) const {
  return std::find(versions.begin(), versions.end(), version) != versions.end();
}

ResourceTable::ResourceTable(const ServedVersions& served) {
  namespace_ = &add(with_columns(cluster_wide(with_status(builtin("", "v1", "namespaces", "Namespace", {"ns"}))),
                                 {{"Status", "string"}}));
  pod_ = &add(with_columns(with_status(builtin("", "v1", "pods", "Pod", {"po"})),
                           {{"Ready", "string"}, {"Status", "string"}, {"Restarts", "integer"}, {"IP", "string", 1}}));
  service_ = &add(with_columns(with_status(builtin("", "v1", "services", "Service", {"svc"})),
                               {{"Type", "string"}, {"Cluster-IP", "string"}}));
  add(builtin("", "v1", "configmaps", "ConfigMap", {"cm"}));
  add(builtin("", "v1", "secrets", "Secret"));
  add(builtin("", "v1", "serviceaccounts", "ServiceAccount", {"sa"}));
  add(builtin("", "v1", "events", "Event", {"ev"}));
  add(cluster_wide(with_status(builtin("", "v1", "nodes", "Node", {"no"}))));
  add(with_status(builtin("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", {"pvc"})));
  add(with_status(builtin("apps", "v1", "deployments", "Deployment", {"deploy"})));
  add(with_status(builtin("apps", "v1", "replicasets", "ReplicaSet", {"rs"})));
  add(create_only(cluster_wide(builtin("authentication.k8s.io", "v1", "tokenreviews", "TokenReview"))));
  add(create_only(cluster_wide(builtin("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview"))));
  add(create_only(
      cluster_wide(builtin("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview"))));
  add(with_status(builtin("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", {"hpa"})));
  add(builtin("coordination.k8s.io", "v1", "leases", "Lease"));
  endpoint_slice_ = &add(builtin("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"));
  add(with_status(builtin("networking.k8s.io", "v1", "ingresses", "Ingress", {"ing"})));
  add(builtin("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", {"netpol"}));
  add(with_status(builtin("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", {"pdb"})));
  add(cluster_wide(builtin("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole")));
  add(cluster_wide(builtin("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding")));
  add(builtin("rbac.authorization.k8s.io", "v1", "roles", "Role"));
  add(builtin("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"));
  add(cluster_wide(with_status(builtin("apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                       "CustomResourceDefinition", {"crd", "crds"}))));

  sandbox_ = &add(agent(kAgents, served, "sandboxes", "Sandbox", {"/spec", "/spec/podTemplate"},
                        {{"Ready", "string"}, {"Reason", "string"}, {"IP", "string"}, {"Node", "string", 1}}));
  claim_ = &add(agent(kExtensions, served, "sandboxclaims", "SandboxClaim", {"/spec"},
                      {{"Ready", "string"}, {"Reason", "string"}, {"Sandbox", "string"}}));
  ResourceType sandbox_template =
      agent(kExtensions, served, "sandboxtemplates", "SandboxTemplate", {"/spec", "/spec/podTemplate"}, {});
  sandbox_template.has_status = false;
  template_ = &add(std::move(sandbox_template));
  warm_pool_ = &add(agent(kExtensions, served, "sandboxwarmpools", "SandboxWarmPool",
                          {"/spec", "/spec/sandboxTemplateRef/name"}, {{"Desired", "integer"}, {"Ready", "integer"}}));
  ResourceType batch = agent(kOpenSandbox, served, "batchsandboxes", "BatchSandbox", {"/spec"},
                             {{"Desired", "integer"}, {"Ready", "integer"}, {"Phase", "string"}});
  batch.versions = {"v1alpha1"};
  batch.stored_version = "v1alpha1";
  batch.short_names = {"bsbx"};
  batch_sandbox_ = &add(batch);
  batch.plural = "pools";
  batch.kind = "Pool";
  batch.short_names.clear();
  batch.columns.clear();
  batch_pool_ = &add(batch);
  // Kinds that manifests bring along: stored, and nothing is made of them.
  const struct {
    const char* group;
    const char* plural;
    const char* kind;
  } kStoredOnly[] = {{"gateway.networking.k8s.io", "gateways", "Gateway"},
                     {"gateway.networking.k8s.io", "httproutes", "HTTPRoute"},
                     {"networking.gke.io", "healthcheckpolicies", "HealthCheckPolicy"},
                     {"networking.gke.io", "gcpbackendpolicies", "GCPBackendPolicy"}};
  for (const auto& one : kStoredOnly) {
    ResourceType type = agent(one.group, served, one.plural, one.kind, {"/spec"}, {});
    type.versions = {"v1"};
    type.stored_version = "v1";
    add(std::move(type));
  }
}

ResourceType& ResourceTable::add(ResourceType type) {
  type.index = types_.size();
  types_.push_back(std::make_unique<ResourceType>(std::move(type)));
  return *types_.back();
}

const ResourceType* ResourceTable::by_plural(std::string_view group, std::string_view plural) const {
  for (const auto& type : types_) {
    if (type->group == group && type->plural == plural) return type.get();
  }
  return nullptr;
}

const ResourceType* ResourceTable::by_kind(std::string_view group, std::string_view kind) const {
  for (const auto& type : types_) {
    if (type->group == group && type->kind == kind) return type.get();
  }
  return nullptr;
}

}  // namespace sandgate::devcluster
