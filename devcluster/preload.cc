#include "devcluster/preload.h"

#include "base/strings.h"
#include "devcluster/plan.h"
#include "devcluster/time_text.h"

namespace sandgate::devcluster {

Result<void> preload_sandboxes(Objects& objects, const PreloadOptions& options, WallTime now) {
  if (options.count == 0) return {};
  if (!is_dns_label(options.name) || !is_dns_label(options.ns)) {
    return fail("'" + options.name + "' and '" + options.ns + "' must be lower case letters, digits and '-'");
  }
  auto addresses = AddressPool::create(options.network, 1);
  if (!addresses) return tl::unexpected(addresses.error());
  objects.ensure_namespace(options.ns);
  Store& store = objects.store();
  const std::string time = rfc3339(now);
  const Json ready{{"type", "Ready"},           {"status", "True"},        {"reason", "DependenciesReady"},
                   {"message", "Pod is Ready"}, {"observedGeneration", 1}, {"lastTransitionTime", time}};
  Json object{{"metadata", {{"namespace", options.ns}, {"creationTimestamp", time}, {"generation", 1}}},
              {"spec",
               {{"operatingMode", "Running"},
                {"podTemplate",
                 {{"spec",
                   {{"containers", Json::array({{{"name", "python-runtime"},
                                                 {"image", "python-runtime"},
                                                 {"ports", Json::array({{{"containerPort", 8888}}})}}})}}}}}}},
              {"status", {{"conditions", Json::array({ready})}, {"nodeName", "devcluster-node"}}}};
  object["metadata"]["annotations"][kStaticAnnotation] = "true";
  object["metadata"]["labels"]["user"] = "default";
  for (uint64_t i = 0; i < options.count; ++i) {
    const auto address = addresses->take();
    if (!address) return fail(options.network + " has no " + std::to_string(options.count) + " addresses");
    const std::string name = options.name + "-" + std::to_string(i);
    Json& metadata = object["metadata"];
    metadata["name"] = name;
    metadata["uid"] = objects.new_uid();
    metadata["labels"][kNameHashLabel] = name_hash(name);
    metadata["resourceVersion"] = std::to_string(store.next_revision());
    object["status"]["podIPs"] = Json::array({address->to_string()});
    object["status"]["selector"] = std::string(kNameHashLabel) + "=" + name_hash(name);
    store.load(store.types().sandbox(), make_stored(object));
  }
  return {};
}

}  // namespace sandgate::devcluster
