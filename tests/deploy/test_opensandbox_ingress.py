"""The manifests of deploy/opensandbox-ingress against contract opensandbox-ingress, section 8, and against the program."""

import subprocess
import unittest

import front_manifests
import manifests
import test_manifests

CONTAINER = "spec.template.spec.containers[main]"
NAME = "opensandbox-ingress-gateway"
NAMESPACE = "opensandbox-system"
READ = ["get", "list", "watch"]


class OpenSandboxIngress(front_manifests.CommonChecks, unittest.TestCase):
    folder = front_manifests.Folder("opensandbox-ingress", {
        "rbac.yaml": ["ServiceAccount", "ClusterRole", "ClusterRoleBinding"],
        "ingress.yaml": ["Deployment", "Service", "PodDisruptionBudget"],
        "networkpolicy.yaml": ["NetworkPolicy"],
    }, "main")
    app = {"app.kubernetes.io/name": NAME}
    rows = [
        ("ServiceAccount", "metadata.name", NAME),
        ("ServiceAccount", "metadata.namespace", NAMESPACE),
        ("ClusterRole", "metadata.name", NAME + "-reader-full"),
        ("ClusterRole", "rules[0]", {"apiGroups": ["sandbox.opensandbox.io"],
                                     "resources": ["batchsandboxes", "batchsandboxes/status"], "verbs": READ}),
        # The chart has no rule for this provider, so there it never became ready.
        ("ClusterRole", "rules[1]", {"apiGroups": ["agents.x-k8s.io"],
                                     "resources": ["sandboxes", "sandboxes/status"], "verbs": READ}),
        ("ClusterRole", "rules[2]", {"apiGroups": [""], "resources": ["pods", "pods/status", "services"], "verbs": READ}),
        ("ClusterRoleBinding", "metadata.name", NAME + "-reader-full"),
        ("Deployment", "metadata.name", NAME),
        ("Deployment", "spec.replicas", 2),
        ("Deployment", CONTAINER + ".image", "${INGRESS_IMAGE}"),
        ("Deployment", CONTAINER + ".ports[http].containerPort", 28888),
        ("Deployment", CONTAINER + ".args",
         ["--namespace=opensandbox", "--port=28888", "--provider-type=batchsandbox", "--mode=header",
          "--log-level=info"]),
        ("Deployment", CONTAINER + ".livenessProbe",
         {"httpGet": {"path": "/status.ok", "port": "http"}, "initialDelaySeconds": 10, "periodSeconds": 15,
          "timeoutSeconds": 5}),
        ("Deployment", CONTAINER + ".readinessProbe",
         {"httpGet": {"path": "/status.ok", "port": "http"}, "initialDelaySeconds": 5, "periodSeconds": 10,
          "timeoutSeconds": 3}),
        ("Service", "metadata.name", NAME),
        ("Service", "spec.type", "ClusterIP"),
        ("Service", "spec.ports", [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 28888}]),
        ("PodDisruptionBudget", "spec.minAvailable", 1),
    ]

    def test_no_key_among_the_arguments(self):
        for argument in manifests.find(self.folder.one("Deployment"), CONTAINER + ".args"):
            self.assertNotIn("keys", argument)

    def test_one_placeholder(self):
        for name in self.folder.files:
            self.assertEqual(self.folder.text(name).count("${INGRESS_IMAGE}"), 1 if name == "ingress.yaml" else 0, name)

    def test_open_streams_have_time_to_end(self):
        pod = manifests.find(self.folder.one("Deployment"), "spec.template.spec")
        self.assertGreaterEqual(pod["terminationGracePeriodSeconds"], 600)

    def test_program_knows_the_flags(self):
        binary = test_manifests.sandgate_binary()
        if binary is None:
            self.skipTest("the program is not built: build it, or name it in SANDGATE_BIN")
        text = subprocess.run([binary, "ingress", "--help"], capture_output=True, text=True, timeout=20, check=True).stdout
        known = set(front_manifests.FLAG.findall(text))
        used = set(self.flags_in_texts())
        self.assertIn("--secure-access-keys-file", used)
        self.assertEqual(used - known, set())


if __name__ == "__main__":
    unittest.main()
