"""The published Python SDK and our client, each doing the same steps against the same stand-in; every request is recorded.
Then completion by the shells, the client's Debian package, and foreign programs built with it.

Usage: run.py BIN_DIR WORK_DIR DRIVE [--print]
DRIVE is the program made of drive.cpp. Every difference must have a row with its reason in docs/migrate-python-client.md,
and every row must have been seen. --print shows the differences as rows. Ends with "N passed, N failed".
"""

import json
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

import completion  # noqa: E402
import package  # noqa: E402
import wire  # noqa: E402
from programs import Programs, StartError  # noqa: E402
from recorder import Recorder  # noqa: E402
from report import Report  # noqa: E402
from world import SANDBOXD_PORT, Cluster  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
DOCUMENT = os.path.join(HERE, os.pardir, os.pardir, os.pardir, "docs", "migrate-python-client.md")
HEADING = "On the wire"
LIMIT_S = 120


class Outcome:
    """What one client did: messages, and what it told of each step."""

    def __init__(self):
        self.messages = []
        self.told = {}
        self.steps = []
        self.error = ""


def drive(command, recorders):
    """Runs a driver to its end, naming its steps to the recorders."""
    outcome, names = Outcome(), {}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    killer = threading.Timer(LIMIT_S, process.kill)
    killer.start()
    try:
        for line in process.stdout:
            line = line.rstrip("\n")
            if line.startswith("step "):
                # A step is over when its client asks for the next one; until then it has made all of its requests.
                outcome.messages += take(recorders, names)
                outcome.steps.append(line[5:])
                for recorder in recorders:
                    recorder.step = line[5:]
                process.stdin.write("\n")
                process.stdin.flush()
                continue
            name, _, value = line.partition("=")
            if name.startswith("name "):
                names[value] = "<%s>" % name[5:]
            else:
                outcome.told[outcome.steps[-1], name] = value
        outcome.error = process.stderr.read()
        status = process.wait()
        outcome.messages += take(recorders, names)
        if status == 0:
            outcome.error = ""
        elif not outcome.error:
            outcome.error = "it ended with status %d" % status
    finally:
        killer.cancel()
        process.stdin.close()
        process.stdout.close()
        process.stderr.close()
    return outcome


def take(recorders, names):
    return [wire.message_of(record, names) for recorder in recorders for record in recorder.take()]


def point_pods_at(recorder, cluster):
    """Sandboxes say that their Pod is where the recorder listens, which then knows whom to pass requests on to."""
    def rewrite(record, answer):
        if record.method != "GET" or "/sandboxes/" not in record.target:
            return None
        sandbox = json.loads(answer.read())
        addresses = sandbox.get("status", {}).get("podIPs") or []
        if addresses:
            recorder.upstream = (addresses[0], SANDBOXD_PORT)
            sandbox["status"]["podIPs"] = ["127.0.0.1"]
        return json.dumps(sandbox).encode()
    cluster.kube.rewrite = rewrite


def side_by_side(cluster, mode, driver):
    """(python, ours): both outcomes of a mode."""
    recorders = [cluster.kube, cluster.proxy]
    extra = []
    if mode == "sandboxd":
        pod = Recorder(("127.0.0.1", 1))
        point_pods_at(pod, cluster)
        recorders = [cluster.kube, pod]
        extra = [str(pod.port)]
    outcomes = []
    for command in ([sys.executable, "-W", "ignore", os.path.join(HERE, "drive_python.py")], [driver]):
        cluster.wait_until_warm("sandboxd-pool" if mode == "sandboxd" else "pool")
        outcomes.append(drive([*command, cluster.kube.url, cluster.proxy.url, mode, *extra], recorders))
    cluster.kube.rewrite = None
    return outcomes


def check_mode(report, cluster, mode, driver, table, show):
    python, ours = side_by_side(cluster, mode, driver)
    for name, outcome in (("python", python), ("ours", ours)):
        if outcome.error or outcome.steps[-1:] != ["end"]:
            report.failed("%s: %s reaches the end" % (mode, name), outcome.error or "it stopped after " + str(outcome.steps))
            return
    differences = wire.compare(python.messages, ours.messages)
    for step in python.steps[:-1]:
        told = [(key[1], python.told[key], ours.told.get(key)) for key in python.told
                if key[0] == step and python.told[key] != ours.told.get(key)]
        unlisted = [d for d in differences if d.step == step and not table.covers(d)]
        if show:
            for d in unlisted:
                print("| %s | %s | %s | %s | %s | |" % (d.step, d.request, d.what, *("`%s`" % v if v != "—" else v
                                                                                    for v in (d.python, d.ours))))
        requests = sum(1 for m in ours.messages if m.step == step)
        if told or unlisted:
            report.failed("%s: %s" % (mode, step), "; ".join(
                ["result %s: python %r, ours %r" % t for t in told] +
                ["%s %s: python %r, ours %r" % d[1:] for d in unlisted]))
        else:
            report.passed("%s: %s" % (mode, step), "%d requests" % requests)


def check_package(report, bin_dir, work_dir):
    try:
        made = package.Package(os.path.dirname(bin_dir), work_dir)
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        report.failed("package: made by cpack", error)
        return
    for name, check in package.CHECKS:
        try:
            check(made)
            report.passed("package: " + name)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            report.failed("package: " + name, error)


def main(arguments):
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    bin_dir, work_dir, driver = arguments[:3]
    os.makedirs(work_dir, exist_ok=True)
    report = Report()
    table = wire.Table(DOCUMENT, HEADING)
    try:
        with Programs(os.path.join(work_dir, "logs")) as programs:
            cluster = Cluster(programs, bin_dir, work_dir)
            for mode in ("router", "sandboxd"):
                check_mode(report, cluster, mode, driver, table, "--print" in arguments)
            left = cluster.claims()
            report.passed("no claim is left") if not left else report.failed("no claim is left", left)
            cluster.post("sandboxclaims", "SandboxClaim", completion.CLAIM, {"warmPoolRef": {"name": "pool"}})
            completion.check(report, bin_dir, work_dir, cluster.kubeconfig)
            cluster.close()
    except StartError as error:
        report.failed("start", error)
    check_package(report, bin_dir, work_dir)
    for name, rows in (("every row has been seen", table.stale()), ("every row has a reason", table.without_reason())):
        report.failed(name, rows) if rows else report.passed(name, "%d rows" % len(table.rows))
    return report.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
