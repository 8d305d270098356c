"""The proxies that are measured: how each is started for the same task (route by X-Sandbox-ID, one worker)."""
from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import Callable

import build
import peers_optional
from site_files import Site
from system import SetupError

TOKEN = "0123456789abcdef0123456789abcdef01234567"  # the load generator sends it in every request
# As deploy/ ships it (the limit on WebSockets is per client address, and here 64 addresses play thousands of clients), but
# with room for as many idle connections to one sandbox as nginx is given.
SANDGATE_ENVIRONMENT = {"ROUTER_AUTH_TOKEN": TOKEN, "MAX_KEEPALIVE_CONNECTIONS": "128",
                        "WEBSOCKET_MAX_CONNECTIONS_PER_CLIENT": "0"}
YARD = ("nginx", "haproxy")  # the goals are ratios to the better of these
RELAY = "relay"


@dataclass(frozen=True)
class Peer:
    """A proxy: its command for a site, more environment, and what prints its version."""

    name: str
    command: Callable[[Site], list[str]]
    environment: dict[str, str] = field(default_factory=dict)
    version: tuple[str, ...] = ()
    tls: bool = True  # takes part in the TLS and HTTP/2 loads
    pod_ip_header: bool = False  # routes by an address in the request, for lack of a table

    def version_line(self) -> str:
        if not self.version:
            return ""
        done = subprocess.run(self.version, capture_output=True, text=True)
        found = re.search(r"\d+\.\d+[\w.+-]*", done.stdout + done.stderr)
        return f"{self.name} {found[0]}" if found else self.name


