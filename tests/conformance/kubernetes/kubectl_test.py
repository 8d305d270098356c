"""kubectl on a real API server and on the stand-in: the commands of our manifests' pages as they stand there, and what people
do with sandboxes by hand."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

import harness.cluster
from harness.process import eventually

from places import DEPLOY, kubectl_of, real

# Kinds of other projects that a real API server does not have here.
FOREIGN = ("gateway", "httproute", "healthcheckpolicy")


def commands(page, *sections):
    """The indented commands below these headings of a page, without those that build images or need a load balancer."""
    with open(os.path.join(DEPLOY, page), encoding="utf-8") as file:
        lines = file.read().split("\n")
    found = []
    for section in sections:
        start = lines.index("## " + section) + 1
        for line in lines[start:]:
            if line.startswith("## "):
                break
            if line.startswith("    ") and line.split()[0] not in ("docker", "curl") and "deploy/build.sh" not in line:
                found.append(line[4:])
    return "\n".join(found)


class Pages:
    """Each test runs the commands of a page in a copy of deploy/, as its reader would."""

    def run_page(self, folder, *sections, before="", drop=()):
        text = commands(folder + "/README.md", *sections)
        text = "\n".join(line for line in text.split("\n") if not any(word in line for word in drop))
        with tempfile.TemporaryDirectory(prefix="sandgate-pages-") as copy:
            shutil.copytree(DEPLOY, os.path.join(copy, "deploy"))
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", before + text], cwd=copy, capture_output=True, text=True, timeout=180,
                check=False, env={"PATH": real().servers + ":" + os.environ["PATH"], "KUBECONFIG": self.kubeconfig, "HOME": copy})
        self.assertEqual(done.returncode, 0, text + "\n" + done.stdout + done.stderr)
        return done.stdout

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def image_of(self, namespace, deployment):
        return self.get("-n", namespace, "deployment", deployment)["spec"]["template"]["spec"]["containers"][0]["image"]

    def test_path_proxy(self):
        printed = self.run_page("path-proxy", "Installing")
        self.assertRegex(printed, r"(?m)^sandbox-proxy +LoadBalancer ")
        self.assertEqual(self.image_of("default", "sandbox-proxy"), "gcr.io/your-project-id/sandbox-proxy:latest")
        project = "export PROJECT_ID=other\ncd deploy/path-proxy\n"
        self.run_page("path-proxy", "A new version", "API keys", before=project)
        self.assertEqual(self.image_of("default", "sandbox-proxy"), "gcr.io/other/sandbox-proxy:v2")
        container = self.get("deployment", "sandbox-proxy")["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(container["args"], ["--api-keys-file=/etc/sandbox-proxy/keys"])
        self.assertEqual(set(self.get("secret", "sandbox-proxy-keys")["data"]), {"keys"})
        self.run_page("path-proxy", "Removing", before=project)
        self.kubectl("get", "deployment", "sandbox-proxy", status=1)
        self.kubectl("apply", "-f", os.path.join(DEPLOY, "path-proxy/k8s"))  # others need the account
        self.kubectl("delete", "secret", "sandbox-proxy-keys")

    def test_router(self):
        image = "export SANDBOX_ROUTER_IMG=images.example/router:v3 GATEWAY_CLASS=some-class\ncd deploy/router\n"
        self.run_page("router", "Inside the cluster", before=image)
        self.assertEqual(self.image_of("agent-sandbox-system", "sandbox-router-deployment"), "images.example/router:v3")
        foreign = () if self.has_foreign_kinds else FOREIGN
        self.run_page("router", "Secured, and open to the outside", "With the watch, and with reviewed tokens", before=image,
                      drop=foreign)
        pod = self.get("-n", "agent-sandbox-system", "deployment", "sandbox-router-deployment")["spec"]["template"]["spec"]
        self.assertEqual((pod["serviceAccountName"], pod["containers"][0]["args"]), ("sandbox-router", ["--cache-enabled"]))
        self.assertEqual(set(self.get("-n", "agent-sandbox-system", "secret", "sandbox-router-auth")["data"]), {"auth-token"})
        self.run_page("router", "Coming from the older router", before=image, drop=foreign)
        for file in ("pdb.yaml", "networkpolicy.yaml", "hpa.yaml"):
            self.kubectl("apply", "-f", os.path.join(DEPLOY, "router", file))

    def test_ingress(self):
        self.run_page("opensandbox-ingress", "Installing")
        self.run_page("opensandbox-ingress", "Keys of signed routes")
        pod = self.get("-n", "opensandbox-system", "deployment", "opensandbox-ingress-gateway")["spec"]["template"]["spec"]
        self.assertIn("--secure-access-keys-file=/etc/opensandbox-ingress/keys", pod["containers"][0]["args"])
        self.kubectl("apply", "-f", os.path.join(DEPLOY, "opensandbox-ingress", "networkpolicy.yaml"))

    def test_everything_applied_twice_is_unchanged(self):
        for folder in ("crds-dev", "path-proxy/k8s"):
            self.kubectl("apply", "-f", os.path.join(DEPLOY, folder))
            for line in self.kubectl("apply", "-f", os.path.join(DEPLOY, folder)).splitlines():
                # A budget's selector is always sent again: kubectl may only replace it as a whole.
                said = "configured" if line.startswith("poddisruptionbudget") else "unchanged"
                self.assertTrue(line.endswith(" " + said), line)

    def test_sandboxes_by_hand(self):
        name = "by-hand"
        manifest = json.dumps({"apiVersion": "agents.x-k8s.io/v1beta1", "kind": "Sandbox", "metadata": {"name": name}, "spec": {
            "podTemplate": {"spec": {"automountServiceAccountToken": False, "containers": [
                {"name": "main", "image": "runtime", "ports": [{"containerPort": 8888}]}]}}}})
        self.assertEqual(self.kubectl("apply", "-f", "-", text=manifest), "sandbox.agents.x-k8s.io/by-hand created\n")
        self.assertEqual(self.kubectl("apply", "-f", "-", text=manifest), "sandbox.agents.x-k8s.io/by-hand unchanged\n")
        self.make_ready(name)
        self.kubectl("wait", "--for=condition=Ready", "--timeout=20s", "sandbox", name)
        head, row = self.kubectl("get", "sandboxes", name).splitlines()
        self.assertEqual(head.split(), ["NAME", "READY", "REASON", "IP", "AGE"])
        self.assertEqual(row.split()[:3], [name, "True", "DependenciesReady"])
        address = self.get("sandbox", name)["status"]["podIPs"][0]
        self.assertEqual(row.split()[3], address)
        self.assertIn("DependenciesReady", self.kubectl("describe", "sandbox", name))
        self.assertEqual(self.kubectl("get", "sandbox", name, "-o", "jsonpath={.status.podIPs[0]}"), address)
        self.assertEqual(self.kubectl("get", "sandbox", "-l", "a=b", "-o", "name"), "")
        self.kubectl("label", "sandbox", name, "a=b")
        self.kubectl("annotate", "sandbox", name, "sandgate.dev/port=9000")
        self.assertEqual(self.kubectl("get", "sandbox", "-l", "a=b", "-o", "name"), "sandbox.agents.x-k8s.io/by-hand\n")
        self.kubectl("patch", "sandbox", name, "--type=merge", "-p", '{"spec":{"operatingMode":"Suspended"}}')
        self.assertEqual(self.get("sandbox", name)["spec"]["operatingMode"], "Suspended")
        wrong = self.kubectl("patch", "sandbox", name, "--type=merge", "-p", '{"spec":{"operatingMode":"Flying"}}', status=1)
        self.assertIn('spec.operatingMode: Unsupported value: "Flying"', wrong)
        self.kubectl("diff", "-f", "-", text=manifest.replace("main", "other"), status=1)
        self.assertIn("created (server dry run)", self.kubectl(
            "apply", "--dry-run=server", "-f", "-", text=manifest.replace("by-hand", "not-made")))
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=manifest)
        self.kubectl("delete", "sandbox", name, "--timeout=20s")
        self.assertIn("NotFound", self.kubectl("get", "sandbox", name, status=1))

    def test_what_there_is_and_what_is_allowed(self):
        listed = self.kubectl("api-resources", "--api-group=extensions.agents.x-k8s.io", "-o", "name").split()
        self.assertEqual(listed, ["sandboxclaims.extensions.agents.x-k8s.io", "sandboxtemplates.extensions.agents.x-k8s.io",
                                  "sandboxwarmpools.extensions.agents.x-k8s.io"])
        self.assertEqual(self.kubectl("auth", "can-i", "list", "sandboxes").strip(), "yes")
        self.assertEqual(self.kubectl("get", "--raw", "/readyz"), "ok")
        self.assertIn("Server Version: v1.36.", self.kubectl("version"))

    def test_small_things_made_by_name(self):
        self.kubectl("create", "namespace", "made-by-name")
        self.kubectl("-n", "made-by-name", "create", "serviceaccount", "robot")
        self.kubectl("-n", "made-by-name", "create", "configmap", "settings", "--from-literal=a=b")
        self.assertEqual(self.get("-n", "made-by-name", "configmap", "settings")["data"], {"a": "b"})
        self.assertRegex(self.kubectl("-n", "made-by-name", "create", "token", "robot"), r"^[\w.-]+\n?$")
        self.kubectl("delete", "namespace", "made-by-name", "--wait=false")

    def test_a_watch_of_sandboxes(self):
        manifest = {"apiVersion": "agents.x-k8s.io/v1beta1", "kind": "Sandbox",
                    "metadata": {"name": "watched", "annotations": {"devcluster.sandgate.dev/static": "true"}},
                    "spec": {"podTemplate": {"spec": {"containers": [{"name": "main", "image": "runtime"}]}}}}
        watch = subprocess.Popen([os.path.join(real().servers, "kubectl"), "--kubeconfig", self.kubeconfig, "get", "sandboxes",
                                  "--watch", "-o", "name"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            # allow(sleep): kubectl says nothing when its watch stands; without this wait the list would show the object
            time.sleep(0.5)
            self.kubectl("create", "-f", "-", text=json.dumps(manifest))
            self.assertEqual(watch.stdout.readline(), "sandbox.agents.x-k8s.io/watched\n")
        finally:
            watch.kill()
            watch.wait()
            watch.stdout.close()
        self.kubectl("delete", "sandbox", "watched")


class OnKubernetes(Pages, unittest.TestCase):
    has_foreign_kinds = False

    @classmethod
    def setUpClass(cls):
        cls.kubeconfig, cls.kubectl = real().plane.kubeconfig, staticmethod(real().kubectl)

    def make_ready(self, name):
        """Without controllers here nobody else says so."""
        body = {"status": {"podIPs": ["10.1.2.3"], "conditions": [
            {"type": "Ready", "status": "True", "reason": "DependenciesReady", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}
        status, answer = real().plane.request("PATCH", "/apis/agents.x-k8s.io/v1beta1/namespaces/default/sandboxes/%s/status"
                                              % name, body, "application/merge-patch+json")
        self.assertEqual(status, 200, answer)


class OnTheStandIn(Pages, unittest.TestCase):
    has_foreign_kinds = True

    @classmethod
    def setUpClass(cls):
        cluster = harness.cluster.Cluster(controllers=True)
        cls.addClassCleanup(cluster.stop)
        cls.kubeconfig = cluster.kubeconfig
        cls.kubectl = staticmethod(kubectl_of(real().servers, cluster.kubeconfig))
        cls.kubectl("apply", "-f", os.path.join(DEPLOY, "crds-dev"))

    def make_ready(self, name):
        eventually(lambda: "podIPs" in self.get("sandbox", name).get("status", {}), "an address")
