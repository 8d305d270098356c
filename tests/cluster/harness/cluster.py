"""A running sandgate-devcluster, and the objects that tests put into it.

Most tests start it without controllers and node: then nothing happens by itself, and a test writes each object's status at the
moment it wants it."""
import contextlib
import http.client
import json
import os
import tempfile
import urllib.parse

from .process import START_PATIENCE, Process, binary, eventually

AGENTS = "/apis/agents.x-k8s.io/{version}/namespaces/{ns}/sandboxes"
BATCH = "/apis/sandbox.opensandbox.io/v1alpha1/namespaces/{ns}/batchsandboxes"
PODS = "/api/v1/namespaces/{ns}/pods"
EXTENSIONS = "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/{ns}/"


class Refused(AssertionError):
    """The API answered with another status than the one that was wanted."""


class Cluster:
    def __init__(self, *flags, controllers=False, api="127.0.0.1:0"):
        self.folder = tempfile.TemporaryDirectory(prefix="sandgate-cluster-test-")
        os.chmod(self.folder.name, 0o711)
        self.kubeconfig = os.path.join(self.folder.name, "kubeconfig")
        ready = os.path.join(self.folder.name, "ready")
        command = [binary("sandgate-devcluster"), "--listen", api, "--admin-listen", "127.0.0.1:0", "--dns-listen",
                   "127.0.0.1:0", "--kubeconfig-out", self.kubeconfig, "--ready-file", ready]
        if not controllers:
            command += ["--no-controllers", "--no-node"]
        self.program = Process(command + list(flags), env={"TMPDIR": self.folder.name})
        eventually(lambda: os.path.exists(ready) or self.program.process.poll() is not None, "the cluster's start",
                   START_PATIENCE)
        if self.program.process.poll() is not None:
            raise AssertionError("the cluster did not start:\n" + self.program.log())
        with open(ready, encoding="utf-8") as file:
            self.addresses = json.load(file)
        with open(self.kubeconfig, encoding="utf-8") as file:
            self.kubeconfig_text = file.read()
        self.url = urllib.parse.urlsplit(self.addresses["server"])
        self.versions = "v1beta1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def kill(self):
        """As if its machine had gone."""
        self.program.process.kill()
        self.program.wait()

    def stop(self):
        try:
            if self.program.process.returncode != -9:
                self.program.stop()
        finally:
            self.folder.cleanup()

    # --- requests

    def request(self, method, path, body=None, kind="application/json", url=None):
        """(status, answer) of one request to the API."""
        url = url or self.url
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=START_PATIENCE)
        with contextlib.closing(connection):
            headers = {"Accept": "application/json"}
            if body is not None:
                headers["Content-Type"] = kind
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text[:1] in (b"{", b"[") else text

    def must(self, method, path, body=None, kind="application/json"):
        status, answer = self.request(method, path, body, kind)
        if not 200 <= status < 300:
            raise Refused(f"{method} {path}: {status} {answer}")
        return answer

    def merge(self, path, body):
        return self.must("PATCH", path, body, "application/merge-patch+json")

    def fault(self, name, **query):
        target = f"/faults/{name}" + ("?" + urllib.parse.urlencode(query) if query else "")
        status, answer = self.request("POST", target, url=urllib.parse.urlsplit(self.addresses["admin"]))
        if status != 200:
            raise Refused(f"{target}: {status} {answer}")

    def state(self):
        return self.request("GET", "/state", url=urllib.parse.urlsplit(self.addresses["admin"]))[1]

    def namespace(self, name):
        self.must("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    # --- Sandboxes

    def agents(self, ns, name=""):
        return AGENTS.format(version=self.versions, ns=ns) + (f"/{name}" if name else "")

    def create_sandbox(self, name, ns="default", labels=None, annotations=None, spec=None):
        return self.must("POST", self.agents(ns), {
            "apiVersion": f"agents.x-k8s.io/{self.versions}", "kind": "Sandbox",
            "metadata": {"name": name, "labels": labels or {}, "annotations": annotations or {}},
            "spec": {"podTemplate": {"spec": {"containers": [{"name": "main", "image": "test"}]}}, **(spec or {})}})

    def set_status(self, name, ns="default", ips=(), ready=True, reason=None, message="", service=None, fqdn=None,
                   conditions=None):
        """Replaces what the status says; None leaves out."""
        if conditions is None:
            conditions = [{"type": "Ready", "status": "True" if ready else "False",
                           "reason": reason or ("DependenciesReady" if ready else "DependenciesNotReady"),
                           "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}]
        return self.merge(self.agents(ns, name) + "/status", {"status": {
            "podIPs": list(ips), "conditions": conditions, "service": service, "serviceFQDN": fqdn}})

    def create_pod(self, owner, ips, name=None, ready=True, labels=None):
        """A Pod that the Sandbox object `owner` controls."""
        meta = owner["metadata"]
        name = name or meta["name"]
        pod = self.must("POST", PODS.format(ns=meta["namespace"]), {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"agents.x-k8s.io/sandbox-name-hash": "00000000", **(labels or {})},
                         "ownerReferences": [{"apiVersion": "agents.x-k8s.io/v1beta1", "kind": "Sandbox",
                                              "name": meta["name"], "uid": meta["uid"], "controller": True}]},
            "spec": {"containers": [{"name": "main", "image": "test"}]}})
        self.set_pod(name, meta["namespace"], ips, ready)
        return pod

    def set_pod(self, name, ns="default", ips=(), ready=True):
        ips = list(ips)
        return self.merge(PODS.format(ns=ns) + f"/{name}/status", {"status": {
            "phase": "Running" if ips else "Pending", "podIP": ips[0] if ips else "", "podIPs": [{"ip": ip} for ip in ips],
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}})

    def delete_pod(self, name, ns="default"):
        self.must("DELETE", PODS.format(ns=ns) + f"/{name}?gracePeriodSeconds=0")

    def sandbox(self, name, ns="default", ips=(), ready=True, labels=None, annotations=None, user=None, pod=True, spec=None,
                pod_name=None, **status):
        """A Sandbox with its status and, where it has addresses, its Pod."""
        if user is not None:
            labels = {**(labels or {}), "user": user}
        made = self.create_sandbox(name, ns, labels, annotations, spec)
        if pod and ips:
            self.create_pod(made, ips, name=pod_name, ready=ready)
        return self.set_status(name, ns, ips, ready, **status)

    def delete_sandbox(self, name, ns="default", pod=None):
        """Deletes the Sandbox and its Pod (named `pod`, or like it) as the controllers would: the Pod first."""
        self.request("DELETE", PODS.format(ns=ns) + f"/{pod or name}?gracePeriodSeconds=0")
        self.must("DELETE", self.agents(ns, name))

    # --- BatchSandboxes

    def batch(self, name, ns="default", endpoints=None, ready=1, replicas=1, token=None, raw_endpoints=None):
        annotations = {}
        if endpoints is not None:
            annotations["sandbox.opensandbox.io/endpoints"] = json.dumps(endpoints)
        if raw_endpoints is not None:
            annotations["sandbox.opensandbox.io/endpoints"] = raw_endpoints
        if token is not None:
            annotations["opensandbox.io/secure-access-token"] = token
        self.must("POST", BATCH.format(ns=ns), {
            "apiVersion": "sandbox.opensandbox.io/v1alpha1", "kind": "BatchSandbox",
            "metadata": {"name": name, "annotations": annotations or None}, "spec": {"replicas": replicas}})
        return self.batch_status(name, ns, ready, replicas)

    def batch_status(self, name, ns="default", ready=1, replicas=1):
        return self.merge(BATCH.format(ns=ns) + f"/{name}/status",
                          {"status": {"replicas": replicas, "ready": ready, "allocated": replicas}})

    def batch_endpoints(self, name, endpoints, ns="default"):
        return self.merge(BATCH.format(ns=ns) + f"/{name}", {"metadata": {"annotations": {
            "sandbox.opensandbox.io/endpoints": json.dumps(endpoints)}}})

    def delete_batch(self, name, ns="default"):
        self.must("DELETE", BATCH.format(ns=ns) + f"/{name}")
