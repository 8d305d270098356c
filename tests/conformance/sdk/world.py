"""What one run stands on: runtimes on loopback addresses of their own, the router in front, the Kubernetes stand-in."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

import programs as processes  # noqa: E402
from flavours import direct  # noqa: E402
from kube_api import KubeApi  # noqa: E402

# Reached by name only: the stand-in knows no pod address, so the SDK sends no X-Sandbox-Pod-IP.
NAMED = "warm-pool-a-x7k2p"
# Reached with X-Sandbox-Pod-IP, as the SDK does whenever it may read the Sandbox and that has an address.
ADDRESSED = "warm-pool-b-9qd4z"
# Known to the cluster, unknown to the router and to DNS.
UNROUTED = "nowhere-0"
# Routed to an address where nothing listens.
DEAD = "dead-0"
# Reading this Sandbox is forbidden to the client (403), so it has to do without the pod address.
FORBIDDEN = "no-rights-0"

SANDBOX_PORT = 8888  # the port every SDK asks for unless told otherwise
TOKEN = "conformance-token-0123456789"


class World:
    """Everything that runs. `router_url` needs no token, `token_router_url` wants TOKEN."""

    def __init__(self, programs, bin_dir, work_dir):
        self.work_dir = work_dir
        router = os.path.join(bin_dir, "sandgate")
        runtime = os.path.join(bin_dir, "sandgate-runtime")
        self.base_dirs = {}
        addresses = {}
        for name in (NAMED, ADDRESSED):
            base_dir = os.path.join(work_dir, "base-" + name)
            shutil.rmtree(base_dir, ignore_errors=True)
            os.makedirs(base_dir, mode=0o700)
            address = processes.free_loopback_address(SANDBOX_PORT)
            programs.start("runtime-" + name,
                           [runtime, "--bind-address", "%s:%d" % (address, SANDBOX_PORT), "--base-dir", base_dir],
                           (address, SANDBOX_PORT), env=processes.environment())
            self.base_dirs[name] = base_dir
            addresses[name] = address
        addresses[FORBIDDEN] = addresses[NAMED]
        addresses[DEAD] = processes.free_loopback_address(SANDBOX_PORT)
        static_file = os.path.join(work_dir, "sandboxes.txt")
        with open(static_file, "w") as out:
            for name, address in addresses.items():
                out.write("default/%s %s:%d\n" % (name, address, SANDBOX_PORT))
        # A DNS server that refuses at once: a sandbox that is not in the file must fail without waiting for a network.
        dns = ("--dns-server", "127.0.0.1:%d" % processes.free_port())
        self.router, host, port = processes.start_router(programs, router, static_file, flags=dns)
        self.router_url = "http://%s:%d" % (host, port)
        _, host, port = processes.start_router(
            programs, router, static_file, name="router-token", flags=dns,
            env=processes.environment(ROUTER_AUTH_TOKEN=TOKEN))
        self.token_router_url = "http://%s:%d" % (host, port)
        pods = {NAMED: None, ADDRESSED: addresses[ADDRESSED], UNROUTED: None, DEAD: None, FORBIDDEN: None}
        self.kube = KubeApi(pods, forbidden_sandboxes=(FORBIDDEN,))

    def connection(self, **options):
        return direct(self.router_url, SANDBOX_PORT, **options)

    def file_of(self, sandbox_name, relative):
        """The place of a sandbox's file on this machine, to look at what the runtime really did."""
        return os.path.join(self.base_dirs[sandbox_name], relative)

    def empty_base_dirs(self):
        """Removes every file of both sandboxes, so that each face of the SDK and each route starts alike."""
        for base_dir in self.base_dirs.values():
            for entry in os.scandir(base_dir):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)
