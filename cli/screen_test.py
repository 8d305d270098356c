#!/usr/bin/env python3
"""What people see of `sandbox`: its manual and completions know every verb and flag, the three forms of output say the same,
and long transfers and waits show that they go on, when somebody looks. Usage: screen_test.py BUILD_DIR [TEST...]"""
import json
import os
import pathlib
import pty
import re
import select
import subprocess
import time
import unittest

from cluster_test import BIN, Cluster

MANUAL = pathlib.Path(__file__).resolve().parent.parent / "docs" / "man" / "sandbox.1"


def text_of(*words):
    return subprocess.run([str(BIN / "sandbox"), *words], capture_output=True, text=True, timeout=30, check=True).stdout


def verbs():
    listed = text_of("--help").split("Subcommands:")[1]
    return re.findall(r"^  ([a-z]+)\b", listed, re.MULTILINE)


def flags(*words):
    return sorted(set(re.findall(r"^  (?:-\w,)?--([a-z-]+)", text_of(*words, "--help"), re.MULTILINE)))


def completed(*words):
    """What bash offers after these words, by the script itself."""
    script = text_of("completion", "bash") + (
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sandbox; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, timeout=30, check=True,
                          env=dict(os.environ, PATH="%s:%s" % (BIN, os.environ["PATH"])))
    return done.stdout.split()


class Documents(unittest.TestCase):
    def test_the_manual_knows_every_verb_and_flag(self):
        manual = MANUAL.read_text().replace("\\-", "-").replace("\\fR", "").replace("\\fB", "").replace("\\fI", "")
        missing = [verb for verb in verbs() if not re.search(r"\b%s\b" % verb, manual)]
        every = set(flags())
        for verb in verbs():
            every |= set(flags(verb))
        missing += ["--" + flag for flag in sorted(every - {"help"}) if "--" + flag not in manual]
        self.assertEqual(missing, [])

    def test_the_manual_is_well_formed(self):
        done = subprocess.run(["man", "--warnings", "-l", str(MANUAL)], capture_output=True, text=True, timeout=30, check=True,
                              env=dict(os.environ, MANPAGER="cat", MANWIDTH="100"))
        self.assertEqual(done.stderr, "")
        self.assertIn("SANDBOX(1)", done.stdout)

    def test_completions_know_every_verb_and_flag(self):
        for shell in ("bash", "zsh", "fish"):
            script = text_of("completion", shell)
            for word in verbs():
                self.assertRegex(script, r"\b%s\b" % word, shell)
            for flag in flags():
                self.assertRegex(script, r"(--|-l )%s\b" % flag, shell)

    def test_bash_completes(self):
        self.assertEqual(completed("sandbox", "sus"), ["suspend"])
        self.assertEqual(completed("sandbox", "--kube-s"), ["--kube-server"])
        self.assertEqual(sorted(completed("sandbox", "")), sorted(verbs()))

    def test_bash_completes_claims(self):
        cluster = Cluster(pods="none", pool=0, router=False)
        try:
            cluster.sandbox("--mode", "in-cluster", "create", "pool", "--name", "my-own")
            os.environ["KUBECONFIG"] = cluster.kubeconfig
            self.assertEqual(completed("sandbox", "delete", "my"), ["my-own"])
        finally:
            os.environ.pop("KUBECONFIG", None)
            cluster.close()


class Output(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(pool=1, router=False)
        cls.cluster.sandbox("--mode", "in-cluster", "create", "pool", "--name", "shown")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def say(self, form, *words):
        done = self.cluster.sandbox("--mode", "in-cluster", "-o", form, *words)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def test_three_forms_of_a_record(self):
        record = json.loads(self.say("json", "get", "shown"))
        self.assertEqual((record["claim"], record["status"]), ("shown", "SandboxReady"))
        yaml = dict(line.split(": ", 1) for line in self.say("yaml", "get", "shown").splitlines())
        self.assertEqual({key: value.strip('"') for key, value in yaml.items()}, record)
        heads, row = self.say("table", "get", "shown").splitlines()[:2]
        self.assertEqual(heads.split()[:2], ["CLAIM", "SANDBOX"])
        self.assertIn("SandboxReady", row)

    def test_three_forms_of_a_list(self):
        self.assertEqual(json.loads(self.say("json", "list")), [{"claim": "shown", "namespace": "default"}])
        self.assertIn("claim: ", self.say("yaml", "list"))
        self.assertEqual(self.say("table", "list").splitlines()[1].split(), ["shown", "default"])
        self.assertEqual(json.loads(self.say("json", "list", "-l", "no=such")), [])

    def test_run_in_json(self):
        said = json.loads(self.say("json", "run", "shown", "--", "sh", "-c", 'echo "a\\"b"; exit 4'))
        self.assertEqual(said, {"stdout": 'a"b\n', "stderr": "", "exit_code": 4, "timed_out": False})

    def on_terminal(self, *words):
        """What the command writes to a terminal, until it ends."""
        pid, fd = pty.fork()
        if pid == 0:
            os.environ["KUBECONFIG"] = self.cluster.kubeconfig
            os.execv(str(BIN / "sandbox"), ["sandbox", "--mode", "in-cluster", *words])
        seen, deadline = b"", time.monotonic() + 60
        while time.monotonic() < deadline:
            if select.select([fd], [], [], 1)[0]:
                try:
                    piece = os.read(fd, 65536)
                except OSError:  # its end
                    break
                if not piece:
                    break
                seen += piece
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()

    def test_progress_on_a_terminal_only(self):
        large = self.cluster.path / "large"
        with open(large, "wb") as file:
            file.truncate(512 << 20)
        status, seen = self.on_terminal("cp", str(large), "shown:large")
        self.assertEqual(status, 0, seen)
        self.assertRegex(seen, r"\[#+\.*\] .*of 512\.0 MiB, .*/s")
        status, seen = self.on_terminal("-q", "cp", str(large), "shown:large")
        self.assertEqual((status, seen), (0, ""))
        piped = self.cluster.sandbox("--mode", "in-cluster", "cp", str(large), "shown:large")
        self.assertEqual((piped.returncode, piped.stderr), (0, ""))

    def test_a_wait_shows_on_a_terminal(self):
        status, seen = self.on_terminal("create", "no-such-pool-yet", "--template", "--wait", "2s")
        self.assertNotEqual(status, 0)
        self.assertIn("no-such-pool-yet", seen)


if __name__ == "__main__":
    unittest.main(verbosity=2)
