"""The real kube-apiserver beside the stand-in; run.sh prepares what this needs and says how to call it.

Parts: `stand-in` (the API's and the claims' tests on sandgate-devcluster), `kubernetes` (the same files on kube-apiserver,
with `sandgate-devcluster controllers` for the claims), `alike` (a test that passes on one and not on the other is a failure of
its own), `kubectl` (the commands of the manifests' pages on both), `gateways` (router, proxy and ingress with the rights of our
own manifests, by tokens of their service accounts), `client` (the `sandbox` command) and `etcd-3.4` (lists that cannot be
streamed).
"""

import argparse
import os
import shutil
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, os.pardir, os.pardir, os.pardir))
for folder in (os.path.join(HERE, os.pardir, "common"), os.path.join(ROOT, "devcluster"), os.path.join(ROOT, "tests", "cluster")):
    sys.path.insert(0, folder)

from programs import Programs, StartError  # noqa: E402
from report import Report  # noqa: E402

import places  # noqa: E402


class Lines(unittest.TestResult):
    """Prints each test as one line of the report; a skipped one counts as failed."""

    def __init__(self, report, part):
        super().__init__()
        self._report, self._part, self.good = report, part, set()
        self._bad, self.ended = [], None

    def startTest(self, test):
        super().startTest(test)
        self._bad, self._begun = [], time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        name = short(test)
        if self._bad:
            self._report.failed("%s: %s" % (self._part, name), "\n".join(self._bad))
        else:
            self.good.add(name)
            self._report.passed("%s: %s" % (self._part, name), "%.2f s" % (time.monotonic() - self._begun))

    def _note(self, test, error):
        if isinstance(error, tuple) and isinstance(error[1], SystemExit):  # a signal: unittest would just go on
            self.stop()
            self.ended = error[1]
        text = self._exc_info_to_string(error, test) if isinstance(error, tuple) else str(error)
        if hasattr(test, "_testMethodName") or hasattr(test, "test_case"):
            self._bad.append(text)
        else:  # setUpClass and its like: no test runs
            self._report.failed("%s: %s" % (self._part, test), text)

    def addError(self, test, err):
        self._note(test, err)

    def addFailure(self, test, err):
        self._note(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._note(subtest, err)

    def addSkip(self, test, reason):
        self._note(test, "skipped: " + reason)

    def addUnexpectedSuccess(self, test):
        self._note(test, "passed although it was expected to fail")


def short(test):
    """FILE.CLASS.METHOD without the folders."""
    return ".".join(test.id().split(".")[-3:])


class Run:
    """Runs named tests in parts, those that the command line selects."""

    def __init__(self, report, words):
        self._report, self._words = report, words
        self._named = {part for part in PARTS if part in words}

    def wants(self, part):
        """Whether some test of this part may run: starting what it needs costs seconds."""
        return not self._named or part in self._named

    def part(self, part, *names):
        """Loads and runs the tests `names`; gives the names of those that passed."""
        if not self.wants(part):
            return set()
        words = [word for word in self._words if word not in PARTS]
        loaded = flat(unittest.defaultTestLoader.loadTestsFromNames(names))
        chosen = unittest.TestSuite(test for test in loaded if not words or any(word in short(test) for word in words))
        result = Lines(self._report, part)
        chosen.run(result)
        if result.ended is not None:
            raise result.ended
        return result.good


def flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        elif test is not None:  # a suite forgets the tests it has run
            yield test


PARTS = ("stand-in", "kubernetes", "kubectl", "gateways", "client", "etcd-3.4")
REAL = PARTS[1:-1]
SHARED = ("conformance_api_test", "conformance_claims_test")
# All of Targets but the second address of one family, which only the stand-in lets a Pod have.
TARGETS = tuple("router_watch_test.Targets.test_" + name for name in (
    "by_name", "any_port", "by_uid", "unclaimed_pool_members_by_uid_only", "adopted_sandbox_whose_pod_has_another_name",
    "pod_ip_must_be_known", "websocket", "names_are_never_looked_up"))
GATEWAYS = ("gateways_test", *TARGETS, "router_watch_test.States", "router_watch_test.Changes",
            "path_watch_test.Routes", "path_routes_test.List", "ingress_routes_test.Batch",
            "ingress_routes_test.Agents.test_by_name_of_its_service",
            "ingress_routes_test.Agents.test_by_address_where_there_is_no_service", "ingress_routes_test.Agents.test_states")


def run_all(run, report, programs, arguments):
    good = {}
    if run.wants("stand-in"):
        places.use_stand_in()
        good["stand-in"] = run.part("stand-in", *SHARED)
    if any(run.wants(part) for part in REAL):
        began = time.monotonic()
        real = places.Real(programs, arguments.servers, os.path.join(arguments.work_dir, "kubernetes"))
        print("kube-apiserver %s on etcd %s, started in %.1f s" % (*real.versions(), time.monotonic() - began), flush=True)
        real.prepare()
        places.use_real(real)
        run.part("kubectl", "kubectl_test")
        good["kubernetes"] = run.part("kubernetes", SHARED[0])
        real.start_controllers()
        good["kubernetes"] |= run.part("kubernetes", SHARED[1])
        run.part("client", "client_test")
        real.stop_controllers()
        run.part("gateways", *GATEWAYS)
    if run.wants("stand-in") and run.wants("kubernetes"):
        for name in sorted(good["stand-in"] ^ good["kubernetes"]):
            where = "the stand-in" if name in good["stand-in"] else "kube-apiserver"
            report.failed("alike: " + name, "passes on %s alone" % where)
        if good["stand-in"] == good["kubernetes"] and good["stand-in"]:
            report.passed("alike: the same %d tests pass on both" % len(good["stand-in"]))
    if run.wants("etcd-3.4"):
        if not os.access(arguments.old_etcd, os.X_OK):
            report.failed("etcd-3.4: start", "no etcd 3.4 here: Debian's package etcd-server could not be fetched, and "
                          "OLD_ETCD names none")
            return
        old = places.Real(programs, arguments.servers, os.path.join(arguments.work_dir, "old"), arguments.old_etcd, "old")
        print("kube-apiserver %s on etcd %s" % old.versions(), flush=True)
        old.prepare()
        places.use_real(old)
        run.part("etcd-3.4", "conformance_api_test.Watches", "conformance_api_test.Lists", "old_etcd_test")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", required=True, metavar="DIR", help="where etcd, kube-apiserver and kubectl are")
    parser.add_argument("--work-dir", required=True, metavar="DIR", help="for data and logs; emptied first")
    parser.add_argument("--old-etcd", default="", metavar="FILE", help="an etcd without streaming lists")
    parser.add_argument("words", nargs="*", metavar="WORD")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.work_dir, ignore_errors=True)
    report = Report()
    try:
        with Programs(os.path.join(arguments.work_dir, "logs")) as programs:
            run_all(Run(report, arguments.words), report, programs, arguments)
    except StartError as error:
        report.failed("start", error)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
