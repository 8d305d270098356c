"""With the stand-in's controllers and its node: Pods are processes, and nobody writes a status by hand."""
import json
import unittest

from harness.cluster import BATCH, EXTENSIONS, Cluster
from harness.gateway import Gateway
from harness.process import eventually

TEMPLATE = {"podTemplate": {"spec": {"containers": [{"name": "main", "image": "runtime", "ports": [{"containerPort": 8888}]}]}}}


class Controllers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster("--reuse-addresses", controllers=True)
        cls.addClassCleanup(cls.cluster.stop)

    def gateway(self, product, *flags):
        gateway = Gateway(product, self.cluster, *flags)
        self.addCleanup(gateway.stop)
        return gateway

    def extension(self, plural, kind, name, spec):
        return self.cluster.must("POST", EXTENSIONS.format(ns="default") + plural, {
            "apiVersion": "extensions.agents.x-k8s.io/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": spec})

    def execute(self, ask, command):
        got = ask(b'{"command": "%s"}' % command.encode())
        self.assertEqual(got.status, 200, got.body)
        return json.loads(got.body)["stdout"].strip()

    def test_claims_from_a_warm_pool(self):
        self.extension("sandboxtemplates", "SandboxTemplate", "tmpl", TEMPLATE)
        self.extension("sandboxwarmpools", "SandboxWarmPool", "pool", {"replicas": 1, "sandboxTemplateRef": {"name": "tmpl"}})
        router, proxy = self.gateway("router", "--strict-resolution"), self.gateway("proxy")
        boxes = lambda: self.cluster.must("GET", self.cluster.agents("default"))["items"]
        ready = lambda box: any(one["type"] == "Ready" and one["status"] == "True"
                                for one in box.get("status", {}).get("conditions", []))
        member = eventually(lambda: next((box for box in boxes() if ready(box)), None), "a member of the pool", 30)
        name, uid = member["metadata"]["name"], member["metadata"]["uid"]
        # Unclaimed: by UID only, and never by a user's path.
        eventually(lambda: router.box(name, "/", f"X-Sandbox-UID: {uid}").status == 200, "the route by UID", 20)
        self.assertEqual(router.box(name).status, 404)
        self.assertEqual(proxy.get(f"/default/{name}/").status, 404)
        self.extension("sandboxclaims", "SandboxClaim", "claim", {"warmPoolRef": {"name": "pool"}})
        path = EXTENSIONS.format(ns="default") + "sandboxclaims/claim"
        given = eventually(lambda: self.cluster.must("GET", path).get("status", {}).get("sandbox", {}).get("name"), "the claim",
                           30)
        eventually(lambda: router.box(given).status == 200, "the route by name", 20)
        eventually(lambda: proxy.get(f"/default/{given}/").status == 200, "the route by path", 20)
        json_type = "Content-Type: application/json"
        by_name = lambda body: router.box(given, "/execute", json_type, method="POST", body=body)
        by_path = lambda body: proxy.ask("POST", f"/default/{given}/execute", [json_type], body)
        self.assertEqual((self.execute(by_name, "echo one"), self.execute(by_path, "echo two")), ("one", "two"))
        # Suspend and resume: the name stays, the Pod is another.
        self.cluster.merge(self.cluster.agents("default", given), {"spec": {"operatingMode": "Suspended"}})
        eventually(lambda: router.box(given).status == 503, "the suspension", 20)
        self.cluster.merge(self.cluster.agents("default", given), {"spec": {"operatingMode": "Running"}})
        eventually(lambda: router.box(given).status == 200, "the resume", 20)
        self.cluster.must("DELETE", path)
        eventually(lambda: router.box(given).status == 404, "the end of the claim", 20)

    def test_batch_sandboxes(self):
        ingress = self.gateway("ingress")
        self.cluster.must("POST", BATCH.format(ns="default"), {
            "apiVersion": "sandbox.opensandbox.io/v1alpha1", "kind": "BatchSandbox", "metadata": {"name": "batch"},
            "spec": {"replicas": 1, "template": TEMPLATE["podTemplate"]}})
        to = "OpenSandbox-Ingress-To: batch-8888"
        eventually(lambda: ingress.get("/", to).status == 200, "the route", 30)
        self.assertEqual(self.execute(lambda body: ingress.ask("POST", "/execute", [to, "Content-Type: application/json"], body),
                                      "echo three"), "three")
        self.cluster.delete_batch("batch")
        eventually(lambda: ingress.get("/", to).status == 404, "the end", 20)

    def test_addresses_go_from_one_to_the_next(self):
        """Real Pods that take over the address of the one before; each must be itself under its name."""
        router = self.gateway("router", "--strict-resolution")
        spec = {"podTemplate": TEMPLATE["podTemplate"]}
        seen = set()
        with router.connect() as client:
            for turn in range(6):
                name = f"turn-{turn}"
                self.cluster.create_sandbox(name, spec=spec)
                eventually(lambda name=name: router.box(name, client=client).status == 200, f"the route of {name}", 30)
                upload = self.execute(lambda body, name=name: router.box(name, "/execute", "Content-Type: application/json",
                                                                         method="POST", body=body), f"touch mark-{turn}")
                self.assertEqual(upload, "")
                listed = json.loads(router.box(name, "/list/", client=client).body)
                self.assertEqual([one["name"] for one in listed if one["name"].startswith("mark-")], [f"mark-{turn}"])
                seen.update(self.cluster.must("GET", self.cluster.agents("default", name))["status"]["podIPs"])
                self.cluster.must("DELETE", self.cluster.agents("default", name))
                eventually(lambda name=name: router.box(name, client=client).status == 404, f"the end of {name}", 20)
                eventually(lambda: self.cluster.state()["pods"] == 0 or self.pool_only(), "the end of its Pod", 20)
        self.assertLess(len(seen), 6)

    def pool_only(self):
        pods = self.cluster.must("GET", "/api/v1/namespaces/default/pods")["items"]
        return not any(pod["metadata"]["name"].startswith("turn-") for pod in pods)


if __name__ == "__main__":
    unittest.main()
