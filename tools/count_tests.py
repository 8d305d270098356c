#!/usr/bin/env python3
"""Counts test cases in a folder of results and prints "N passed, N failed" as its last line.

Reads ctest.xml (ctest --output-junit, with whole outputs) and *.python.log (python3 -m unittest). A program that fails
without a failed case in its output (a crash, a time-out, a leak found at exit) counts as one failed case; so does a
skipped or disabled case, because it proves nothing. Exit status 1 when anything failed or nothing was run.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree

GTEST_RAN = re.compile(r"^\[==========\] (\d+) tests? from \d+ test suites? ran\.", re.M)
GTEST_PASSED = re.compile(r"^\[  PASSED  \] (\d+) tests?\.", re.M)
GTEST_FAILED = re.compile(r"^\[  FAILED  \] (\d+) tests?, listed below", re.M)
GTEST_SKIPPED = re.compile(r"^\[  SKIPPED \] (\d+) tests?, listed below", re.M)
GTEST_DISABLED = re.compile(r"^  YOU HAVE (\d+) DISABLED TESTS?", re.M)
PYTHON_RAN = re.compile(r"^Ran (\d+) tests? in ", re.M)
PYTHON_END = re.compile(r"^(OK|FAILED)(?: \((.*)\))?$", re.M)


def total(pattern, text):
    return sum(int(number) for number in pattern.findall(text))


def count_gtest(output):
    """(passed, failed) of the gtest runs in one output, or None when there is none."""
    ran = total(GTEST_RAN, output)
    if not GTEST_RAN.search(output):
        return None
    passed = total(GTEST_PASSED, output)
    skipped = total(GTEST_SKIPPED, output) + total(GTEST_DISABLED, output)
    failed = max(total(GTEST_FAILED, output), ran - passed - total(GTEST_SKIPPED, output))
    return passed, failed + skipped


def count_python(output):
    """(passed, failed) of one unittest run, or None when it did not come to its end."""
    ran = PYTHON_RAN.search(output)
    end = PYTHON_END.search(output, ran.end()) if ran else None
    if not end:
        return None
    words = dict(re.findall(r"([a-z ]+)=(\d+)", end.group(2) or ""))
    failed = sum(int(number) for number in words.values())  # failures, errors, skipped, unexpected successes
    return max(int(ran.group(1)) - failed, 0), failed


def count_program(output, succeeded):
    """(passed, failed) of one test program, whatever it is written with."""
    counted = count_gtest(output) or count_python(output)
    if counted is None:
        return (1, 0) if succeeded else (0, 1)
    passed, failed = counted
    if not succeeded and failed == 0:
        failed = 1
    return passed, failed


def read_ctest(path):
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        output = "".join(node.text or "" for node in case.iter("system-out"))
        yield case.get("name"), count_program(output, case.get("status") == "run")


def read_folder(folder):
    folder = pathlib.Path(folder)
    if (folder / "ctest.xml").exists():
        yield from read_ctest(folder / "ctest.xml")
    for log in sorted(folder.glob("*.python.log")):
        counted = count_python(log.read_text(errors="replace"))
        yield log.name.removesuffix(".python.log"), counted or (0, 1)


def main(arguments):
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    passed = failed = 0
    for name, (good, bad) in read_folder(arguments[0]):
        passed, failed = passed + good, failed + bad
        if bad:
            print(f"failed: {name}: {bad} of {good + bad}")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
