"""The `sandbox` command on a real API server: claims from a warm pool, commands, files, suspension, deletion."""

import json
import os
import subprocess
import unittest

from harness.gateway import START_PATIENCE
from harness.process import binary, eventually

from places import DEPLOY, RealCluster, RealGateway, real

POOL = "python-sandbox-pool"


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = RealCluster()
        cls.addClassCleanup(cls.cluster.stop)
        template = os.path.join(DEPLOY, "python-sandbox-template.yaml")
        real().kubectl("apply", "-f", template)
        cls.addClassCleanup(real().kubectl, "delete", "-f", template)
        cls.router = RealGateway("router", cls.cluster)
        cls.addClassCleanup(cls.router.stop)
        cls.direct = ("--api-url", "http://%s:%d" % cls.router.address)
        cls.wait_warm()

    def claims(self):
        path = "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/default/sandboxclaims"
        return [item["metadata"]["name"] for item in self.cluster.must("GET", path)["items"]]

    @classmethod
    def wait_warm(cls):
        path = "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/default/sandboxwarmpools/" + POOL
        eventually(lambda: cls.cluster.must("GET", path).get("status", {}).get("readyReplicas") == 2, "a warm pool",
                   START_PATIENCE)

    def sandbox(self, *words, status=0, mode=None, text=None):
        done = subprocess.run([binary("sandbox"), "--kubeconfig", real().plane.kubeconfig, *(mode or self.direct), *words],
                              capture_output=True, text=True, input=text, timeout=90, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def test_whole_life(self):
        self.wait_warm()
        claim = self.sandbox("-q", "create", POOL).strip()
        self.addCleanup(self.cluster.request, "DELETE", "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/default/"
                        "sandboxclaims/" + claim)
        self.assertEqual(self.claims(), [claim])
        shown = json.loads(self.sandbox("-o", "json", "get", claim))
        box = self.cluster.must("GET", self.cluster.agents("default", shown["sandbox"]))
        self.assertEqual(box["metadata"]["labels"]["agents.x-k8s.io/launch-type"], "warm")
        self.assertTrue(shown["sandbox"].startswith(POOL + "-"))
        self.assertEqual(self.sandbox("run", claim, "--", "echo", "hello"), "hello\n")
        self.sandbox("run", claim, "--", "sh", "-c", "exit 42", status=42)
        data = os.urandom(300_000).hex()
        self.sandbox("cp", "-", claim + ":up.txt", text=data)
        self.assertEqual(self.sandbox("cp", claim + ":up.txt", "-"), data)
        self.assertIn("up.txt", self.sandbox("ls", claim + ":"))
        self.sandbox("exists", claim + ":no-such-file", status=1)
        self.sandbox("suspend", claim)
        self.assertEqual(json.loads(self.sandbox("-o", "json", "get", claim, status=1))["reason"], "SandboxSuspended")
        self.sandbox("resume", claim)
        eventually(lambda: self.router.box(shown["sandbox"]).status == 200, "the route after the resume", START_PATIENCE)
        self.assertEqual(self.sandbox("run", claim, "--", "echo", "again"), "again\n")
        self.assertIn(claim, self.sandbox("list"))
        self.sandbox("delete", claim)
        self.assertEqual(self.claims(), [])
        eventually(lambda: self.cluster.request("GET", self.cluster.agents("default", shown["sandbox"]))[0] == 404,
                   "the end of the Sandbox", START_PATIENCE)
        eventually(lambda: self.router.box(shown["sandbox"]).status in (404, 502), "the end of the route")

    def test_selftest_by_every_mode_that_needs_no_cluster_network(self):
        for mode in (self.direct, ("--mode", "in-cluster"), ("--mode", "in-cluster", "--address", "pod-ip")):
            with self.subTest(mode):
                self.assertIn("all passed", self.sandbox("selftest", POOL, mode=mode))
                self.assertEqual(self.claims(), [])

    def test_a_pool_that_is_not_there(self):
        self.sandbox("create", "no-such-pool", status=125)
        self.assertEqual(self.claims(), [])

    def test_names_adoption_and_time_to_live(self):
        self.sandbox("-q", "create", POOL, "--name", "mine", "--ttl", "10m", "--label", "a=b")
        path = "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/default/sandboxclaims/mine"
        claim = self.cluster.must("GET", path)
        self.assertEqual((claim["metadata"]["labels"]["a"], claim["spec"]["lifecycle"]["shutdownPolicy"]), ("b", "Delete"))
        self.sandbox("-q", "create", POOL, "--name", "mine", status=125)
        self.assertEqual(self.sandbox("-q", "create", POOL, "--name", "mine", "--adopt"), "mine\n")
        self.sandbox("delete", "mine")
        self.assertEqual(self.claims(), [])
