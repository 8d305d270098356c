"""The three servers, each in front of the same kind of recording origin: `sandgate router`, nginx and HAProxy.

Every server has LANES listeners of its own kind: nginx and HAProxy listen on one port a lane, the router finds the
lane by `X-Sandbox-ID: laneN`. All get the same bytes. The references run with Debian's defaults, except where the
default would hide what is compared (buffered bodies, HTTP/1.0 towards the origin, the 1 MiB body cap of nginx).
"""

import dataclasses
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "conformance", "common"))

import programs as processes  # noqa: E402
from origin import Origin  # noqa: E402

LANES = 6
# The port every sandbox request goes to unless it says otherwise (contract 1.2).
SANDBOX_PORT = 8888

_NGINX = """\
worker_processes 1;
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {dir}/nginx-body;
  proxy_temp_path {dir}/nginx-proxy;
  fastcgi_temp_path {dir}/nginx-fastcgi;
  uwsgi_temp_path {dir}/nginx-uwsgi;
  scgi_temp_path {dir}/nginx-scgi;
  client_max_body_size 0;
  client_header_timeout 20s;
  client_body_timeout 20s;
{lanes}}}
"""
_NGINX_LANE = """\
  upstream lane{n} {{ server {origin}; keepalive 4; }}
  server {{
    listen {front};
    location / {{
      proxy_pass http://lane{n};
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Connection "";
    }}
  }}
"""
_HAPROXY = """\
global
  maxconn 512
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  timeout http-request 20s
{lanes}"""
_HAPROXY_LANE = """\
frontend front{n}
  bind {front}
  default_backend back{n}
backend back{n}
  server origin {origin}
"""


@dataclasses.dataclass
class Server:
    """One server: where each lane is reached and which origin stands behind it."""
    name: str
    fronts: list
    origins: list
    program: processes.Program


def find_reference(name):
    """The path of a Debian server, or StartError with the line to type."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise processes.StartError("%s is not installed; type: apt-get install -y %s" % (name, name))
    return path


async def _origins():
    origins = []
    for _ in range(LANES):
        origin = Origin(processes.free_loopback_address(SANDBOX_PORT), SANDBOX_PORT)
        await origin.start()
        origins.append(origin)
    return origins


def _lanes(template, origins, fronts):
    return "".join(
        template.format(n=n, origin="%s:%d" % (o.address, o.port), front="%s:%d" % front)
        for n, (o, front) in enumerate(zip(origins, fronts)))


async def start_nginx(programs, work_dir):
    origins = await _origins()
    fronts = [("127.0.0.1", processes.free_port()) for _ in range(LANES)]
    path = os.path.join(work_dir, "nginx.conf")
    with open(path, "w") as out:
        out.write(_NGINX.format(dir=work_dir, lanes=_lanes(_NGINX_LANE, origins, fronts)))
    program = programs.start("nginx", [find_reference("nginx"), "-c", path, "-p", work_dir], fronts[-1])
    return Server("nginx", fronts, origins, program)


async def start_haproxy(programs, work_dir):
    origins = await _origins()
    fronts = [("127.0.0.1", processes.free_port()) for _ in range(LANES)]
    path = os.path.join(work_dir, "haproxy.cfg")
    with open(path, "w") as out:
        out.write(_HAPROXY.format(lanes=_lanes(_HAPROXY_LANE, origins, fronts)))
    program = programs.start("haproxy", [find_reference("haproxy"), "-db", "-f", path], fronts[-1])
    return Server("haproxy", fronts, origins, program)


async def start_sandgate(programs, work_dir, binary):
    origins = await _origins()
    path = os.path.join(work_dir, "sandboxes.txt")
    with open(path, "w") as out:
        for n, origin in enumerate(origins):
            out.write("default/lane%d %s:%d\n" % (n, origin.address, origin.port))
    program, address, port = processes.start_router(programs, binary, path, name="sandgate")
    return Server("sandgate", [(address, port)] * LANES, origins, program)
