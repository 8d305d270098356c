"""The manifests of deploy/router against the contract's table, against Kubernetes' field names, and against the program."""

import copy
import functools
import os
import pathlib
import re
import subprocess
import unittest

import contract_table as contract
import kube_fields
import manifests

FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
# Options of the commands that the texts show, not of our program.
FOREIGN_FLAGS = {"--from-literal", "--ignore-not-found", "--target", "--type"}


def environment_of(deployment):
    return manifests.find(deployment, contract.ROUTER + ".env")


def sandgate_binary():
    """The program to ask: $SANDGATE_BIN, else the newest of the build folders; None when nothing is built."""
    given = os.environ.get("SANDGATE_BIN")
    if given:
        return pathlib.Path(given)
    built = list(manifests.REPOSITORY.glob("build/*/bin/sandgate"))
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


@functools.cache
def sandgate_help(binary):
    done = subprocess.run([binary, "router", "--help"], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout


class Fields(unittest.TestCase):
    def test_every_file_is_in_the_table(self):
        self.assertEqual(sorted(path.name for path in manifests.FOLDER.glob("*.y*ml")), sorted(contract.FILES))

    def test_kinds(self):
        for name, (kinds, _) in contract.FILES.items():
            with self.subTest(name):
                self.assertEqual([document["kind"] for document in manifests.load(name)], kinds)

    def test_rows(self):
        for name, (_, rows) in contract.FILES.items():
            documents = manifests.load(name)
            for section, kind, path, expected in rows:
                with self.subTest(file=name, section=section, kind=kind, path=path):
                    found = manifests.find(manifests.of_kind(documents, kind), path)
                    if expected == contract.ABSENT:
                        self.assertIs(found, manifests.MISSING)
                    else:
                        self.assertIsNot(found, manifests.MISSING, "the field is not there")
                        self.assertEqual((type(found), found), (type(expected), expected))

    def test_no_environment_beyond_the_table(self):
        for name in ("sandbox_router.yaml", "sandbox_router_token.yaml", "sandbox_router_all.yaml"):
            named = re.findall(r"env\[(\w+)\]", " ".join(row[2] for row in contract.FILES[name][1]))
            used = [item["name"] for item in environment_of(manifests.of_kind(manifests.load(name), "Deployment"))]
            self.assertEqual(sorted(used), sorted(set(named)), name)

    def test_strict_validation(self):
        for name in contract.FILES:
            for document in manifests.load(name):
                self.assertEqual(kube_fields.violations(document), [], name)

    def test_names_are_unique_in_a_file(self):
        for name in contract.FILES:
            keys = [(d["kind"], d["metadata"]["name"]) for d in manifests.load(name)]
            self.assertEqual(len(keys), len(set(keys)), name)


class Files(unittest.TestCase):
    """How the files belong together."""

    def test_all_in_one_is_the_sum_of_its_parts(self):
        whole = manifests.load("sandbox_router_all.yaml")
        parts = manifests.load("sandbox_router.yaml") + manifests.load("gateway.yaml")
        manifests.find(manifests.of_kind(parts, "Deployment"), contract.ROUTER)["image"] = "IMAGE_PLACEHOLDER"
        self.assertEqual(whole, parts)

    def test_token_file_differs_in_two_variables_only(self):
        plain = manifests.load("sandbox_router.yaml")
        token = manifests.load("sandbox_router_token.yaml")
        changed = []
        for before, after in zip(environment_of(plain[1]), environment_of(token[1]), strict=True):
            if before != after:
                changed.append(after["name"])
                before.clear()
                before.update(after)
        self.assertEqual(changed, ["ROUTER_AUTH_TOKEN", "ALLOW_UNAUTHENTICATED_ROUTER"])
        self.assertEqual(plain, token)

    def test_generic_gateway_differs_in_the_class_only(self):
        gke = manifests.load("gateway.yaml")[:2]
        gke[0]["spec"]["gatewayClassName"] = "${GATEWAY_CLASS}"
        self.assertEqual(manifests.load("gateway-generic.yaml"), gke)

    def test_everything_is_in_the_router_s_namespace(self):
        for name in contract.FILES:
            for document in manifests.load(name):
                expected = {"Gateway": "default", "ClusterRole": None, "ClusterRoleBinding": None}.get(
                    document["kind"], contract.NAMESPACE)
                self.assertEqual(document["metadata"].get("namespace"), expected, f"{name}: {document['kind']}")

    def test_selectors_find_the_pods(self):
        documents = manifests.load("sandbox_router.yaml")
        labels = manifests.find(manifests.of_kind(documents, "Deployment"), "spec.template.metadata.labels")
        selectors = {
            "Service": manifests.find(manifests.of_kind(documents, "Service"), "spec.selector"),
            "Deployment": manifests.find(manifests.of_kind(documents, "Deployment"), "spec.selector.matchLabels"),
            "pdb": manifests.find(manifests.load("pdb.yaml")[0], "spec.selector.matchLabels"),
            "policy": manifests.find(manifests.load("networkpolicy.yaml")[0], "spec.podSelector.matchLabels"),
        }
        for user, selector in selectors.items():
            self.assertTrue(selector and selector.items() <= labels.items(), f"{user}: {selector} of {labels}")

    def test_ports_that_are_named_exist(self):
        deployment = manifests.of_kind(manifests.load("sandbox_router.yaml"), "Deployment")
        ports = {port["name"]: port["containerPort"] for port in manifests.find(deployment, contract.ROUTER + ".ports")}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            port = manifests.find(deployment, f"{contract.ROUTER}.{probe}.httpGet.port")
            self.assertEqual(ports.get(port), 8081, probe)
        annotation = manifests.find(deployment, "spec.template.metadata.annotations[prometheus.io/port]")
        self.assertEqual(ports["metrics"], int(annotation))
        policy = manifests.load("networkpolicy.yaml")[0]
        admitted = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
        self.assertEqual(admitted, set(ports.values()))

    def test_time_to_stop_suffices(self):
        pod = manifests.find(manifests.of_kind(manifests.load("sandbox_router.yaml"), "Deployment"), contract.POD)
        command = manifests.find(pod, "containers[router].lifecycle.preStop.exec.command")
        self.assertEqual(command[0], "sleep")
        needed = int(command[1]) + contract.SHUTDOWN_TIMEOUT_SECONDS
        self.assertGreater(pod["terminationGracePeriodSeconds"], needed)

    def test_placeholders(self):
        for name in contract.FILES:
            text = (manifests.FOLDER / name).read_text(encoding="utf-8")
            found = re.findall(r"\$\{?\w+\}?|\w*PLACEHOLDER\w*", text)
            self.assertEqual(found, [contract.PLACEHOLDERS[name]] if name in contract.PLACEHOLDERS else [], name)

    def test_no_secret_is_shipped(self):
        for name in contract.FILES:
            for document in manifests.load(name):
                self.assertNotEqual(document["kind"], "Secret", f"{name}: a token in a file is a token everybody knows")

    def test_readme_names_every_file_and_placeholder(self):
        text = (manifests.FOLDER / "README.md").read_text(encoding="utf-8")
        for word in [*contract.FILES, *contract.PLACEHOLDERS.values()]:
            self.assertIn(word, text)
        named = set(re.findall(r"[\w-]+\.yaml", text))
        self.assertEqual(named, set(contract.FILES))


class Program(unittest.TestCase):
    """What the manifests tell the program, it must understand."""

    @staticmethod
    def used_variables():
        for name in contract.FILES:
            for document in manifests.load(name):
                if document["kind"] == "Deployment":
                    for item in environment_of(document):
                        yield name, item

    @staticmethod
    def used_flags():
        """Flags in arguments, in comments and in the folder's README."""
        for path in [*(manifests.FOLDER / name for name in contract.FILES), manifests.FOLDER / "README.md"]:
            for flag in FLAG.findall(path.read_text(encoding="utf-8")):
                if flag not in FOREIGN_FLAGS:
                    yield path.name, flag

    def test_variables_are_known_and_well_formed(self):
        check = {
            "positive number": lambda text: float(text) > 0,
            "number": lambda text: float(text) >= 0,
            "count": lambda text: text.isdecimal(),
            "positive count": lambda text: text.isdecimal() and int(text) > 0,
            "bool": lambda text: text in ("true", "false"),
            "list": lambda text: True,
            "text": lambda text: text != "",
        }
        seen = 0
        for name, item in self.used_variables():
            seen += 1
            self.assertIn(item["name"], contract.ENVIRONMENT, name)
            kind = contract.ENVIRONMENT[item["name"]]
            if kind == "secret":
                self.assertNotIn("value", item, f"{name}: a secret stands in the file")
            else:
                self.assertTrue(check[kind](item["value"]), f"{name}: {item}")
        self.assertEqual(seen, 21)

    def test_variables_named_in_comments_are_known(self):
        for name in contract.FILES:
            text = (manifests.FOLDER / name).read_text(encoding="utf-8")
            for word in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text):
                if word not in ("ROUTER_IMAGE", "IMAGE_PLACEHOLDER", "GATEWAY_CLASS"):
                    self.assertIn(word, contract.ENVIRONMENT, name)

    def test_flags_are_known(self):
        flags = list(self.used_flags())
        self.assertIn(("README.md", "--shutdown-timeout"), flags)
        for name, flag in flags:
            self.assertIn(flag, contract.FLAGS, name)

    def test_program_knows_flags_and_variables(self):
        binary = sandgate_binary()
        if binary is None:
            self.skipTest("the program is not built: build it, or name it in SANDGATE_BIN")
        text = sandgate_help(binary)
        words = set(re.findall(r"[A-Z][A-Z_]+", text))
        self.assertEqual([name for name in contract.ENVIRONMENT if name not in words], [],
                         f"{binary} router --help does not mention these variables")
        flags = set(FLAG.findall(text))
        self.assertEqual([flag for flag in contract.FLAGS if flag not in flags], [],
                         f"{binary} router --help does not mention these flags")


