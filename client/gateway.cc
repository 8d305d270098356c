#include "client/gateway.h"

#include "client/address.h"
#include "client/cluster.h"
#include "client/validate.h"

namespace sandgate::client {
namespace {

bool programmed(const Json& gateway) {
  const Json::Array* conditions = gateway.at("status", "conditions").array();
  if (!conditions) return true;
  for (const Json& condition : *conditions) {
    if (condition.text("type") == "Programmed" && condition.text("status") == "False") return false;
  }
  return true;
}

const Json* listener_of(const Json& gateway, std::string_view protocol) {
  const Json::Array* listeners = gateway.at("spec", "listeners").array();
  if (!listeners) return nullptr;
  for (const Json& listener : *listeners) {
    if (listener.text("protocol") == protocol && listener.at("port").integer()) return &listener;
  }
  return nullptr;
}

}  // namespace

std::optional<std::string> url_of_gateway(const Json& gateway, const Gateway& options) {
  const Json::Array* addresses = gateway.at("status", "addresses").array();
  if (!addresses || !programmed(gateway)) return std::nullopt;
  const Json* https = options.scheme == "http" ? nullptr : listener_of(gateway, "HTTPS");
  const Json* http = options.scheme == "https" ? nullptr : listener_of(gateway, "HTTP");
  const Json* listener = https ? https : http;
  const std::string scheme = !options.scheme.empty() ? options.scheme : https ? "https" : "http";
  const int64_t standard = scheme == "https" ? 443 : 80;
  int64_t port = standard;
  if (options.port) {
    port = *options.port;
  } else if (listener) {
    port = *listener->at("port").integer();
  }
  for (const Json& address : *addresses) {
    const std::string& value = address.text("value");
    if (!acceptable_gateway_address(value)) continue;
    return scheme + "://" + url_host(value) + (port == standard ? std::string() : ":" + std::to_string(port));
  }
  return std::nullopt;
}

Result<std::unique_ptr<Connector>> GatewayConnector::make(ClientState& client, const Gateway& options) {
  if (auto bad = check_object_name("Gateway", options.name)) return std::move(*bad);
  if (auto bad = check_namespace(options.ns)) return std::move(*bad);
  TlsOptions tls;
  tls.ca_file = options.ca_file;
  RouterAccess access = access_of(options);
  access.tls = std::make_shared<TlsOptions>(std::move(tls));
  if (Result<void> fine = access.check(); !fine) return std::move(fine).error();
  if (!options.scheme.empty() && options.scheme != "http" && options.scheme != "https") {
    return make_error(Errc::invalid_argument, "gateway scheme '" + options.scheme + "' must be http or https");
  }
  if (options.port == 0) return make_error(Errc::invalid_argument, "the gateway's port must be 1 to 65535");
  return std::unique_ptr<Connector>(std::make_unique<GatewayConnector>(client, options, std::move(access)));
}

GatewayConnector::GatewayConnector(ClientState& client, const Gateway& options, RouterAccess access)
    : RouterConnector(client, std::move(access)),
      url_(client, "looking for the router by gateway", [options](std::shared_ptr<ClientState> state) {
        return discovery(state, "gateway", find(state, options));
      }) {}

Task<Result<std::string>> GatewayConnector::find(std::shared_ptr<ClientState> client, Gateway options) {
  co_await client->engine->enter();
  Scope scope(*client->engine, options.ready_timeout);
  SpanScope span(client->options.observer, client->options.service_name + ".wait_for_gateway");
  span.set("sandbox.gateway.name", options.name);
  span.set("sandbox.gateway.namespace", options.ns);
  std::optional<std::string> url;
  const Cluster::See see = [&url, &options](const std::string& type,
                                            const Json& gateway) -> std::optional<Result<Json>> {
    if (type == "DELETED") return std::nullopt;
    url = url_of_gateway(gateway, options);
    if (!url) return std::nullopt;
    return Result<Json>(gateway);
  };
  const std::string path = "/apis/gateway.networking.k8s.io/v1/namespaces/" + url_encode(options.ns) +
                           "/gateways?fieldSelector=metadata.name%3D" + url_encode(options.name);
  const std::string what = "watch gateway " + options.ns + "/" + options.name;
  Result<Json> seen = co_await watch_until(*client->kube, scope, path, "", what, see);
  if (url) co_return *url;
  Error error = std::move(seen).error();
  if (error.code == Errc::timeout) {
    error.message = "Gateway '" + options.name + "' did not get an IP. It is looked for in namespace '" + options.ns +
                    "': `kubectl get gateway -n " + options.ns + "` shows what there is";
  }
  span.fail(error);
  co_return error;
}

}  // namespace sandgate::client
