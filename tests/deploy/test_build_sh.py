"""deploy/build.sh with a docker that only writes down how it was called."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import dockerfile
import manifests

SCRIPT = manifests.REPOSITORY / "deploy" / "build.sh"
# Writes its arguments as a line of JSON; `buildx inspect NAME` fails for a builder that is not in $KNOWN_BUILDERS.
DOCKER = """#!{python}
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([os.getcwd(), *sys.argv[1:]]) + "\\n")
if sys.argv[1:3] == ["buildx", "inspect"] and "--bootstrap" not in sys.argv:
    sys.exit(sys.argv[3] not in os.environ.get("KNOWN_BUILDERS", "").split())
if sys.argv[1:3] == ["buildx", "build"]:
    sys.exit(int(os.environ.get("BUILD_STATUS", "0")))
"""
OWN = ("TARGET", "IMAGES", "TAG", "PLATFORMS", "PUSH", "VERSION", "GIT_COMMIT", "BUILD_TIME", "BUILDER")


class BuildScript(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.calls = pathlib.Path(self.folder.name, "calls")
        docker = pathlib.Path(self.folder.name, "docker")
        docker.write_text(DOCKER.format(python=sys.executable), encoding="utf-8")
        docker.chmod(0o755)

    def run_script(self, *arguments, path=None, **settings):
        environment = {name: value for name, value in os.environ.items() if name not in OWN}
        environment["PATH"] = path or f"{self.folder.name}:{os.environ['PATH']}"
        environment["CALLS"] = str(self.calls)
        done = subprocess.run([shutil.which("bash"), str(SCRIPT), *arguments], env={**environment, **settings}, cwd="/",
                              capture_output=True, text=True, timeout=60, check=False)
        lines = self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []
        return done, [json.loads(line) for line in lines]

    def build(self, **settings):
        """The words of the one `docker buildx build`."""
        done, calls = self.run_script(**settings)
        self.assertEqual(done.returncode, 0, done.stderr)
        builds = [call for call in calls if call[1:3] == ["buildx", "build"]]
        self.assertEqual(len(builds), 1)
        self.assertEqual(builds[0][0], str(manifests.REPOSITORY), "the context is not the repository")
        self.assertEqual(builds[0][-1], ".")
        return builds[0][3:-1]

    @staticmethod
    def values(words, option):
        return [words[i + 1] for i, word in enumerate(words) if word == option]

    def test_as_the_replaced_script(self):
        words = self.build(TAG="v1.0.7", VERSION="v1.0.7", GIT_COMMIT="0123abc", BUILD_TIME="2026-11-21T08:30:00Z")
        self.assertEqual(self.values(words, "--platform"), ["linux/amd64,linux/arm64"])
        self.assertEqual(self.values(words, "--tag"), ["opensandbox/ingress:v1.0.7", "opensandbox/ingress:latest"])
        self.assertEqual(self.values(words, "--target"), ["ingress"])
        self.assertEqual(self.values(words, "--file"), ["deploy/Dockerfile"])
        self.assertEqual(self.values(words, "--build-arg"),
                         ["VERSION=v1.0.7", "GIT_COMMIT=0123abc", "BUILD_TIME=2026-11-21T08:30:00Z"])
        self.assertIn("--push", words)
        self.assertNotIn("--load", words)

    def test_defaults(self):
        words = self.build()
        self.assertEqual(self.values(words, "--tag"), ["opensandbox/ingress:latest"])
        settings = dict(word.split("=", 1) for word in self.values(words, "--build-arg"))
        self.assertRegex(settings["BUILD_TIME"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertTrue(settings["VERSION"] and settings["GIT_COMMIT"], settings)

    def test_other_targets_and_names(self):
        for target in ("router", "proxy", "runtime"):
            self.calls.unlink(missing_ok=True)
            words = self.build(TARGET=target, TAG="1.2")
            self.assertEqual(self.values(words, "--target"), [target])
            self.assertEqual(self.values(words, "--tag"), [f"sandbox-{target}:1.2"])
        self.calls.unlink()
        words = self.build(IMAGES="one.example:5000/a/b, two.example/c", TAG="v2")
        self.assertEqual(self.values(words, "--tag"), ["one.example:5000/a/b:v2", "one.example:5000/a/b:latest",
                                                       "two.example/c:v2", "two.example/c:latest"])

    def test_without_a_registry(self):
        words = self.build(PUSH="false", PLATFORMS="linux/arm64")
        self.assertEqual(self.values(words, "--platform"), ["linux/arm64"])
        self.assertIn("--load", words)
        self.assertNotIn("--push", words)

    def test_the_builder_is_made_once(self):
        _, calls = self.run_script()
        self.assertIn(["buildx", "create", "--name", "sandgate-builder"], [call[1:] for call in calls])
        self.calls.unlink()
        _, calls = self.run_script(BUILDER="mine", KNOWN_BUILDERS="mine")
        self.assertFalse([call for call in calls if call[2] == "create"])
        self.assertEqual(self.values(calls[-1], "--builder"), ["mine"])
        self.assertFalse([call for call in calls if call[2] in ("rm", "use")], "another's builder was touched")

    def test_refusals_come_before_docker(self):
        for settings, word in (({"TARGET": "nginx"}, "nginx"), ({"TAG": "a b"}, "a b"), ({"TAG": "-x"}, "-x"),
                               ({"PUSH": "maybe"}, "maybe"), ({"PUSH": "false"}, "linux/amd64,linux/arm64"),
                               ({"IMAGES": "a:1"}, "a:1"), ({"IMAGES": " , "}, "IMAGES"), ({"VERSION": 'a"b'}, 'a"b')):
            done, calls = self.run_script(**settings)
            self.assertEqual((done.returncode, calls), (2, []), settings)
            self.assertIn(word, done.stderr)
        done, calls = self.run_script("v1.0.7")
        self.assertEqual((done.returncode, calls), (2, []))

    def test_failure_is_told(self):
        done, _ = self.run_script(BUILD_STATUS="3")
        self.assertEqual(done.returncode, 3)

    def test_help_names_every_setting(self):
        done, calls = self.run_script("--help")
        self.assertEqual((done.returncode, calls), (0, []))
        for name in OWN:
            self.assertRegex(done.stdout, rf"(?m)^  {name} ")

    def test_its_targets_and_arguments_are_the_dockerfiles(self):
        recipe = dockerfile.parse((manifests.REPOSITORY / "deploy" / "Dockerfile").read_text(encoding="utf-8"))
        for target in ("router", "proxy", "ingress", "runtime"):
            recipe.stage(target)
        arguments = {instruction.value.split("=")[0] for stage in recipe.stages for instruction in stage.instructions
                     if instruction.name == "ARG"}
        self.assertEqual(arguments, {"VERSION", "GIT_COMMIT", "BUILD_TIME"})


if __name__ == "__main__":
    unittest.main()