class TheChecksThemselves(unittest.TestCase):
    """A check that cannot fail proves nothing."""

    def setUp(self):
        self.deployment = copy.deepcopy(manifests.of_kind(manifests.load("sandbox_router.yaml"), "Deployment"))
        self.router = manifests.find(self.deployment, contract.ROUTER)

    def violations_of(self, change):
        change()
        return "\n".join(kube_fields.violations(self.deployment))

    def test_unknown_field(self):
        said = self.violations_of(lambda: self.router.update(readOnlyRootFilesystem=True))
        self.assertIn("readOnlyRootFilesystem: unknown field", said)

    def test_number_where_a_string_belongs(self):
        said = self.violations_of(lambda: self.router["env"][0].update(value=180))
        self.assertIn("env[0].value: must be a str", said)

    def test_bool_is_no_number(self):
        said = self.violations_of(lambda: self.deployment["spec"].update(replicas=True))
        self.assertIn("replicas: must be a whole number", said)

    def test_missing_field(self):
        said = self.violations_of(lambda: self.router.pop("image"))
        self.assertIn("image: required and missing", said)

    def test_label_that_is_no_string(self):
        said = self.violations_of(lambda: self.deployment["metadata"]["labels"].update(app=1))
        self.assertIn("labels[app]", said)

    def test_list_and_object_confused(self):
        said = self.violations_of(lambda: self.router.update(ports={"name": "http"}, resources=[]))
        self.assertIn("ports: must be a list", said)
        self.assertIn("resources: must be an object", said)

    def test_unknown_kind(self):
        self.assertEqual(len(kube_fields.violations({"apiVersion": "v1", "kind": "Widget"})), 1)

    def test_repeated_key(self):
        with self.assertRaisesRegex(Exception, "stands twice"):
            manifests.parse("listeners:\nlisteners:\n  - name: http\n")

    def test_empty_document(self):
        with self.assertRaises(ValueError):
            manifests.parse("kind: A\n---\n---\nkind: B\n")

    def test_find(self):
        self.assertEqual(manifests.find(self.deployment, "spec.replicas"), 2)
        for path in ("spec.nothing", contract.ROUTER + ".env[NOTHING]", contract.ROUTER + ".env[99]", "spec.replicas.x",
                     "metadata.name[0]"):
            self.assertIs(manifests.find(self.deployment, path), manifests.MISSING, path)

    def test_overriding_a_row_that_is_not_there(self):
        with self.assertRaises(ValueError):
            contract.overridden(contract.PDB_ROWS, [("0", "PodDisruptionBudget", "spec.typo", 1)])


if __name__ == "__main__":
    unittest.main()
