"""What one run stands on: the cluster stand-in, Redis, and for each gateway mode the published server and `sandgate ingress`."""

import http.client
import json
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

import programs as processes  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGE = "conformance/execd:1"
NAMESPACE = "opensandbox"
EXECD_PORT = 44772  # where the SDK looks for execd
APP_PORT = 8080
API_KEY = "conformance-key-0123456789"
EXECD_TOKEN = "execd-token-0123456789"
# The signing keys of both modes: two, so that a key's id matters.
KEYS = {"a": "c2VjcmV0LWFscGhhLTAxMjM0NTY3ODk=", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}
ACTIVE_KEY = "k"
WILDCARD = "sandboxes.example"  # nobody resolves it: the SDK's transport leads there
START_TIMEOUT_S = 180.0

SERVER_CONFIG = """
[server]
host = "127.0.0.1"
port = {server_port}
api_key = "{api_key}"

[log]
level = "INFO"

[runtime]
type = "kubernetes"
execd_image = "conformance/execd-installer:1"

[store]
type = "sqlite"
path = "{store}"

[kubernetes]
kubeconfig_path = "{kubeconfig}"
namespace = "{namespace}"
workload_provider = "batchsandbox"
sandbox_create_poll_interval_seconds = 0.2

[ingress]
mode = "gateway"
gateway.address = "{gateway}"
gateway.route.mode = "{mode}"
secure_access.active_key = "{active_key}"
secure_access.keys = [{keys}]

[renew_intent]
enabled = true
min_interval_seconds = 1
redis.enabled = true
redis.dsn = "{dsn}"
redis.queue_key = "{queue}"
redis.consumer_concurrency = 2
"""


class Gateway:
    """One mode: where the server and the ingress of this mode listen."""

    def __init__(self, mode, server, ingress):
        self.mode = mode
        self.server = server    # "HOST:PORT"
        self.ingress = ingress  # (host, port)
        self.programs = []

    def options(self, flavour, headers=None):
        """The SDK's connection settings, as a user would write them."""
        more = {"transport": flavour.transport_to(self.ingress, "." + WILDCARD)} if self.mode == "wildcard" else {}
        return flavour.config(domain=self.server, api_key=API_KEY, headers=headers or {}, disable_metrics=True, **more)

    def ask(self, endpoint, path="/", method="GET", body=None, headers=None):
        """(status, header fields, body) of one plain request to an endpoint of the SDK."""
        address, slash, prefix = endpoint.endpoint.partition("/")
        connection = http.client.HTTPConnection(*self.ingress, timeout=30)
        try:
            connection.request(method, slash + prefix + path, body,
                               {"Host": address, **endpoint.headers, **(headers or {})})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()


