#!/usr/bin/env python3
"""The `sandbox` command and the examples against the cluster stand-in: the whole life of sandboxes by every mode, many at
once, and interrupted at random moments. Usage: cluster_test.py BUILD_DIR [TEST...]"""
import json
import os
import pathlib
import random
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

BUILD = sys.argv.pop(1) if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]) else os.environ["SANDGATE_BUILD"]
BUILD = pathlib.Path(BUILD).resolve()
BIN = BUILD / "bin"
WAIT_S = 30.0

CLAIMS = "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/default/sandboxclaims"
POOLS = "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/default/sandboxwarmpools"
TEMPLATES = "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/default/sandboxtemplates"
SANDBOXES = "/apis/agents.x-k8s.io/v1beta1/namespaces/default/sandboxes"


def until(condition, what, bound=WAIT_S):
    deadline = time.monotonic() + bound
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("%s did not happen within %g s" % (what, bound))
        time.sleep(0.02)


class Cluster:
    """A stand-in with one template, one warm pool, a router behind its Service, and a Gateway."""

    def __init__(self, pods="process", pool=2, router=True):
        self.folder = tempfile.TemporaryDirectory(prefix="sandgate-cli-")
        self.path = pathlib.Path(self.folder.name)
        self.path.chmod(0o755)
        self.kubeconfig = str(self.path / "kubeconfig")
        router_config = str(self.path / "router-kubeconfig")
        command = [str(BIN / "sandgate-devcluster"), "--listen", "127.0.0.1:0", "--kubeconfig-out", self.kubeconfig,
                   "--ready-file", str(self.path / "ready"), "--pods", pods]
        if router:
            command += ["--image", "router=%s router --allow-unauthenticated-router --cache-enabled --kubeconfig %s "
                        "--allow-loopback-pod-ip --http-bind-address {ip}:{port} --metrics-bind-address= "
                        "--health-probe-bind-address= --workers 1" % (BIN / "sandgate", router_config)]
        self.log = open(self.path / "log", "w+b")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        until(lambda: (self.path / "ready").exists() and (self.path / "ready").read_text(), "the stand-in's start")
        self.url = json.loads((self.path / "ready").read_text())["server"]
        pathlib.Path(router_config).write_text(pathlib.Path(self.kubeconfig).read_text())
        os.chmod(router_config, 0o644)
        container = {"name": "main", "image": "runtime", "ports": [{"containerPort": 8888}]}
        self.post(TEMPLATES, {"kind": "SandboxTemplate", "metadata": {"name": "python-sandbox-template"},
                              "spec": {"podTemplate": {"spec": {"containers": [container]}}}})
        self.post(POOLS, {"kind": "SandboxWarmPool", "metadata": {"name": "pool"},
                          "spec": {"replicas": pool, "sandboxTemplateRef": {"name": "python-sandbox-template"}}})
        self.router_ip = self.start_router() if router else None

    def start_router(self):
        system = "/api/v1/namespaces/agent-sandbox-system"
        self.post(system + "/services", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "sandbox-router-svc"},
                                         "spec": {"selector": {"app": "sandbox-router"}, "ports": [
                                             {"name": "http", "port": 8080, "targetPort": 8080}]}})
        self.post(system + "/pods", {"apiVersion": "v1", "kind": "Pod",
                                     "metadata": {"name": "router-1", "labels": {"app": "sandbox-router"}},
                                     "spec": {"containers": [{"name": "r", "image": "router",
                                                              "ports": [{"containerPort": 8080}]}]}})

        def ready():
            status = self.get(system + "/pods/router-1")["status"]
            good = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))
            return status.get("podIP") if good else None
        address = until(ready, "the router's start")
        gateways = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways"
        made = self.post(gateways, {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
                                    "metadata": {"name": "gw"}, "spec": {"gatewayClassName": "x", "listeners": [
                                        {"name": "http", "protocol": "HTTP", "port": 8080}]}})
        made["status"] = {"addresses": [{"type": "IPAddress", "value": address}]}
        self.request("PUT", gateways + "/gw/status", made)
        return address

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return json.loads(answer.read() or b"{}")

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body):
        if "apiVersion" not in body:
            body["apiVersion"] = "/".join(path.split("/")[2:4])
        return self.request("POST", path, body)

    def claims(self):
        return [item["metadata"]["name"] for item in self.get(CLAIMS)["items"]]

    def env(self):
        return dict(os.environ, KUBECONFIG=self.kubeconfig)

    def sandbox(self, *words, **more):
        """Runs the command; the finished process with its texts."""
        return subprocess.run([str(BIN / "sandbox"), "--kubeconfig", self.kubeconfig, *words], capture_output=True,
                              text=True, timeout=90, env=self.env(), check=False, **more)

    def example(self, name, *words):
        return subprocess.run([str(BIN / ("example-" + name)), *words], capture_output=True, text=True, timeout=90,
                              env=self.env(), check=False)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.folder.cleanup()


