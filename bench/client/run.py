"""What the client costs beside the published Python SDK: run.py BIN_DIR WORK_DIR FIRST_COMMAND [options]

Large files: both as whole processes, through `sandgate router` to `sandgate-runtime` on loopback, taking turns; the best of
the rounds counts, because other programs can only make a round worse. A round before them is not counted: memory that is
used for the first time costs more, whoever uses it. Beside them the same bytes go through three programs that only send, pass
on and write (bare.py): what this machine allows. First command: the time from create() to the output of
the first command, less what Kubernetes and the router took for their answers, by recorders before both.

    --rounds N   5     --mib N   1024     --creates N   20     --dir DIR   where the files lie [/dev/shm, else WORK_DIR]
    --update FILE      replaces the table between the marks "client: begin" and "client: end" of a document

Ends with "N passed, N failed": the goals of the table.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CONFORMANCE = os.path.join(HERE, os.pardir, os.pardir, "tests", "conformance")
sys.path[:0] = [os.path.join(CONFORMANCE, "client"), os.path.join(CONFORMANCE, "common")]

from programs import Programs, StartError  # noqa: E402
from report import Report  # noqa: E402
from world import Cluster  # noqa: E402

PYTHON_SIDE = os.path.join(HERE, "python_side.py")
BARE = os.path.join(HERE, "bare.py")
RSS_MAX_MIB = 32
TIMES_AS_FAST = 3.0
ADDED_MAX_MS = 5.0
BEGIN, END = "<!-- client: begin -->", "<!-- client: end -->"


class Cost:
    """One run of one process."""

    def __init__(self, command, env=None):
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        self.peak_kib = 0
        # The peak of getrusage() begins with that of the parent, which is Python; the kernel's own figure does not.
        while True:
            self.peak_kib = max(self.peak_kib, self._peak(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.005)  # allow(sleep): a figure of another process is sampled
        self.wall_s = time.monotonic() - began
        self.cpu_s = usage.ru_utime + usage.ru_stime
        self.user_s = usage.ru_utime
        process.returncode = os.waitstatus_to_exitcode(status)
        self.out, error = process.communicate()
        if process.returncode != 0:
            raise RuntimeError("%s ended with %d: %s" % (command[0], process.returncode, error.decode()[-2000:]))

    @staticmethod
    def _peak(pid):
        try:
            with open("/proc/%d/status" % pid) as status:
                return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)
        except (FileNotFoundError, ProcessLookupError):
            return 0


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def measure_files(cluster, bin_dir, folder, options):
    """{(what, who): [Cost]} for upload and download, and for the bare programs."""
    local = os.path.join(folder, "source")
    with open(local, "wb") as file:
        for _ in range(options.mib):
            file.write(os.urandom(1 << 20))
    wanted = digest(local)
    router = "http://%s:%d" % (cluster.router_host, cluster.router_port)
    ours = [os.path.join(bin_dir, "sandbox"), "--kube-server", cluster.api, "--api-url", router, "--timeout", "600", "-q"]
    python = [sys.executable, "-W", "ignore", PYTHON_SIDE, cluster.api, router]
    made = subprocess.run([*ours, "create", "pool", "--name", "bench"], capture_output=True, check=True, text=True)
    claim = made.stdout.strip()
    costs = {(what, who): [] for what in ("upload", "download") for who in ("python", "ours")}
    costs["file", "bare"] = []
    remote, back = "file", os.path.join(folder, "back")
    for number in range(options.rounds + 1):
        for who in ("python", "ours") if number % 2 == 0 else ("ours", "python"):
            up = [*ours, "cp", local, "%s:%s" % (claim, remote)] if who == "ours" else [*python, "upload", claim, local, remote]
            down = [*ours, "cp", "%s:%s" % (claim, remote), back] if who == "ours" else [*python, "download", claim, remote, back]
            for what, command in (("upload", up), ("download", down)):
                cost = Cost(command)
                if number > 0:
                    costs[what, who].append(cost)
            if digest(back) != wanted:
                raise RuntimeError("%s: the file that came back is another one" % who)
            os.unlink(back)
        cost = Cost([sys.executable, BARE, local, back])
        if number > 0:
            costs["file", "bare"].append(cost)
        os.unlink(back)
    subprocess.run([*ours, "delete", claim], check=True, capture_output=True)
    return costs


def added_ms(line, records):
    """Milliseconds of one create-and-run in which neither Kubernetes nor the router had anything to do."""
    begin, end = map(float, line.split())
    spans = sorted((r.began, r.last) for r in records if begin <= r.began <= end and r.last)
    busy, until = 0.0, begin
    for start, stop in spans:
        busy += max(0.0, min(stop, end) - max(start, until))
        until = max(until, stop)
    return (end - begin - busy) * 1000, (end - begin) * 1000


def measure_first(cluster, first_command, options):
    """{who: [(added_ms, total_ms)]}"""
    figures = {}
    for who, command in (("python", [sys.executable, "-W", "ignore", PYTHON_SIDE]), ("ours", [first_command])):
        cluster.wait_until_warm("pool")
        cluster.kube.take(), cluster.proxy.take()
        words = ["first"] if who == "python" else []
        done = subprocess.run([*command, cluster.kube.url, cluster.proxy.url, *words, str(options.creates)],
                              capture_output=True, text=True, timeout=300, check=True)
        records = cluster.kube.take() + cluster.proxy.take()
        figures[who] = [added_ms(line, records) for line in done.stdout.splitlines()]
    return figures


def best(costs, key):
    return min(getattr(cost, key) for cost in costs)


def quartile(figures):
    """What a quarter of the creates stayed below: other programs can only add to the rest."""
    return statistics.quantiles([added for added, _ in figures], n=4)[0]


def table(costs, first, options):
    lines = ["Best of %d rounds, %d MiB, %d creates; Python SDK 1.0.8 with %s. Load of the machine when it ended: %.1f on %d "
             "processors; far above their number wall times are rough." % (
                 options.rounds, options.mib, options.creates, "Python %d.%d" % sys.version_info[:2], os.getloadavg()[1],
                 os.cpu_count()), "",
        "| what | unit | Python SDK | sandgate | ratio | goal |", "|---|---|---:|---:|---:|---|"]
    for what in ("upload", "download"):
        for key, unit, goal in (("wall_s", "s", "at least 3 times as fast"), ("cpu_s", "s of processor", "")):
            python, ours = best(costs[what, "python"], key), best(costs[what, "ours"], key)
            lines.append("| %s | %s | %.2f | %.2f | %.1f | %s |" % (what, unit, python, ours, python / ours, goal))
        python, ours = (max(c.peak_kib for c in costs[what, who]) / 1024 for who in ("python", "ours"))
        lines.append("| %s | MiB at most | %.1f | %.1f | %.1f | < %d |" % (what, python, ours, python / ours, RSS_MAX_MIB))
    bare = best(costs["file", "bare"], "wall_s")
    lines.append("| the same file through three bare programs | s | | %.2f | | what this machine allows |" % bare)
    for what, figure, goal in (
            ("added from create to the first output", quartile, "< %g" % ADDED_MAX_MS),
            ("the same, median", lambda figures: statistics.median(f[0] for f in figures), ""),
            ("all from create to the first output, median", lambda figures: statistics.median(f[1] for f in figures), "")):
        python, ours = figure(first["python"]), figure(first["ours"])
        lines.append("| %s | ms | %.2f | %.2f | %.1f | %s |" % (what, python, ours, python / ours, goal))
    return lines


def judge(report, costs, first):
    for what in ("upload", "download"):
        ratio = best(costs[what, "python"], "wall_s") / best(costs[what, "ours"], "wall_s")
        name = "%s: at least %g times as fast" % (what, TIMES_AS_FAST)
        report.passed(name, "%.1f" % ratio) if ratio >= TIMES_AS_FAST else report.failed(name, "%.2f" % ratio)
        peak = max(cost.peak_kib for cost in costs[what, "ours"]) / 1024
        name = "%s: less than %d MiB" % (what, RSS_MAX_MIB)
        report.passed(name, "%.1f" % peak) if peak < RSS_MAX_MIB else report.failed(name, "%.1f" % peak)
    added = quartile(first["ours"])
    name = "create to first output: adds less than %g ms" % ADDED_MAX_MS
    report.passed(name, "%.2f" % added) if added < ADDED_MAX_MS else report.failed(name, "%.2f" % added)


def update(path, lines):
    with open(path, encoding="utf-8") as document:
        text = document.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with open(path, "w", encoding="utf-8") as document:
        document.write(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir")
    parser.add_argument("work_dir")
    parser.add_argument("first_command")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--creates", type=int, default=20)
    parser.add_argument("--dir")
    parser.add_argument("--update")
    options = parser.parse_args()
    os.makedirs(options.work_dir, exist_ok=True)
    shm = "/dev/shm"
    roomy = os.path.isdir(shm) and shutil.disk_usage(shm).free > (5 * options.mib) << 20
    base = options.dir or (shm if roomy else options.work_dir)
    report = Report()
    try:
        with tempfile.TemporaryDirectory(dir=base, prefix="sandgate-bench-") as folder:
            os.chmod(folder, 0o755)
            os.environ["TMPDIR"] = folder  # the Pods' files too
            with Programs(os.path.join(options.work_dir, "logs")) as programs:
                cluster = Cluster(programs, options.bin_dir, options.work_dir)
                cluster.wait_until_warm("pool")
                first = measure_first(cluster, options.first_command, options)
                costs = measure_files(cluster, options.bin_dir, folder, options)
                cluster.close()
    except (StartError, RuntimeError, subprocess.SubprocessError) as error:
        report.failed("measured", getattr(error, "stderr", None) or error)
        return report.close()
    lines = table(costs, first, options)
    print("\n".join(lines))
    with open(os.path.join(options.work_dir, "records.json"), "w") as out:
        json.dump({"files": {"%s %s" % key: [vars(c) | {"out": None} for c in value] for key, value in costs.items()},
                   "first": first}, out)
    if options.update:
        update(options.update, lines)
    judge(report, costs, first)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
