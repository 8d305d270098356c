"""Peers that Debian 12 does not install with the rest: they take part when named in --peers and present."""
from __future__ import annotations

import json
import shutil

import build
from site_files import Site
from system import SetupError

_ENVOY_TYPES = "type.googleapis.com/envoy.extensions."


def _need(name: str) -> str:
    path = shutil.which(name)
    if not path:
        raise SetupError(f"peer {name}: not installed; leave it out of --peers")
    return path


def envoy(site: Site) -> list[str]:
    def socket(address: str, port: int) -> dict:
        return {"socket_address": {"address": address, "port_value": port}}

    manager = {
        "@type": _ENVOY_TYPES + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "yard", "codec_type": "AUTO", "generate_request_id": False, "use_remote_address": True,
        "upgrade_configs": [{"upgrade_type": "websocket"}], "stream_idle_timeout": "0s",
        "route_config": {"name": "routes", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster_header": "x-sandbox-id", "timeout": "0s"}}]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": _ENVOY_TYPES + "filters.http.router.v3.Router", "suppress_envoy_headers": True, "dynamic_stats": False}}],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listeners = [{"name": "plain", "address": socket("127.0.0.1", site.port), "tcp_backlog_size": 16384,
                  "filter_chains": [{"filters": filters}]}]
    if site.tls:
        context = {"name": "envoy.transport_sockets.tls", "typed_config": {
            "@type": _ENVOY_TYPES + "transport_sockets.tls.v3.DownstreamTlsContext", "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"], "tls_params": {"tls_minimum_protocol_version": "TLSv1_3"},
                "tls_certificates": [{"certificate_chain": {"filename": str(site.certificate)},
                                      "private_key": {"filename": str(site.key)}}]}}}
        listeners.append({"name": "tls", "address": socket("127.0.0.1", site.tls_port), "tcp_backlog_size": 16384,
                          "filter_chains": [{"filters": filters, "transport_socket": context}]})
    limits = {"thresholds": [{"max_connections": 1000000, "max_pending_requests": 1000000, "max_requests": 1000000}]}
    clusters = []
    for i in range(1, site.sandboxes + 1):
        host, port = site.address(i).split(":")
        clusters.append({"name": f"sb{i}", "type": "STATIC", "connect_timeout": "10s", "circuit_breakers": limits,
                         "load_assignment": {"cluster_name": f"sb{i}", "endpoints": [
                             {"lb_endpoints": [{"endpoint": {"address": socket(host, int(port))}}]}]}})
    config = {"static_resources": {"listeners": listeners, "clusters": clusters}}
    return [_need("envoy"), "-c", site.write("envoy.json", json.dumps(config)), "--concurrency", "1", "-l", "error",
            "--disable-hot-restart"]


def caddy(site: Site) -> list[str]:
    # A Caddyfile has no table for ten thousand upstreams, so the address comes in a request field.
    tls = f"""
https://:{site.tls_port} {{
  bind 127.0.0.1
  tls {site.certificate} {site.key}
  import sandbox
}}
""" if site.tls else ""
    text = f"""\
{{
  admin off
  auto_https off
  default_sni gateway.example.internal
  storage file_system {site.folder}/caddy
}}
(sandbox) {{
  reverse_proxy {{http.request.header.X-Sandbox-Pod-Ip}}:9000 {{
    flush_interval -1
    transport http {{
      keepalive_idle_conns 16384
      keepalive_idle_conns_per_host 256
      compression off
    }}
  }}
}}
http://:{site.port} {{
  bind 127.0.0.1
  import sandbox
}}
{tls}"""
    return [_need("caddy"), "run", "--adapter", "caddyfile", "--config", site.write("Caddyfile", text)]


def go(site: Site) -> list[str]:
    return [str(build.go_peer()), *_own_arguments(site)]


def pingora(site: Site) -> list[str]:
    return [str(build.pingora_peer()), *_own_arguments(site)]


def _own_arguments(site: Site) -> list[str]:
    """The two peers compiled here share a command line: ADDRESS TLS-ADDRESS CERTIFICATE KEY MAP."""
    return [f"127.0.0.1:{site.port}", f"127.0.0.1:{site.tls_port}", str(site.certificate), str(site.key), site.sandbox_map()]
