"""The cluster of the comparison: the stand-in with its own controllers and Pods, a router that watches it, and recorders
before the API and before the router."""

import json
import os
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

import programs as processes  # noqa: E402
from recorder import Recorder  # noqa: E402

EXTENSIONS = "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/default"
START_S = 30.0
SANDBOXD_PORT = 8080


class Cluster:
    def __init__(self, programs, bin_dir, work_dir):
        ready, config = os.path.join(work_dir, "ready.json"), os.path.join(work_dir, "kubeconfig")
        for path in (ready, config):
            if os.path.exists(path):
                os.unlink(path)
        runtime = os.path.join(bin_dir, "sandgate-runtime")
        programs.start("cluster", [
            os.path.join(bin_dir, "sandgate-devcluster"), "--listen", "127.0.0.1:0", "--kubeconfig-out", config,
            "--ready-file", ready, "--image",
            "sandboxd=%s --bind-address {ip}:{port} --sandboxd-bind-address {ip}:%d --base-dir {dir}" % (
                runtime, SANDBOXD_PORT)])
        self._wait(lambda: os.path.exists(ready) and open(ready).read(), "the stand-in's start")
        self.api = json.load(open(ready))["server"]
        self.address = self.api.split("//")[1].split(":")[0], int(self.api.rsplit(":", 1)[1])
        for pool, image in (("pool", "runtime"), ("sandboxd-pool", "sandboxd")):
            container = {"name": "main", "image": image, "ports": [{"containerPort": 8888}]}
            self.post("sandboxtemplates", "SandboxTemplate", pool + "-template",
                      {"podTemplate": {"spec": {"containers": [container]}}, "envVarsInjectionPolicy": "Allowed"})
            self.post("sandboxwarmpools", "SandboxWarmPool", pool,
                      {"replicas": 2, "sandboxTemplateRef": {"name": pool + "-template"}})
        self.kubeconfig = config
        self.router, self.router_host, self.router_port = self._start_router(programs, bin_dir, config)
        self.kube = Recorder(self.address)
        self.proxy = Recorder((self.router_host, self.router_port))

    def _start_router(self, programs, bin_dir, config):
        host, port = "127.0.0.1", processes.free_port()
        program = programs.start("router", [
            os.path.join(bin_dir, "sandgate"), "router", "--http-bind-address", "%s:%d" % (host, port),
            "--cache-enabled", "--kubeconfig", config, "--allow-loopback-pod-ip", "--metrics-bind-address", "",
            "--health-probe-bind-address", "", "--workers", "1"],
            (host, port), env=processes.environment(ALLOW_UNAUTHENTICATED_ROUTER="true"))
        return program, host, port

    def _wait(self, condition, what):
        deadline = time.monotonic() + START_S
        while not condition():
            if time.monotonic() > deadline:
                raise processes.StartError("%s did not happen within %g s" % (what, START_S))
            time.sleep(0.02)  # allow(sleep): another program's file is waited for

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.api + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=START_S) as answer:
            return json.load(answer)

    def post(self, plural, kind, name, spec):
        self.request("POST", "%s/%s" % (EXTENSIONS, plural),
                     {"apiVersion": "extensions.agents.x-k8s.io/v1beta1", "kind": kind, "metadata": {"name": name},
                      "spec": spec})

    def wait_until_warm(self, pool):
        def warm():
            status = self.request("GET", "%s/sandboxwarmpools/%s" % (EXTENSIONS, pool)).get("status", {})
            return status.get("readyReplicas", 0) >= 2
        self._wait(warm, "the warm pool " + pool)

    def claims(self):
        return [item["metadata"]["name"] for item in self.request("GET", EXTENSIONS + "/sandboxclaims")["items"]]

    def close(self):
        self.kube.close()
        self.proxy.close()