def nginx(site: Site) -> list[str]:
    keep = 128 if site.sandboxes < 100 else 4  # the tables are allocated up front, for each upstream
    numbers = range(1, site.sandboxes + 1)
    upstreams = "\n".join(f"  upstream sb{i} {{ server {site.address(i)}; keepalive {keep};"
                          " keepalive_requests 1000000000; keepalive_timeout 600s; }" for i in numbers)
    table = "\n".join(f"    sb{i} sb{i};" for i in numbers)
    temporary = "\n".join(f"  {kind}_temp_path {site.folder}/nginx-{kind};"
                          for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    tls = ""
    if site.tls:
        tls = (f"    listen 127.0.0.1:{site.tls_port} ssl http2 backlog=16384;\n"
               f"    ssl_certificate {site.certificate}; ssl_certificate_key {site.key}; ssl_protocols TLSv1.3;\n")
    text = f"""\
worker_processes 1;
daemon off;
user root;
pid {site.folder}/nginx-{site.port}.pid;
error_log stderr emerg;
worker_rlimit_nofile 20000;
events {{ worker_connections 19800; use epoll; multi_accept on; }}
http {{
  access_log off;
  map_hash_max_size 65536;
  map_hash_bucket_size 128;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  tcp_nodelay on;
{temporary}
  map $http_upgrade $forward_connection {{ default upgrade; '' ''; }}
  map $http_x_sandbox_id $sandbox {{
{table}
  }}
{upstreams}
  server {{
    listen 127.0.0.1:{site.port} backlog=16384;
{tls}    client_max_body_size 0;
    location / {{
      proxy_pass http://$sandbox;
      proxy_http_version 1.1;
      proxy_set_header Connection $forward_connection;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
      proxy_read_timeout 600s;
      proxy_send_timeout 600s;
      proxy_buffers 8 16k;
      proxy_buffer_size 16k;
      proxy_busy_buffers_size 64k;
    }}
  }}
}}
"""
    return [program("nginx"), "-p", str(site.folder), "-c", site.write("nginx.conf", text)]


def haproxy(site: Site) -> list[str]:
    numbers = range(1, site.sandboxes + 1)
    table = site.write("haproxy.map", "".join(f"sb{i} sb{i}\n" for i in numbers))
    # Without the longer purge delay it closes idle connections while the next request for them is on its way (M9).
    backends = "\n".join(f"backend sb{i}\n  server s {site.address(i)} pool-purge-delay 3600s" for i in numbers)
    tls = f"  bind 127.0.0.1:{site.tls_port} backlog 16384 ssl crt {site.both} alpn h2,http/1.1\n" if site.tls else ""
    text = f"""\
global
  nbthread 1
  maxconn 19000
  no strict-limits
  stats timeout 10s
  ssl-default-bind-options ssl-min-ver TLSv1.3
  tune.pipesize 1048576
  tune.pool-high-fd-ratio 60
  tune.pool-low-fd-ratio 60
defaults
  mode http
  maxconn 19000
  timeout connect 10s
  timeout client 600s
  timeout server 600s
  timeout tunnel 600s
  timeout http-keep-alive 600s
  option http-keep-alive
  option splice-auto
  option splice-request
  option splice-response
  http-reuse always
frontend yard
  bind 127.0.0.1:{site.port} backlog 16384
{tls}  http-request set-header X-Forwarded-For %[src]
  use_backend %[req.hdr(x-sandbox-id),map({table})]
{backends}
"""
    return [program("haproxy"), "-db", "-f", site.write("haproxy.cfg", text)]


def relay(site: Site) -> list[str]:
    return [str(build.BIN / "relay"), str(site.port), site.address(1)]


def sandgate(binary: pathlib.Path) -> Peer:
    """The product as it is run: one binary, its limits on, the token checked; only the worker count is fixed."""
    def command(site: Site) -> list[str]:
        return [str(binary), "router", "--workers", "1", "--http-bind-address", f"127.0.0.1:{site.port}",
                "--metrics-bind-address", "", "--health-probe-bind-address", "",
                "--static-sandboxes", site.sandbox_map(namespace="default"), "--allow-loopback-pod-ip",
                "--access-log=false", "--max-connections", "19000"]
    return Peer("sandgate", command, SANDGATE_ENVIRONMENT,
                version=(str(binary), "--version"), tls=False)


def from_command(text: str) -> Peer:
    """A peer given on the command line as NAME=COMMAND, for example another build to compare with."""
    name, _, words = text.partition("=")
    if not name or not words:
        raise SetupError(f"--peer-command {text}: expected NAME=COMMAND with {{port}} and {{map}} or {{namespace_map}} in it")

    def command(site: Site) -> list[str]:
        return [word.format(port=site.port, tls=site.tls_port, map=site.sandbox_map(),
                            namespace_map=site.sandbox_map(namespace="default")) for word in words.split()]
    return Peer(name, command, SANDGATE_ENVIRONMENT, tls="{tls}" in words)


def program(name: str, package: str = "") -> str:
    """Where a daemon's program is; the usual places are not in everybody's path. Says what to install when there is none."""
    path = _daemon(name)
    if not shutil.which(path):
        raise SetupError(f"{name} is missing: ./dev setup, or apt-get install {package or name}, or leave it out of the run")
    return path


def _daemon(name: str) -> str:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin") or name


def known(sandgate_binary: pathlib.Path) -> dict[str, Peer]:
    """Every peer that can be named. Those beside Sandgate, nginx and HAProxy only run when they are installed."""
    go_environment = {"GOMAXPROCS": "1"}
    peers = [
        sandgate(sandgate_binary),
        Peer("nginx", nginx, version=(_daemon("nginx"), "-v")),
        Peer("haproxy", haproxy, version=(_daemon("haproxy"), "-v")),
        Peer("envoy", peers_optional.envoy, version=("envoy", "--version")),
        Peer("caddy", peers_optional.caddy, go_environment, version=("caddy", "version"), pod_ip_header=True),
        Peer("go", peers_optional.go, go_environment),
        Peer("pingora", peers_optional.pingora),
    ]
    return {peer.name: peer for peer in peers}


RELAY_PEER = Peer(RELAY, relay, tls=False)