class Modes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def tearDown(self):
        self.cluster.sandbox("delete", *(["-q"] + self.cluster.claims()))

    def whole_life(self, *mode):
        done = self.cluster.sandbox(*mode, "selftest", "pool")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("all passed", done.stdout)
        self.assertEqual(self.cluster.claims(), [])

    def test_in_cluster(self):
        self.whole_life("--mode", "in-cluster")

    def test_in_cluster_by_pod_ip(self):
        self.whole_life("--mode", "in-cluster", "--address", "pod-ip")

    def test_direct(self):
        self.whole_life("--api-url", "http://%s:8080" % self.cluster.router_ip)

    def test_gateway(self):
        self.whole_life("--gateway-name", "gw")

    def test_tunnel_built_in(self):
        self.whole_life("--mode", "tunnel")

    def test_tunnel_by_kubectl_stub(self):
        # The stand-in does not speak SPDY, so a stub of kubectl forwards, as contract client 2.3 says kubectl does.
        stub = self.cluster.path / "kubectl"
        stub.write_text("#!/usr/bin/env python3\n" + KUBECTL_STUB.replace("ROUTER", self.cluster.router_ip))
        stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
        before = os.environ["PATH"]
        os.environ["PATH"] = "%s:%s" % (self.cluster.path, before)
        try:
            self.whole_life("--mode", "tunnel", "--tunnel-by", "kubectl")
        finally:
            os.environ["PATH"] = before
        pids = (self.cluster.path / "kubectl-pids").read_text().split()
        self.assertEqual([pid for pid in pids if os.path.exists("/proc/" + pid)], [])

    def test_by_template(self):
        done = self.cluster.sandbox("--mode", "in-cluster", "run", "--rm", "--template", "python-sandbox-template", "--",
                                    "echo", "by template")
        self.assertEqual((done.returncode, done.stdout), (0, "by template\n"), done.stderr)
        missing = self.cluster.sandbox("--mode", "in-cluster", "create", "--template", "no-such-template")
        self.assertEqual(missing.returncode, 125)
        self.assertIn("no-such-template", missing.stderr)

    def test_statuses_of_run(self):
        claim = self.cluster.sandbox("--mode", "in-cluster", "-q", "create", "pool").stdout.strip()
        run = lambda *words: self.cluster.sandbox("--mode", "in-cluster", "run", *words)  # noqa: E731
        self.assertEqual(run(claim, "--", "sh", "-c", "exit 42").returncode, 42)
        self.assertEqual(run(claim, "--command-timeout", "300ms", "--", "sleep", "20").returncode, 124)
        self.assertEqual(run("no-such-claim", "--", "true").returncode, 125)
        self.assertEqual(self.cluster.sandbox("run").returncode, 2)

    def test_stat_ls_and_exec_with_a_terminal(self):
        sandbox = lambda *words: self.cluster.sandbox("--mode", "in-cluster", *words)  # noqa: E731
        self.assertEqual(sandbox("create", "pool", "--name", "looked-at").returncode, 0)
        self.assertEqual(sandbox("-q", "ls").stdout.split(), ["looked-at"])
        local = self.cluster.path / "five"
        local.write_text("12345")
        self.assertEqual(sandbox("-q", "cp", str(local), "looked-at:dir/five").returncode, 0)
        shown = lambda path: json.loads(sandbox("-o", "json", "stat", "looked-at:" + path).stdout)  # noqa: E731
        file, directory = shown("dir/five"), shown("/dir/")
        self.assertEqual((file["type"], file["size"], file["name"]), ("file", 5, "five"))
        self.assertEqual((directory["type"], directory["name"]), ("directory", "dir"))
        for missing in ("dir/six", "no-dir/five"):
            done = sandbox("stat", "looked-at:" + missing)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("no such file", done.stderr)
        self.assertEqual(sandbox("stat", "looked-at:..").returncode, 2)
        attached = sandbox("exec", "-it", "looked-at", "--", "sh")
        self.assertEqual(attached.returncode, 125)
        self.assertIn("process service", attached.stderr)

    def test_names_adoption_and_ttl(self):
        create = lambda *words: self.cluster.sandbox("--mode", "in-cluster", "-q", "create", *words)  # noqa: E731
        self.assertEqual(create("pool", "--name", "mine", "--ttl", "10m", "--label", "a=b").returncode, 0)
        claim = self.cluster.get(CLAIMS + "/mine")
        self.assertEqual(claim["metadata"]["labels"], {"a": "b", "agents.x-k8s.io/created-by": "cpp-client"})
        self.assertEqual(claim["spec"]["lifecycle"]["shutdownPolicy"], "Delete")
        conflict = create("pool", "--name", "mine")
        self.assertEqual(conflict.returncode, 125)
        self.assertEqual(self.cluster.claims(), ["mine"])  # a conflict never deletes
        self.assertEqual(create("pool", "--name", "mine", "--adopt").stdout, "mine\n")
        other = create("other-pool", "--name", "mine", "--adopt")
        self.assertEqual(other.returncode, 125)
        self.assertEqual(self.cluster.claims(), ["mine"])

    def test_a_pool_that_is_not_there_fails_at_once_and_leaves_nothing(self):
        begin = time.monotonic()
        done = self.cluster.sandbox("--mode", "in-cluster", "create", "no-such-pool")
        self.assertEqual(done.returncode, 125, done.stdout)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(self.cluster.claims(), [])

    def test_suspend_and_resume(self):
        sandbox = lambda *words: self.cluster.sandbox("--mode", "in-cluster", *words)  # noqa: E731
        claim = sandbox("-q", "create", "pool").stdout.strip()
        self.assertEqual(sandbox("suspend", claim).returncode, 0)
        shown = sandbox("-o", "json", "get", claim)
        self.assertEqual((shown.returncode, json.loads(shown.stdout)["reason"]), (1, "SandboxSuspended"))
        self.assertEqual(sandbox("resume", claim).returncode, 0)
        self.assertEqual(sandbox("run", claim, "--", "echo", "again").stdout, "again\n")

    def test_list_and_delete_by_label(self):
        sandbox = lambda *words: self.cluster.sandbox("--mode", "in-cluster", *words)  # noqa: E731
        for name, team in (("one", "a"), ("two", "a"), ("three", "b")):
            self.assertEqual(sandbox("create", "pool", "--name", name, "--label", "team=" + team).returncode, 0)
        self.assertEqual(sandbox("-q", "list", "-l", "team=a").stdout.split(), ["one", "two"])
        self.assertEqual(sandbox("delete", "-l", "team=a", "not-there").returncode, 0)
        self.assertEqual(self.cluster.claims(), ["three"])

    def test_large_files_keep_their_bytes_in_little_memory(self):
        claim = self.cluster.sandbox("--mode", "in-cluster", "-q", "create", "pool").stdout.strip()
        data = random.Random(1).randbytes(240 << 20)
        local = self.cluster.path / "large"
        local.write_bytes(data)
        # A sanitizer's own memory is many times the program's, and it keeps what was freed; what it must not do there is
        # follow the size.
        sanitized = b"__asan_init" in (BIN / "sandbox").read_bytes() or b"__tsan_init" in (BIN / "sandbox").read_bytes()
        most = (6 if sanitized else 1) * 32 * 1024
        for words in ([str(local), claim + ":a/b"], [claim + ":a/b", str(local) + ".back"]):
            self.assertLess(self.peak_kib("--mode", "in-cluster", "cp", *words), most)
        self.assertEqual(pathlib.Path(str(local) + ".back").read_bytes(), data)

    def peak_kib(self, *words):
        """Runs the command; the most memory it had. A small process starts it: a child begins with its parent's peak."""
        program = ("import resource, subprocess, sys; status = subprocess.call(sys.argv[1:]); "
                   "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(status)")
        done = subprocess.run([sys.executable, "-c", program, str(BIN / "sandbox"), "--kubeconfig", self.cluster.kubeconfig,
                               *words], capture_output=True, text=True, timeout=90, check=True,
                              env=dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"))
        return int(done.stdout)

    def test_examples(self):
        self.assertIn("through the gateway", self.cluster.example("gateway", "gw", "python-sandbox-template").stdout)
        self.assertIn("by hand", self.cluster.example("local_tunnel", "pool", "echo by hand").stdout)
        self.assertIn("in the cluster", self.cluster.example("in_cluster", "pool", "nightly").stdout)
        self.assertIn("bytes came back", self.cluster.example("files", "pool", self.cluster.kubeconfig).stdout)
        made = self.cluster.sandbox("--mode", "in-cluster", "-o", "json", "create", "pool")
        name = json.loads(made.stdout)["sandbox"]
        direct = self.cluster.example("direct", "http://%s:8080" % self.cluster.router_ip, name)
        self.assertEqual((direct.returncode, direct.stdout), (0, "hello from the sandbox\n"), direct.stderr)

    def test_doctor_and_completion(self):
        self.assertEqual(self.cluster.sandbox("--mode", "tunnel", "doctor").returncode, 0)
        for shell in ("bash", "zsh", "fish"):
            script = self.cluster.sandbox("completion", shell).stdout
            self.assertIn("suspend", script)
        subprocess.run(["bash", "-n"], input=self.cluster.sandbox("completion", "bash").stdout, text=True, check=True)


class Many(unittest.TestCase):
    def test_many_at_once_and_nothing_left(self):
        cluster = Cluster(pool=0, router=False)
        try:
            done = cluster.example("async_fan_out", "pool", "40")
            self.assertEqual((done.returncode, done.stdout), (0, "40 of 40 done\n"), done.stderr)
            self.assertEqual(cluster.claims(), [])
        finally:
            cluster.close()

    def test_interrupted_at_random_moments(self):
        cluster = Cluster(pool=0, router=False)
        try:
            for seed in range(10):
                program = subprocess.Popen([str(BIN / "example-async_fan_out"), "pool", "20"], env=cluster.env(),
                                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                time.sleep(random.Random(seed).uniform(0, 0.6))
                program.send_signal(signal.SIGINT)
                # The signal's own default ends the program when it comes before the first line of main().
                self.assertIn(program.wait(60), (0, 1, -signal.SIGINT), "seed %d" % seed)
                program.stdout.close()
                self.assertEqual(cluster.claims(), [], "seed %d" % seed)
        finally:
            cluster.close()


KUBECTL_STUB = r'''
import os, socket, sys, threading
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "kubectl-pids"), "a") as pids:
    pids.write("%d\n" % os.getpid())
words = sys.argv[1:]
if words[:2] == ["get", "svc/sandbox-router-svc"]:
    sys.exit(0)
assert words[:2] == ["port-forward", "svc/sandbox-router-svc"], words
local, remote = words[2].split(":")
assert remote == "8080" and words[3:5] == ["-n", "agent-sandbox-system"], words
listener = socket.create_server(("127.0.0.1", int(local)))


def pump(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    for end in (one, other):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


while True:
    client, _ = listener.accept()
    server = socket.create_connection(("ROUTER", 8080))
    threading.Thread(target=pump, args=(client, server), daemon=True).start()
    threading.Thread(target=pump, args=(server, client), daemon=True).start()
'''

if __name__ == "__main__":
    unittest.main(verbosity=2)
