"""The SDK's second world: the cluster stand-in with its controllers, a warm pool, and two routers that watch it.

Nothing is scripted here: claims are bound by the controllers, Pods are `sandgate-runtime` processes, and the routers know them
by the watch. The Gateway's address is that of a router on port 80, the only port that the SDK's gateway mode ever calls.
"""

import contextlib
import http.client
import json
import os
import shutil
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

import programs as processes  # noqa: E402
from flavours import direct, gateway  # noqa: E402

POOL = "warm"
GATEWAY, LATE_GATEWAY = "router-gateway", "late-gateway"
SANDBOX_PORT = 8888
EXTENSIONS = "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/default/"
SANDBOXES = "/apis/agents.x-k8s.io/v1beta1/namespaces/default/sandboxes"
GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways"
PODS = "/api/v1/namespaces/default/pods"


class Kube:
    """Requests of the checks themselves; the SDK gets the URL alone."""

    def __init__(self, url):
        self.url = url

    def request(self, method, path, body=None, kind="application/json"):
        """(status, answer)."""
        place = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": kind})
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def must(self, method, path, body=None, kind="application/json"):
        status, answer = self.request(method, path, body, kind)
        if status >= 300:
            raise AssertionError("%s %s: %d %s" % (method, path, status, answer))
        return answer

    def merge(self, path, body):
        return self.must("PATCH", path, body, "application/merge-patch+json")

    def claim_names(self):
        return sorted(item["metadata"]["name"] for item in self.must("GET", EXTENSIONS + "sandboxclaims")["items"])


def until(condition, what, bound_s=30.0):
    """Polls until `condition()` is true; the bound turns a hang into a failure."""
    deadline = time.monotonic() + bound_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("%s did not happen within %g s" % (what, bound_s))
        time.sleep(0.02)


class BaseDirs:
    """Where the files of a sandbox are on this machine, by its name."""

    def __init__(self, kube, folder):
        self._kube, self._folder = kube, folder

    def __getitem__(self, sandbox):
        box = self._kube.must("GET", SANDBOXES + "/" + sandbox)
        pod = box["metadata"].get("annotations", {}).get("agents.x-k8s.io/pod-name") or sandbox
        uid = self._kube.must("GET", PODS + "/" + pod)["metadata"]["uid"]
        return os.path.join(self._folder, uid, "files")


class ClusterWorld:
    """Everything that runs."""

    def __init__(self, programs, bin_dir):
        # Pods run as another user when this is root's doing, so they need a way in.
        self._folder = tempfile.mkdtemp(prefix="sandgate-sdk-")
        os.chmod(self._folder, 0o711)
        pods = os.path.join(self._folder, "pods")
        os.mkdir(pods, 0o711)
        port = processes.free_port()
        kubeconfig = os.path.join(self._folder, "kubeconfig")
        ready = os.path.join(self._folder, "ready")
        self.cluster = programs.start("devcluster", [
            os.path.join(bin_dir, "sandgate-devcluster"), "--listen", "127.0.0.1:%d" % port, "--kubeconfig-out", kubeconfig,
            "--ready-file", ready, "--pod-dir", pods], ("127.0.0.1", port), env=processes.environment())
        until(lambda: os.path.exists(ready), "the start of the cluster")
        self.kube = Kube("http://127.0.0.1:%d" % port)
        self.base_dirs = BaseDirs(self.kube, pods)
        self.kube.must("POST", EXTENSIONS + "sandboxtemplates", {
            "apiVersion": "extensions.agents.x-k8s.io/v1beta1", "kind": "SandboxTemplate", "metadata": {"name": "python"},
            "spec": {"envVarsInjectionPolicy": "Allowed", "podTemplate": {"spec": {"containers": [
                {"name": "main", "image": "runtime", "ports": [{"containerPort": SANDBOX_PORT}]}]}}}})
        self.kube.must("POST", EXTENSIONS + "sandboxwarmpools", {
            "apiVersion": "extensions.agents.x-k8s.io/v1beta1", "kind": "SandboxWarmPool", "metadata": {"name": POOL},
            "spec": {"replicas": 2, "sandboxTemplateRef": {"name": "python"}}})
        self.routers = []
        at = "127.0.0.1:%d" % processes.free_port()
        self.router_url = self._start_router(programs, bin_dir, kubeconfig, "cluster-router", at)
        self.gateway_address = processes.free_loopback_address(80)
        self._start_router(programs, bin_dir, kubeconfig, "cluster-gateway", self.gateway_address + ":80")
        self._add_gateway(GATEWAY)
        self.give_address(GATEWAY)
        self._add_gateway(LATE_GATEWAY)

    def _start_router(self, programs, bin_dir, kubeconfig, name, at):
        address, port = at.rsplit(":", 1)
        self.routers.append(programs.start(name, [
            os.path.join(bin_dir, "sandgate"), "router", "--cache-enabled", "--kubeconfig", kubeconfig, "--allow-loopback-pod-ip",
            "--http-bind-address", at, "--metrics-bind-address", "", "--health-probe-bind-address", "", "--workers", "1"],
            (address, int(port)), env=processes.environment(ALLOW_UNAUTHENTICATED_ROUTER="true")))
        return "http://" + at

    def _add_gateway(self, name):
        self.kube.must("POST", GATEWAYS, {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": name},
            "spec": {"gatewayClassName": "any", "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]}})

    def give_address(self, name):
        self.kube.merge(GATEWAYS + "/" + name + "/status",
                        {"status": {"addresses": [{"type": "IPAddress", "value": self.gateway_address}]}})

    def close(self):
        shutil.rmtree(self._folder, ignore_errors=True)

    def connections(self):
        """The SDK's two ways to the same sandboxes: (name, configuration)."""
        return ("direct", direct(self.router_url, SANDBOX_PORT)), ("gateway", gateway(GATEWAY, SANDBOX_PORT))

    def file_of(self, sandbox_name, relative):
        return os.path.join(self.base_dirs[sandbox_name], relative)

    def wait_routed(self, sandbox_name):
        """Until both routers know it: on a busy machine their watch may be later than the SDK's own, which tries once."""
        def known():
            return all(self._answers(router, sandbox_name) for router in (self.router_url, "http://" + self.gateway_address))
        until(known, "the route of " + sandbox_name)

    @staticmethod
    def _answers(router, sandbox_name):
        place = urllib.parse.urlsplit(router)
        connection = http.client.HTTPConnection(place.hostname, place.port or 80, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", "/", headers={"X-Sandbox-ID": sandbox_name})
            return connection.getresponse().status == 200

    def wait_warm(self):
        def warm():
            return self.kube.must("GET", EXTENSIONS + "sandboxwarmpools/" + POOL).get("status", {}).get("readyReplicas") == 2
        until(warm, "a warm pool of 2")