class World:
    """Everything that runs; `gateways` by mode."""

    def __init__(self, programs, bin_dir, work_dir):
        self._programs = programs
        self._bin_dir = bin_dir
        self.work_dir = work_dir
        # The proxies of this machine are nobody's business here, nor are a user's own settings.
        self._environment = {name: value for name, value in processes.environment().items()
                             if not name.lower().endswith("_proxy") and not name.startswith(("OPENSANDBOX_", "OPEN_SANDBOX_"))}
        self._start_redis()
        self._start_cluster()
        self.gateways = {mode: self._start_gateway(mode) for mode in ("header", "uri", "wildcard")}

    def _start_redis(self):
        port = processes.free_port()
        folder = os.path.join(self.work_dir, "redis")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self._programs.start("redis", ["redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "",
                                       "--appendonly", "no", "--dir", folder], ("127.0.0.1", port), env=self._environment)
        self.redis_dsn = "redis://127.0.0.1:%d/0" % port

    def _start_cluster(self):
        self.kubeconfig = os.path.join(self.work_dir, "kubeconfig")
        ready = os.path.join(self.work_dir, "ready.json")
        for path in (ready, self.kubeconfig):
            if os.path.exists(path):
                os.unlink(path)
        pods = os.path.join(self.work_dir, "pods")
        shutil.rmtree(pods, ignore_errors=True)
        os.makedirs(pods, mode=0o711)
        os.chmod(pods, 0o711)
        script = os.path.join(pods, "execd.py")
        shutil.copyfile(os.path.join(HERE, "execd.py"), script)
        os.chmod(script, 0o644)
        # The Pods run without privileges: everything they need is below a folder they may pass through.
        command = "/usr/bin/python3 -B %s {ip} {port} {dir} %d" % (script, APP_PORT)
        self._cluster = self._programs.start(
            "cluster", [os.path.join(self._bin_dir, "sandgate-devcluster"), "--listen", "127.0.0.1:0", "--kubeconfig-out",
                        self.kubeconfig, "--ready-file", ready, "--image", "%s=%s" % (IMAGE, command),
                        "--pod-port", str(EXECD_PORT), "--pod-dir", os.path.join(pods, "run")], env=self._environment)
        self._wait(lambda: os.path.exists(ready), self._cluster, "its ready file")
        with open(ready, encoding="utf-8") as file:
            self.kube_url = json.load(file)["server"]

    def _start_gateway(self, mode):
        host, port = "127.0.0.1", processes.free_port()
        queue = "conformance:renew:" + mode
        self._programs.start(
            "ingress-" + mode,
            [os.path.join(self._bin_dir, "sandgate"), "ingress", "--kubeconfig", self.kubeconfig, "--mode", mode,
             "--http-bind-address", "%s:%d" % (host, port), "--metrics-bind-address", "", "--health-probe-bind-address", "",
             "--allow-loopback-pod-ip", "--secure-access-keys", ",".join("%s=%s" % one for one in KEYS.items()),
             "--renew-intent-enabled", "--renew-intent-redis-dsn", self.redis_dsn, "--renew-intent-queue-key", queue,
             "--renew-intent-min-interval", "1"], (host, port), env=self._environment)
        server_port = processes.free_port()
        config = os.path.join(self.work_dir, "server-%s.toml" % mode)
        store = os.path.join(self.work_dir, "server-%s.db" % mode)
        if os.path.exists(store):
            os.unlink(store)
        with open(config, "w", encoding="utf-8") as out:
            out.write(SERVER_CONFIG.format(
                server_port=server_port, api_key=API_KEY, store=store, kubeconfig=self.kubeconfig, namespace=NAMESPACE,
                gateway="*." + WILDCARD if mode == "wildcard" else "%s:%d" % (host, port), mode=mode,
                active_key=ACTIVE_KEY, dsn=self.redis_dsn, queue=queue,
                keys=", ".join('{key_id = "%s", key = "%s"}' % one for one in KEYS.items())))
        server = self._programs.start(
            "server-" + mode, [os.path.join(os.path.dirname(sys.executable), "opensandbox-server"), "--config", config],
            env=self._environment)
        server.wait_until_listening("127.0.0.1", server_port, START_TIMEOUT_S)
        return Gateway(mode, "127.0.0.1:%d" % server_port, (host, port))

    @staticmethod
    def _wait(condition, program, what):
        deadline = time.monotonic() + START_TIMEOUT_S
        while not condition():
            if not program.running() or time.monotonic() > deadline:
                raise processes.StartError("%s: no sign of %s\n%s" % (program.name, what, program.tail()))
            time.sleep(0.05)

    def kube(self, path):
        """An answer of the cluster's API."""
        host, _, port = self.kube_url.rpartition("/")[2].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def batch(self, name):
        """The BatchSandbox, or None."""
        status, answer = self.kube("/apis/sandbox.opensandbox.io/v1alpha1/namespaces/%s/batchsandboxes/%s" % (NAMESPACE, name))
        return answer if status == 200 else None

    def batches(self):
        return [item["metadata"]["name"] for item in
                self.kube("/apis/sandbox.opensandbox.io/v1alpha1/namespaces/%s/batchsandboxes" % NAMESPACE)[1]["items"]]

    def pods(self, batch):
        return [item["metadata"]["name"] for item in
                self.kube("/api/v1/namespaces/%s/pods" % NAMESPACE)[1]["items"]
                if item["metadata"]["name"].startswith(batch + "-")]
