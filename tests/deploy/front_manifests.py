"""What the manifests of the path proxy and of the OpenSandbox ingress have in common, as checks for both test files."""

import re

import kube_fields
import manifests

FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
READ_ONLY = {"get", "list", "watch"}
POD = "spec.template.spec"


class Folder:
    """The manifests of one folder under deploy/."""

    def __init__(self, name, files, container):
        self.path = manifests.REPOSITORY / "deploy" / name
        self.files = files
        self.container = f"{POD}.containers[{container}]"

    def text(self, file_name):
        return (self.path / file_name).read_text(encoding="utf-8")

    def load(self, file_name):
        return manifests.parse(self.text(file_name))

    def all_documents(self):
        for name in self.files:
            for document in self.load(name):
                yield name, document

    def one(self, kind):
        return manifests.of_kind([document for _, document in self.all_documents()], kind)


class CommonChecks:
    """Mixed into a TestCase that sets `folder`, `app` (the label that finds the pods) and `rows`."""

    def test_every_file_is_known(self):
        found = sorted(path.relative_to(self.folder.path).as_posix() for path in self.folder.path.rglob("*.y*ml"))
        self.assertEqual(found, sorted(self.folder.files))

    def test_kinds(self):
        for name, kinds in self.folder.files.items():
            self.assertEqual([document["kind"] for document in self.folder.load(name)], kinds, name)

    def test_rows(self):
        for kind, path, expected in self.rows:
            with self.subTest(kind=kind, path=path):
                found = manifests.find(self.folder.one(kind), path)
                self.assertIsNot(found, manifests.MISSING, "the field is not there")
                self.assertEqual((type(found), found), (type(expected), expected))

    def test_strict_validation(self):
        for name, document in self.folder.all_documents():
            self.assertEqual(kube_fields.violations(document), [], name)

    def test_no_secret_is_shipped(self):
        for name, document in self.folder.all_documents():
            self.assertNotEqual(document["kind"], "Secret", f"{name}: a key in a file is a key everybody knows")

    def test_only_reading(self):
        for rule in self.folder.one("ClusterRole")["rules"]:
            self.assertEqual(set(rule["verbs"]) - READ_ONLY, set(), rule)
            self.assertNotIn("*", rule["resources"] + rule["apiGroups"])
            self.assertNotIn("secrets", rule["resources"])

    def test_binding_names_role_and_account(self):
        binding = self.folder.one("ClusterRoleBinding")
        account = self.folder.one("ServiceAccount")["metadata"]
        self.assertEqual(binding["roleRef"]["name"], self.folder.one("ClusterRole")["metadata"]["name"])
        self.assertEqual(binding["subjects"],
                         [{"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}])
        pod = manifests.find(self.folder.one("Deployment"), POD)
        self.assertEqual(pod["serviceAccountName"], account["name"])
        self.assertNotEqual(pod.get("automountServiceAccountToken"), False, "the API is needed")

    def test_selectors_find_the_pods(self):
        labels = manifests.find(self.folder.one("Deployment"), "spec.template.metadata.labels")
        selectors = {
            "Service": manifests.find(self.folder.one("Service"), "spec.selector"),
            "Deployment": manifests.find(self.folder.one("Deployment"), "spec.selector.matchLabels"),
            "PodDisruptionBudget": manifests.find(self.folder.one("PodDisruptionBudget"), "spec.selector.matchLabels"),
            "NetworkPolicy": manifests.find(self.folder.one("NetworkPolicy"), "spec.podSelector.matchLabels"),
        }
        for user, selector in selectors.items():
            self.assertEqual(selector, self.app, user)
            self.assertTrue(selector.items() <= labels.items(), user)

    def test_ports_belong_together(self):
        deployment = self.folder.one("Deployment")
        ports = {port["name"]: port["containerPort"]
                 for port in manifests.find(deployment, self.folder.container + ".ports")}
        for probe in ("livenessProbe", "readinessProbe"):
            self.assertEqual(manifests.find(deployment, f"{self.folder.container}.{probe}.httpGet.port"), "http", probe)
        self.assertEqual(manifests.find(self.folder.one("Service"), "spec.ports[0].targetPort"), ports["http"])
        annotation = manifests.find(deployment, "spec.template.metadata.annotations[prometheus.io/port]")
        self.assertEqual(int(annotation), ports["metrics"])
        rules = self.folder.one("NetworkPolicy")["spec"]["ingress"]
        self.assertEqual({port["port"] for rule in rules for port in rule["ports"]}, set(ports.values()))

    def test_locked_down(self):
        pod = manifests.find(self.folder.one("Deployment"), POD)
        self.assertEqual(pod["securityContext"]["runAsNonRoot"], True)
        self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertEqual(pod["containers"][0]["securityContext"],
                         {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                          "capabilities": {"drop": ["ALL"]}})

    def test_readme_names_every_file_and_no_other(self):
        named = set(re.findall(r"[\w/-]+\.yaml", self.folder.text("README.md")))
        self.assertEqual(named, set(self.folder.files))

    def flags_in_texts(self):
        """Flags of our program in arguments, comments and the folder's README."""
        for name in [*self.folder.files, "README.md"]:
            for line in self.folder.text(name).splitlines():
                if not re.search(r"\b(docker|kubectl|openssl)\b", line):
                    yield from FLAG.findall(line)
