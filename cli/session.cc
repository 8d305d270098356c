#include "cli/session.h"

#include <fstream>
#include <iterator>

namespace sandgate::cli {
namespace {
Error invalid(std::string message) {
  Error error;
  error.code = Errc::invalid_argument;
  error.message = std::move(message);
  return error;
}
}  // namespace

Result<Client> open_client(const Context& context) {
  Result<ClientOptions> options = client_options(context.global);
  if (!options) return std::move(options).error();
  return Client::open(std::move(*options));
}

Result<Sandbox> open_sandbox(Client& client, const Context& context, const std::string& name) {
  if (context.global.by_name) return client.connect(name, context.global.ns);
  return client.attach(name, context.global.ns, timeout_of(context));
}

Millis timeout_of(const Context& context) { return Millis(static_cast<int64_t>(context.global.timeout_s * 1000)); }

CallOptions call_options(const Context& context) {
  CallOptions options;
  options.timeout = timeout_of(context);
  options.stop = context.stop;
  return options;
}

PathOptions path_options(const Context& context) {
  PathOptions options;
  options.timeout = timeout_of(context);
  options.stop = context.stop;
  return options;
}

Result<CreateOptions> create_options(const Context& context, const CreateFlags& flags) {
  CreateOptions options;
  options.ns = context.global.ns;
  options.stop = context.stop;
  const auto wait = parse_duration(flags.wait);
  if (!wait) return invalid("--wait '" + flags.wait + "' is no duration: 30s, 3m, 1h");
  options.ready_timeout = *wait;
  if (!flags.name.empty()) options.claim_name = flags.name;
  options.adopt_existing = flags.adopt;
  if (!flags.ttl.empty()) {
    const auto ttl = parse_duration(flags.ttl);
    if (!ttl || *ttl < Millis(1000))
      return invalid("--ttl '" + flags.ttl + "' is no duration of 1s or more: 10m, 2h, 1d");
    options.shutdown_after = std::chrono::duration_cast<Seconds>(*ttl);
  }
  const auto labels = parse_pairs(flags.labels), pod_labels = parse_pairs(flags.pod_labels),
             annotations = parse_pairs(flags.pod_annotations), env = parse_pairs(flags.env);
  if (!labels || !pod_labels || !annotations || !env)
    return invalid("--label, --pod-label, --pod-annotation and --env take KEY=VALUE");
  options.labels = *labels;
  options.pod_labels = *pod_labels;
  options.pod_annotations = *annotations;
  options.env = *env;
  if (!flags.volumes_file.empty()) {
    std::ifstream file(flags.volumes_file);
    if (!file) return invalid("--volume-claim-templates: cannot read " + flags.volumes_file);
    options.volume_claim_templates_json.assign(std::istreambuf_iterator<char>(file), {});
  }
  return options;
}

Result<Sandbox> create_by(Client& client, const CreateFlags& flags, const CreateOptions& options) {
  return flags.from_template ? client.create(Template(flags.pool), options) : client.create(flags.pool, options);
}

}  // namespace sandgate::cli
