// The objects create() sends (contract client 3.2).
#include <cstdio>
#include <ctime>

#include "client/lifecycle.h"

namespace sandgate::client {
namespace {

Json::Object object_of(const StrMap& map) {
  Json::Object object;
  for (const auto& [key, value] : map) object.emplace(key, value);
  return object;
}

Json env_list(const StrMap& env) {
  Json::Array list;
  for (const auto& [name, value] : env) list.push_back(Json::Object{{"name", name}, {"value", value}});
  return list;
}

std::string policy_name(ShutdownPolicy policy) {
  switch (policy) {
    case ShutdownPolicy::remove_foreground:
      return "DeleteForeground";
    case ShutdownPolicy::retain:
      return "Retain";
    case ShutdownPolicy::remove:
      break;
  }
  return "Delete";
}

Json labels_of(const CreateOptions& options) {
  Json::Object labels = object_of(options.labels);
  labels["agents.x-k8s.io/created-by"] = "cpp-client";
  return labels;
}

}  // namespace

std::string format_time(Clock::time_point time, bool micros) {
  const time_t seconds = Clock::to_time_t(time);
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  char text[40];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
  std::string out(text, length);
  if (micros) {
    const auto part = std::chrono::duration_cast<std::chrono::microseconds>(time - Clock::from_time_t(seconds)).count();
    std::snprintf(text, sizeof text, ".%06d", static_cast<int>(part));
    out += text;
  }
  return out + "Z";
}

Json claim_body(const std::string& api_version, const ClaimSource& source, const std::string& name,
                const CreateOptions& options, const TraceContext& trace, Clock::time_point now) {
  Json body;
  body["apiVersion"] = api_version;
  body["kind"] = "SandboxClaim";
  Json& metadata = body["metadata"];
  metadata["name"] = name;
  metadata["labels"] = labels_of(options);
  metadata["annotations"]["agents.x-k8s.io/client-first-requested-at"] = format_time(now, true);
  if (trace.on()) {
    const Json context = Json::Object{{"traceparent", trace.traceparent()}};
    metadata["annotations"]["opentelemetry.io/trace-context"] = context.dump();
  }
  Json& spec = body["spec"];
  if (!source.template_name.empty()) {
    spec["sandboxTemplateRef"]["name"] = source.template_name;
    if (!source.warm_pool.empty()) spec["warmpool"] = source.warm_pool;
  } else {
    spec["warmPoolRef"]["name"] = source.warm_pool;
  }
  if (options.shutdown_after) {
    spec["lifecycle"]["shutdownTime"] = format_time(now + *options.shutdown_after, false);
    spec["lifecycle"]["shutdownPolicy"] = policy_name(options.shutdown_policy);
  }
  if (!options.volume_claim_templates_json.empty()) {
    const std::optional<Json> volumes = Json::parse(options.volume_claim_templates_json);
    if (volumes && volumes->array() && !volumes->array()->empty()) spec["volumeClaimTemplates"] = *volumes;
  }
  if (!options.pod_labels.empty()) spec["additionalPodMetadata"]["labels"] = object_of(options.pod_labels);
  if (!options.pod_annotations.empty())
    spec["additionalPodMetadata"]["annotations"] = object_of(options.pod_annotations);
  if (!options.env.empty()) spec["env"] = env_list(options.env);
  return body;
}

Json sandbox_body(const std::string& api_version, const Json& from_template, const std::string& name,
                  const CreateOptions& options, Clock::time_point now) {
  Json body;
  body["apiVersion"] = api_version;
  body["kind"] = "Sandbox";
  body["metadata"]["name"] = name;
  body["metadata"]["labels"] = labels_of(options);
  body["metadata"]["annotations"]["agents.x-k8s.io/sandbox-template-ref"] = from_template.text("metadata", "name");
  Json& spec = body["spec"];
  const Json& wanted = from_template.at("spec");
  for (const std::string_view key : {"podTemplate", "volumeClaimTemplates", "service"}) {
    if (!wanted.at(key).is_null()) spec[key] = wanted.at(key);
  }
  Json& pod = spec["podTemplate"];
  for (const auto& [key, value] : options.pod_labels) pod["metadata"]["labels"][key] = value;
  for (const auto& [key, value] : options.pod_annotations) pod["metadata"]["annotations"][key] = value;
  Json::Array* containers = pod["spec"]["containers"].array();
  if (containers && !containers->empty()) {
    for (const auto& [key, value] : options.env) {
      Json& env = containers->front()["env"];
      if (!env.array()) env = Json::Array{};
      env.array()->push_back(Json::Object{{"name", key}, {"value", value}});
    }
  }
  if (!options.volume_claim_templates_json.empty()) {
    if (const auto volumes = Json::parse(options.volume_claim_templates_json)) spec["volumeClaimTemplates"] = *volumes;
  }
  if (options.shutdown_after) {
    spec["shutdownTime"] = format_time(now + *options.shutdown_after, false);
    spec["shutdownPolicy"] = options.shutdown_policy == ShutdownPolicy::retain ? "Retain" : "Delete";
  }
  return body;
}

}  // namespace sandgate::client
