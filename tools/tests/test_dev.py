"""./dev itself: its help, its messages and the installing of packages, with apt replaced by what a test needs."""
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERBS = ["setup", "build", "run", "test", "lint", "bench", "fuzz", "conformance"]
PRELUDE = "set -euo pipefail; export ROOT=$PWD; . tools/dev/common.sh; . tools/dev/packages.sh\n"


def dev(*words):
    return subprocess.run([ROOT / "dev", *words], capture_output=True, text=True, timeout=60)


def shell(script):
    return subprocess.run(["bash", "-c", PRELUDE + script], cwd=ROOT, capture_output=True, text=True, timeout=60)


class Help(unittest.TestCase):
    def test_every_verb_is_listed_and_has_help(self):
        listed = re.findall(r"^  ([a-z]+)  ", dev("--help").stdout, re.M)
        self.assertEqual(sorted(listed), sorted(VERBS))
        for verb in VERBS:
            shown = dev(verb, "--help")
            self.assertEqual((shown.returncode, shown.stderr), (0, ""), verb)
            self.assertIn(f"./dev {verb}", shown.stdout)

    def test_wrong_words_say_what_is_wrong(self):
        for words, message in [(["nonsense"], "no verb 'nonsense'"), (["build", "--nonsense"], "no option '--nonsense'"),
                               (["build", "nonsense"], "no preset 'nonsense'"), (["test", "-R"], "-R needs a value"),
                               (["run", "--port", "80"], "1024 to 64000"), (["fuzz", "nonsense"], "no harness"),
                               (["conformance", "nonsense"], "no suite"), (["setup", "nonsense"], "no package group")]:
            done = dev(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(message, done.stderr)


class Packages(unittest.TestCase):
    def test_every_group_has_packages_and_programs_to_look_for(self):
        done = shell('for g in $all_groups; do echo "$g:$(group_packages $g):$(group_programs $g)"; done')
        rows = [row.split(":") for row in done.stdout.splitlines()]
        self.assertIn("build", [row[0] for row in rows])
        for name, packages, programs in rows:
            self.assertTrue(packages and programs, name)
            self.assertEqual(len(packages.split()), len(set(packages.split())), name)

    def test_what_is_missing_is_found(self):
        done = shell("missing_packages bash no-such-package-here coreutils")
        self.assertEqual(done.stdout, "no-such-package-here\n")

    def test_without_root_it_prints_the_line_and_stops(self):
        done = shell("is_debian_12() { :; }; missing_packages() { echo cmake; }; id() { echo 1000; }\n"
                     "sudo() { return 1; }; apt-get() { echo CALLED; }; install_groups build; echo GOES ON")
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt-get update && apt-get install -y --no-install-recommends cmake", done.stdout)
        self.assertNotIn("GOES ON", done.stdout)
        self.assertNotIn("CALLED", done.stdout)

    def test_another_system_goes_on_when_the_programs_are_there(self):
        other = "is_debian_12() { return 1; }; apt_install() { echo CALLED; }; "
        done = shell(other + "group_programs() { echo bash; }; install_groups build; echo GOES ON")
        self.assertEqual((done.returncode, done.stdout), (0, "GOES ON\n"))
        self.assertIn("not Debian 12", done.stderr)
        done = shell(other + "group_programs() { echo bash no-such-program; }; install_groups build; echo GOES ON")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no-such-program", done.stderr)

    def test_nothing_missing_calls_no_apt(self):
        done = shell("is_debian_12() { :; }; missing_packages() { :; }; apt_install() { echo CALLED; }; install_groups test")
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_failing_apt_is_reported(self):
        done = shell("mkdir -p build/test-dev && cd build/test-dev; id() { echo 0; }; policy_file=/dev/null\n"
                     "env() { echo 'E: Unable to locate package cmake'; return 100; }; apt_install cmake; echo GOES ON")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Unable to locate package cmake", done.stderr)
        self.assertNotIn("GOES ON", done.stdout)


if __name__ == "__main__":
    unittest.main()
