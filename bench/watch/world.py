"""The programs of a measurement: stand-in, gateway, back end, load; what they are favoured with and what they occupy."""
import asyncio
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests" / "cluster"), str(ROOT / "bench" / "yardstick")]

import build  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.gateway import Gateway  # noqa: E402

NETWORK = "127.64.0.0/10"  # the back end listens on every loopback address
LOAD_USER, LOAD_NAME = "bench-load", "target"
CHURN_USER = "bench"
LOAD_PATIENCE = 60.0


class MeasureError(Exception):
    """A figure could not be measured; the text says why."""


def prepare():
    """The helper programs, compiled when they are missing or old."""
    build.helpers()


def favour(pid):
    """Ahead of whatever else runs on this machine, as far as it may be. Threads keep their distance from each other."""
    try:
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            nice = os.getpriority(os.PRIO_PROCESS, int(thread.name))
            if nice >= 0:  # else it has been favoured, or began behind one that was
                os.setpriority(os.PRIO_PROCESS, int(thread.name), nice - 15)
        pathlib.Path(f"/proc/{pid}/autogroup").write_text("-15")
    except OSError:
        pass  # not root, or no such groups: the figures get noisier, nothing else


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def memory_kib(pid):
    """(proportional set size, resident set size)"""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return tuple(int(re.search(rf"^{what}:\s+(\d+)", rollup, re.M)[1]) for what in ("Pss", "Rss"))


@contextlib.contextmanager
def backend():
    """The port on which every loopback address answers."""
    port = free_port()
    process = subprocess.Popen([build.BIN / "backend", str(port), "0.0.0.0"])
    favour(process.pid)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def cluster(sandboxes, *flags, load_target=None):
    """A stand-in with `sandboxes` in it, and with the one that the load asks for."""
    with Cluster("--preload", str(sandboxes), "--preload-network", NETWORK, *flags) as made:
        favour(made.program.pid)
        if load_target:
            made.sandbox(LOAD_NAME, user=LOAD_USER, ips=[load_target], pod=False)
        yield made


@contextlib.contextmanager
def gateway(product, of_cluster, backend_port, *flags, workers=1):
    """`sandgate proxy` or `router` with the watch; ready. What is preloaded has no Pods, so the router goes by the status."""
    own = {"proxy": [f"--sandbox-port={backend_port}"], "router": ["--strict-resolution", "--cache-pods=false"]}[product]
    own += ["--access-log=false", "--max-keepalive-connections=256"]
    with Gateway(product, of_cluster, *own, *flags, workers=workers) as made:
        favour(made.program.pid)
        yield made


def load_request(product, backend_port):
    """(target, fields) of the load's request."""
    if product == "proxy":
        return f"/{LOAD_USER}/{LOAD_NAME}/b/100", []
    return "/b/100", [f"X-Sandbox-ID: {LOAD_NAME}", "X-Sandbox-Namespace: default", f"X-Sandbox-Port: {backend_port}"]


async def full_speed(proxy_port, connections, seconds):
    """What `sandgate proxy` does when each of the connections asks again as soon as it is answered. loadgen's figures."""
    words = [build.BIN / "loadgen", "--port", proxy_port, "--conns", connections, "--secs", seconds, "--path",
             load_request("proxy", 0)[0]]
    figures = await load_figures(words, seconds)
    if figures["errs"]:
        raise MeasureError(f"{figures['errs']} errors among {figures['req']:.0f} requests")
    return figures


async def paced(gateway, backend_port, rate, seconds, connections=32, warm_seconds=0.3):
    """The figures of paced.py."""
    target, fields = load_request(gateway.product, backend_port)
    words = [HERE / "paced.py", gateway.address[1], rate, seconds, connections, warm_seconds, target, *fields]
    return await load_figures([sys.executable, *words], seconds + warm_seconds)


async def load_figures(words, seconds):
    process = await asyncio.create_subprocess_exec(*map(str, words), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    favour(process.pid)
    try:
        out, err = await asyncio.wait_for(process.communicate(), seconds + LOAD_PATIENCE)
    except BaseException:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        raise
    if process.returncode != 0:
        raise MeasureError(f"the load ended with {process.returncode}: {err.decode()[-300:]}")
    return json.loads(out)


def seconds_since(begin):
    return time.monotonic() - begin
