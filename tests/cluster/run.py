#!/usr/bin/env python3
"""Runs the cluster tests: test_*-methods of *_test.py in this folder, one file after the other or some beside each other.

Usage: run.py [--bin-dir DIR] [-j COUNT] [--slowest COUNT] [NAME...]
NAME: a file, or FILE.CLASS or FILE.CLASS.METHOD as unittest names them. Default: all files.
The last line is "N passed, N failed"; a skipped test counts as failed. Exit status 0: all passed."""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Timed(unittest.TextTestResult):
    """Prints how long each test took, for the summary."""

    def startTest(self, test):
        self.begun = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        self.stream.writeln("\n@took %.2f %s" % (time.monotonic() - self.begun, test.id()))


def run_here(name):
    """In a process of its own: one file or a part of it."""
    sys.path.insert(0, str(HERE))
    suite = unittest.defaultTestLoader.loadTestsFromName(name)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=Timed).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.skipped) + len(result.unexpectedSuccesses)
    names = {getattr(test, "test_case", test) for test, _ in result.failures + result.errors + result.skipped}
    bad = min(failed, len(names)) + len(result.unexpectedSuccesses)
    print(f"@count {max(result.testsRun - bad, 0)} {bad}")


def run_part(name, environment):
    done = subprocess.run([sys.executable, "-B", str(HERE / "run.py"), "--part", name], env=environment, capture_output=True,
                          text=True, errors="replace", timeout=600, check=False)
    return name, done.returncode, done.stdout + done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", help="folder of the programs; default: SANDGATE_BIN_DIR, else build/dev/bin")
    parser.add_argument("-j", type=int, default=2, metavar="COUNT", help="files at once (2)")
    parser.add_argument("--slowest", type=int, default=0, metavar="COUNT", help="show the slowest tests")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.part:
        run_here(arguments.part)
        return 0
    environment = dict(os.environ)
    if arguments.bin_dir:
        environment["SANDGATE_BIN_DIR"] = str(pathlib.Path(arguments.bin_dir).resolve())
    names = arguments.names or sorted(path.stem for path in HERE.glob("*_test.py"))
    passed = failed = 0
    times = []
    with concurrent.futures.ThreadPoolExecutor(max(arguments.j, 1)) as pool:
        for name, status, output in pool.map(lambda one: run_part(one, environment), names):
            counted = re.search(r"^@count (\d+) (\d+)$", output, re.M)
            good, bad = (int(counted.group(1)), int(counted.group(2))) if counted and status == 0 else (0, 1)
            passed, failed = passed + good, failed + bad
            times += [(float(took), test) for took, test in re.findall(r"^@took ([\d.]+) (\S+)$", output, re.M)]
            if bad:
                print(re.sub(r"^@.*\n|^\n", "", output, flags=re.M))
            print(f"{'FAILED' if bad else 'passed'}: {name} ({good} passed, {bad} failed)", flush=True)
    for took, test in sorted(times, reverse=True)[:arguments.slowest]:
        print(f"{took:7.2f} s  {test}")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
