"""Claims, pools, Sandboxes and BatchSandboxes from creation to deletion, with programs that answer.

Usage: conformance_claims_test.py PATH_OF_SANDGATE_DEVCLUSTER [unittest options]
       conformance_claims_test.py --server URL [--token TOKEN] [unittest options]

The second form is for a real kube-apiserver with the definitions of deploy/crds-dev and, beside it,
`sandgate-devcluster controllers --kubeconfig FILE`, which makes Pods and runs them."""

import json
import datetime
import unittest
import urllib.request
import uuid

from integration_support import AGENTS, BATCH, CORE, EXTENSIONS, DevCluster, condition, is_ready, main, real_api, template, \
    wait_until


def fetch(url, body=None):
    request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None,
                                     {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as response:
        return json.load(response)


def in_seconds(seconds):
    time = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


class ClusterTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = None
        cls.api = real_api()
        if cls.api is None:
            cls.cluster = DevCluster()
            cls.api = cls.cluster.api

    @classmethod
    def tearDownClass(cls):
        if cls.cluster:
            cls.cluster.__exit__()

    def setUp(self):
        self.ns = "claims-test-" + uuid.uuid4().hex[:8]
        self.api.create(CORE + "/namespaces", {"metadata": {"name": self.ns}})
        self.addCleanup(self.clean)

    def clean(self):
        for path in (self.path(EXTENSIONS, "sandboxclaims"), self.path(EXTENSIONS, "sandboxwarmpools"),
                     self.path(AGENTS, "sandboxes"), self.path(BATCH, "batchsandboxes")):
            self.api.request("DELETE", path)
        wait_until(lambda: not self.items(CORE, "pods"), "the end of all Pods")
        self.api.delete(CORE + "/namespaces/" + self.ns)

    def path(self, group, plural, name=""):
        return "%s/namespaces/%s/%s%s" % (group, self.ns, plural, "/" + name if name else "")

    def items(self, group, plural):
        return self.api.get(self.path(group, plural)).json()["items"]

    def thing(self, group, plural, name):
        answer = self.api.get(self.path(group, plural, name))
        return answer.json() if answer.status == 200 else None

    def wait_for(self, group, plural, name, good, what):
        """Until good(thing) holds; None stands for a thing that is not there."""
        def look():
            thing = self.thing(group, plural, name)
            return (thing or True) if good(thing) else None
        try:
            return wait_until(look, what)
        except AssertionError as error:
            raise AssertionError("%s: %s" % (error, self.thing(group, plural, name))) from None

    def add_pool(self, replicas=0, **spec):
        self.api.create(self.path(EXTENSIONS, "sandboxtemplates"), template("python", **spec))
        self.api.create(self.path(EXTENSIONS, "sandboxwarmpools"),
                        {"metadata": {"name": "pool"},
                         "spec": {"replicas": replicas, "sandboxTemplateRef": {"name": "python"}}})

    def claim(self, name, **spec):
        return self.api.create(self.path(EXTENSIONS, "sandboxclaims"),
                               {"metadata": {"name": name}, "spec": {"warmPoolRef": {"name": "pool"}, **spec}})

    def ready_claim(self, name):
        return self.wait_for(EXTENSIONS, "sandboxclaims", name, is_ready, "a ready claim")

    def reason(self, name, reason):
        return self.wait_for(EXTENSIONS, "sandboxclaims", name,
                             lambda c: c and condition(c, "Ready").get("reason") == reason, reason)

    def add_sandbox(self, name, **spec):
        body = template(name)
        body["spec"].update(spec)
        return self.api.create(self.path(AGENTS, "sandboxes"), body)

    def ready_sandbox(self, name):
        return self.wait_for(AGENTS, "sandboxes", name, lambda s: s and is_ready(s), "a ready Sandbox")

    def run_in(self, address, command):
        return fetch("http://%s:8888/execute" % address, {"command": command})


class Claims(ClusterTest):
    def test_from_nothing_to_an_answer_and_back(self):
        self.add_pool()
        claim = self.claim("mine")
        with self.api.watch(self.path(EXTENSIONS, "sandboxclaims"), fieldSelector="metadata.name=mine", timeoutSeconds=20,
                            resourceVersion=claim["metadata"]["resourceVersion"]) as watch:
            _, claim = watch.until(lambda kind, thing: kind == "MODIFIED" and is_ready(thing))
        self.assertEqual("mine", claim["status"]["sandbox"]["name"])  # cold: named like the claim
        sandbox = self.thing(AGENTS, "sandboxes", "mine")
        self.assertEqual(claim["status"]["sandbox"]["podIPs"], sandbox["status"]["podIPs"])
        self.assertEqual("cold", sandbox["metadata"]["labels"]["agents.x-k8s.io/launch-type"])
        self.assertEqual(claim["metadata"]["uid"], sandbox["metadata"]["ownerReferences"][0]["uid"])
        address = sandbox["status"]["podIPs"][0]
        self.assertEqual("ok", fetch("http://%s:8888/" % address)["status"])
        self.assertEqual("hello\n", self.run_in(address, "echo hello")["stdout"])
        self.api.delete(self.path(EXTENSIONS, "sandboxclaims", "mine"))
        self.wait_for(AGENTS, "sandboxes", "mine", lambda s: s is None, "the end of the Sandbox")
        self.wait_for(CORE, "pods", "mine", lambda p: p is None, "the end of the Pod")
        with self.assertRaises(OSError):
            fetch("http://%s:8888/" % address)

    def test_from_a_warm_pool(self):
        self.add_pool(replicas=2)
        self.wait_for(EXTENSIONS, "sandboxwarmpools", "pool",
                      lambda p: p.get("status", {}).get("readyReplicas") == 2, "two ready members")
        members = {s["metadata"]["name"]: s for s in self.items(AGENTS, "sandboxes")}
        for name, member in members.items():
            self.assertRegex(name, "^pool-[a-z0-9]{5}$")
            self.assertIn("agents.x-k8s.io/warm-pool-sandbox", member["metadata"]["labels"])
        self.claim("mine", additionalPodMetadata={"labels": {"team": "a"}})
        claim = self.ready_claim("mine")
        name = claim["status"]["sandbox"]["name"]
        self.assertIn(name, members)
        sandbox = self.thing(AGENTS, "sandboxes", name)
        self.assertEqual(members[name]["status"]["podIPs"], sandbox["status"]["podIPs"])  # the same Pod
        self.assertNotIn("agents.x-k8s.io/warm-pool-sandbox", sandbox["metadata"]["labels"])
        self.assertEqual("warm", sandbox["metadata"]["labels"]["agents.x-k8s.io/launch-type"])
        self.assertEqual("a", self.thing(CORE, "pods", name)["metadata"]["labels"]["team"])
        self.wait_for(EXTENSIONS, "sandboxwarmpools", "pool",
                      lambda p: p.get("status", {}).get("readyReplicas") == 2, "a replacement")
        self.assertEqual(3, len(self.items(AGENTS, "sandboxes")))

    def test_two_claims_never_share(self):
        self.add_pool(replicas=2)
        self.wait_for(EXTENSIONS, "sandboxwarmpools", "pool",
                      lambda p: p.get("status", {}).get("readyReplicas") == 2, "two ready members")
        for i in range(4):
            self.claim("c%d" % i)
        names = [self.ready_claim("c%d" % i)["status"]["sandbox"]["name"] for i in range(4)]
        self.assertEqual(4, len(set(names)), names)

    def test_environment_forces_a_cold_start(self):
        self.add_pool(replicas=1, envVarsInjectionPolicy="Allowed")
        self.claim("mine", env=[{"name": "COLOUR", "value": "blue"}])
        claim = self.ready_claim("mine")
        self.assertEqual("mine", claim["status"]["sandbox"]["name"])
        self.assertEqual("blue\n", self.run_in(claim["status"]["sandbox"]["podIPs"][0], "printenv COLOUR")["stdout"])

    def test_reasons(self):
        self.claim("no-pool")
        self.reason("no-pool", "WarmPoolNotFound")
        self.api.create(self.path(EXTENSIONS, "sandboxwarmpools"),
                        {"metadata": {"name": "pool"}, "spec": {"replicas": 0, "sandboxTemplateRef": {"name": "python"}}})
        self.reason("no-pool", "TemplateNotFound")
        self.api.create(self.path(EXTENSIONS, "sandboxtemplates"), template("python"))
        self.ready_claim("no-pool")  # it is never too late
        self.claim("env", env=[{"name": "A", "value": "b"}])
        self.reason("env", "EnvVarsInjectionRejected")
        self.claim("volumes", volumeClaimTemplates=[{"metadata": {"name": "data"}}])
        self.reason("volumes", "VolumeClaimTemplatesError")
        self.claim("labels", additionalPodMetadata={"labels": {"agents.x-k8s.io/claim-uid": "me"}})
        self.reason("labels", "InvalidMetadata")
        self.api.delete(self.path(AGENTS, "sandboxes", "no-pool"))
        self.reason("no-pool", "SandboxMissing")

    def test_the_end_of_a_claim(self):
        self.add_pool()
        self.claim("deleted", lifecycle={"shutdownTime": in_seconds(2), "shutdownPolicy": "Delete"})
        self.claim("kept", lifecycle={"shutdownTime": in_seconds(2), "shutdownPolicy": "Retain"})
        self.ready_claim("kept")
        self.reason("kept", "ClaimExpired")
        self.wait_for(AGENTS, "sandboxes", "kept", lambda s: s is None, "the end of the Sandbox")
        self.wait_for(EXTENSIONS, "sandboxclaims", "deleted", lambda c: c is None, "the end of the claim")


class Sandboxes(ClusterTest):
    def test_suspend_and_resume(self):
        self.add_sandbox("box")
        before = self.ready_sandbox("box")
        first_pod = self.thing(CORE, "pods", "box")
        self.api.patch(self.path(AGENTS, "sandboxes", "box"), {"spec": {"operatingMode": "Suspended"}})
        asleep = self.wait_for(AGENTS, "sandboxes", "box",
                               lambda s: condition(s, "Suspended").get("status") == "True", "suspension")
        ready = condition(asleep, "Ready")
        self.assertEqual(("False", "SandboxSuspended"), (ready["status"], ready["reason"]))
        self.assertNotIn("podIPs", asleep["status"])
        self.assertIsNone(self.thing(CORE, "pods", "box"))
        self.api.patch(self.path(AGENTS, "sandboxes", "box"), {"spec": {"operatingMode": "Running"}})
        awake = self.ready_sandbox("box")
        self.assertNotEqual(before["status"]["podIPs"], awake["status"]["podIPs"])
        self.assertNotEqual(first_pod["metadata"]["uid"], self.thing(CORE, "pods", "box")["metadata"]["uid"])
        self.assertEqual("ok", fetch("http://%s:8888/" % awake["status"]["podIPs"][0])["status"])

    def test_status(self):
        self.add_sandbox("box", service=True)
        box = self.ready_sandbox("box")
        self.assertEqual("DependenciesReady", condition(box, "Ready")["reason"])
        asleep = condition(box, "Suspended")
        self.assertEqual(("False", "NotSuspended"), (asleep["status"], asleep["reason"]))
        self.assertEqual("True", condition(box, "PodScheduled")["status"])
        self.assertEqual(box["metadata"]["generation"], condition(box, "Ready")["observedGeneration"])
        self.assertEqual(("box", "box.%s.svc.cluster.local" % self.ns), (box["status"]["service"], box["status"]["serviceFQDN"]))
        key, value = box["status"]["selector"].split("=")
        self.assertEqual("agents.x-k8s.io/sandbox-name-hash", key)
        service = self.thing(CORE, "services", "box")
        self.assertEqual(("None", {key: value}), (service["spec"]["clusterIP"], service["spec"]["selector"]))
        self.assertEqual([("p-8888-tcp", 8888)], [(p["name"], p["port"]) for p in service["spec"]["ports"]])
        pod = self.thing(CORE, "pods", "box")
        self.assertEqual(value, pod["metadata"]["labels"][key])
        self.assertEqual([{"ip": box["status"]["podIPs"][0]}], pod["status"]["podIPs"])
        self.assertEqual(box["status"]["nodeName"], pod["spec"]["nodeName"])

    def test_a_service_is_made_kept_and_removed(self):
        self.add_sandbox("box")
        self.assertNotIn("service", self.ready_sandbox("box")["status"])
        box = self.path(AGENTS, "sandboxes", "box")
        self.api.patch(box, {"spec": {"service": True}})
        self.wait_for(AGENTS, "sandboxes", "box", lambda s: s["status"].get("service") == "box", "a Service")
        self.api.patch(box, {"spec": {"service": None, "operatingMode": "Suspended"}})
        asleep = self.wait_for(AGENTS, "sandboxes", "box",
                               lambda s: condition(s, "Suspended").get("status") == "True", "suspension")
        self.assertEqual("box", asleep["status"]["service"])  # unset: kept, even asleep
        self.api.patch(box, {"spec": {"service": False}})
        self.wait_for(CORE, "services", "box", lambda s: s is None, "the end of the Service")

    def test_shutdown_time(self):
        self.add_sandbox("kept")
        self.add_sandbox("deleted", shutdownTime=in_seconds(2), shutdownPolicy="Delete")
        self.ready_sandbox("kept")
        self.api.patch(self.path(AGENTS, "sandboxes", "kept"), {"spec": {"shutdownTime": in_seconds(1)}})
        kept = self.wait_for(AGENTS, "sandboxes", "kept",
                             lambda s: condition(s, "Ready").get("reason") == "SandboxExpired", "expiry")
        self.assertEqual({"conditions"}, set(kept["status"]))  # all else is cleared
        self.wait_for(CORE, "pods", "kept", lambda p: p is None, "the end of the Pod")
        self.wait_for(AGENTS, "sandboxes", "deleted", lambda s: s is None, "the end of the Sandbox")

    def test_a_new_pod_after_a_deleted_one(self):
        self.add_sandbox("box")
        self.ready_sandbox("box")
        uid = self.thing(CORE, "pods", "box")["metadata"]["uid"]
        self.api.delete(self.path(CORE, "pods", "box"))
        self.wait_for(CORE, "pods", "box", lambda p: p and p["metadata"]["uid"] != uid, "a new Pod")
        self.ready_sandbox("box")


class BatchSandboxes(ClusterTest):
    ENDPOINTS = "sandbox.opensandbox.io/endpoints"

    def test_life(self):
        self.api.create(self.path(BATCH, "batchsandboxes"), {
            "metadata": {"name": "batch"},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "main", "image": "any"}]}}}})
        batch = self.wait_for(BATCH, "batchsandboxes", "batch", lambda b: b.get("status", {}).get("ready") == 2, "readiness")
        self.assertEqual(("Succeed", 2, 2), (batch["status"]["phase"], batch["status"]["replicas"], batch["status"]["allocated"]))
        batch = self.wait_for(BATCH, "batchsandboxes", "batch",
                              lambda b: len(json.loads(b["metadata"]["annotations"].get(self.ENDPOINTS, "[]"))) == 2, "endpoints")
        for address in json.loads(batch["metadata"]["annotations"][self.ENDPOINTS]):
            self.assertEqual("ok", fetch("http://%s:8888/" % address)["status"])
        path = self.path(BATCH, "batchsandboxes", "batch")
        self.api.patch(path, {"spec": {"pause": True}})
        self.wait_for(BATCH, "batchsandboxes", "batch", lambda b: b["status"]["phase"] == "Paused", "the pause")
        self.assertEqual([], self.items(CORE, "pods"))
        self.api.patch(path, {"spec": {"pause": False, "replicas": 1}})
        self.wait_for(BATCH, "batchsandboxes", "batch", lambda b: b["status"]["phase"] == "Succeed", "the return")
        self.wait_for(BATCH, "batchsandboxes", "batch",
                      lambda b: len(json.loads(b["metadata"]["annotations"][self.ENDPOINTS])) == 1, "one endpoint")
        self.api.delete(path)
        wait_until(lambda: not self.items(CORE, "pods"), "the end of the Pods")

    def test_expiry(self):
        self.api.create(self.path(BATCH, "batchsandboxes"), {
            "metadata": {"name": "batch"},
            "spec": {"expireTime": in_seconds(1), "template": {"spec": {"containers": [{"name": "main", "image": "any"}]}}}})
        self.wait_for(BATCH, "batchsandboxes", "batch", lambda b: b is None, "the end")


class Dependents(ClusterTest):
    def test_what_loses_its_owner_goes_too(self):
        """Foreground: the owner waits for what it owns; orphan: what it owns stays."""
        for name, policy in (("fore", "Foreground"), ("orphan", "Orphan")):
            owner = self.api.create(self.path(EXTENSIONS, "sandboxtemplates"), template(name))
            self.api.create(self.path(CORE, "services"), {
                "metadata": {"name": name, "ownerReferences": [
                    {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name, "uid": owner["metadata"]["uid"],
                     "controller": True, "blockOwnerDeletion": True}]},
                "spec": {"clusterIP": "None", "ports": [{"port": 80}]}})
            self.api.delete(self.path(EXTENSIONS, "sandboxtemplates", name), {"propagationPolicy": policy})
            self.wait_for(EXTENSIONS, "sandboxtemplates", name, lambda t: t is None, "the end of the owner")
        self.wait_for(CORE, "services", "fore", lambda s: s is None, "the end of the dependent")
        left = self.thing(CORE, "services", "orphan")
        self.assertFalse(left["metadata"].get("ownerReferences"))


if __name__ == "__main__":
    main(__doc__, real=True)
