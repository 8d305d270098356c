"""The manifests of deploy/path-proxy against contract path-proxy, section 6, and against the program."""

import re
import subprocess
import unittest

import front_manifests
import manifests
import test_manifests

CONTAINER = "spec.template.spec.containers[proxy]"
NAMES = {"app": "sandbox-proxy"}


class PathProxy(front_manifests.CommonChecks, unittest.TestCase):
    folder = front_manifests.Folder("path-proxy", {
        "k8s/rbac.yaml": ["ServiceAccount", "ClusterRole", "ClusterRoleBinding"],
        "k8s/deployment.yaml": ["Deployment", "Service", "PodDisruptionBudget"],
        "k8s/networkpolicy.yaml": ["NetworkPolicy"],
    }, "proxy")
    app = NAMES
    rows = [
        ("ServiceAccount", "metadata.name", "sandbox-proxy"),
        ("ServiceAccount", "metadata.namespace", "default"),
        ("ClusterRole", "metadata.name", "sandbox-proxy-role"),
        ("ClusterRole", "rules",
         [{"apiGroups": ["agents.x-k8s.io"], "resources": ["sandboxes"], "verbs": ["get", "list", "watch"]}]),
        ("ClusterRoleBinding", "metadata.name", "sandbox-proxy-binding"),
        ("Deployment", "metadata.name", "sandbox-proxy"),
        ("Deployment", "metadata.namespace", "default"),
        ("Deployment", "spec.replicas", 2),
        # A selector cannot be changed later: one more label here and it could not be applied over the older Deployment.
        ("Deployment", "spec.selector", {"matchLabels": NAMES}),
        ("Deployment", CONTAINER + ".image", "gcr.io/YOUR_PROJECT_ID/sandbox-proxy:latest"),
        ("Deployment", CONTAINER + ".ports[http].containerPort", 8080),
        ("Deployment", CONTAINER + ".env[PORT].value", "8080"),
        ("Deployment", CONTAINER + ".env[SANDBOX_PORT].value", "8888"),
        ("Deployment", CONTAINER + ".livenessProbe.httpGet.path", "/health"),
        ("Deployment", CONTAINER + ".livenessProbe.initialDelaySeconds", 10),
        ("Deployment", CONTAINER + ".livenessProbe.periodSeconds", 30),
        ("Deployment", CONTAINER + ".readinessProbe.httpGet.path", "/readyz"),
        ("Deployment", CONTAINER + ".resources.requests", {"cpu": "100m", "memory": "128Mi"}),
        ("Deployment", CONTAINER + ".resources.limits", {"cpu": "200m", "memory": "256Mi"}),
        ("Deployment", CONTAINER + ".lifecycle.preStop.exec.command", ["sleep", "5"]),
        ("Service", "metadata.name", "sandbox-proxy"),
        ("Service", "metadata.namespace", "default"),
        ("Service", "spec.type", "LoadBalancer"),
        ("Service", "spec.ports", [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}]),
        ("PodDisruptionBudget", "spec.minAvailable", 1),
        ("NetworkPolicy", "spec.policyTypes", ["Ingress", "Egress"]),
    ]

    def test_the_image_alone_starts_the_proxy(self):
        container = manifests.find(self.folder.one("Deployment"), CONTAINER)
        self.assertNotIn("args", container)
        self.assertNotIn("command", container)

    def test_one_placeholder(self):
        for name in self.folder.files:
            found = [line for line in self.folder.text(name).splitlines()
                     if "YOUR_PROJECT_ID" in line and not line.lstrip().startswith("#")]
            self.assertEqual(len(found), 1 if name == "k8s/deployment.yaml" else 0, name)

    def test_time_to_stop_suffices(self):
        pod = manifests.find(self.folder.one("Deployment"), "spec.template.spec")
        needed = 5 + 30  # the pre-stop delay and the default of --shutdown-timeout
        self.assertGreater(pod["terminationGracePeriodSeconds"], needed)

    def test_program_knows_flags_and_variables(self):
        binary = test_manifests.sandgate_binary()
        if binary is None:
            self.skipTest("the program is not built: build it, or name it in SANDGATE_BIN")
        text = subprocess.run([binary, "proxy", "--help"], capture_output=True, text=True, timeout=20, check=True).stdout
        known = set(front_manifests.FLAG.findall(text))
        used = set(self.flags_in_texts())
        self.assertIn("--api-keys-file", used)
        self.assertEqual(used - known, set())
        variables = {item["name"] for item in manifests.find(self.folder.one("Deployment"), CONTAINER + ".env")}
        self.assertEqual(variables - set(re.findall(r"[A-Z][A-Z_]+", text)), set())


if __name__ == "__main__":
    unittest.main()
