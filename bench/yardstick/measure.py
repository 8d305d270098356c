"""Takes one sample: runs a load against a proxy and returns its figures."""
from __future__ import annotations

import json
import re
import subprocess
import time
from dataclasses import dataclass

import bodies
import build
from loads import Load
from peers import TOKEN
from process import Proxy, cpu_seconds, memory_kib, spawn


class MeasureError(Exception):
    """A sample that must not be used; the text says why."""


@dataclass(frozen=True)
class Bench:
    """What all samples of a run share."""

    load_processor: int
    seconds: float
    warm_seconds: float


def sample(load: Load, proxy: Proxy, bench: Bench, pod_ip_header: bool = False) -> dict[str, float]:
    """One sample of a load. The figure that counts is under load.key."""
    if load.kind == "timed":
        extra = ("--podip", "1") if pod_ip_header else ()
        figures = _timed(load.args, proxy, bench, load.warm_seconds, *extra)
    elif load.kind == "idle":
        figures = _idle(load.args, proxy, bench)
    elif load.kind == "http2":
        figures = _http2(proxy, bench)
    else:
        figures = bodies.growth(proxy)
    value = figures.get(load.key)
    if value is None or (load.kind in ("timed", "http2") and value <= 0):
        raise MeasureError(f"no {load.key} in {figures}")
    return figures


def gauge(load: Load, relay: Proxy, bench: Bench) -> dict[str, float]:
    """One sample of the relay, to stand beside a sample of the load."""
    return _timed(load.gauge_args or load.args, relay, bench, None)


def _generator(args: tuple[str, ...], proxy: Proxy, *more: str) -> list[str]:
    over_tls = any(mode in args for mode in ("tls", "hs"))
    port = proxy.tls_port if over_tls else proxy.port
    return [str(build.BIN / "loadgen"), *args, "--port", str(port), "--pids", ",".join(map(str, proxy.pids())), *more]


def _timed(args: tuple[str, ...], proxy: Proxy, bench: Bench, warm: float | None, *extra: str) -> dict[str, float]:
    warm_seconds = bench.warm_seconds if warm is None else warm
    argv = _generator(args, proxy, "--secs", str(bench.seconds), "--warm", str(warm_seconds), *extra)
    process = spawn(argv, bench.load_processor, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, words = process.communicate(timeout=bench.seconds * 4 + warm_seconds + 90)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise MeasureError("the load generator does not end") from error
    if process.returncode != 0 or not out.strip():
        raise MeasureError(f"the load generator ended with {process.returncode}: {words.strip()[:400]}")
    figures = json.loads(out)
    if figures["errs"]:
        raise MeasureError(f"{figures['errs']} errors among {figures['req']} requests: {words.strip()[:400]}")
    ticks = figures["user"] + figures["sys"]
    figures["user_share"] = figures["user"] / ticks if ticks else 0.0
    return figures


def _idle(args: tuple[str, ...], proxy: Proxy, bench: Bench) -> dict[str, float]:
    before_kib = memory_kib(proxy.pids())
    process = spawn(_generator(args, proxy), bench.load_processor, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, text=True)
    try:
        figures = json.loads(process.stdout.readline() or "{}")
        time.sleep(1.0)  # what is freed lazily is freed by now
        after_kib = memory_kib(proxy.pids())
        words = process.communicate(timeout=20)[1]  # closes its stdin: it ends
    except BaseException:
        process.kill()
        process.communicate()
        raise
    wanted, reached = int(args[args.index("--conns") + 1]), figures.get("idle", 0)
    if reached != wanted or figures.get("errs"):
        raise MeasureError(f"{reached} of {wanted} connections, {figures.get('errs')} errors: {words.strip()[:400]}")
    return {**figures, "before_kib": before_kib, "memory_kib": after_kib,
            "bytes_per_conn": (after_kib - before_kib) * 1024 / reached}


def _http2(proxy: Proxy, bench: Bench) -> dict[str, float]:
    fields = {"x-sandbox-id": "sb1", "x-sandbox-namespace": "default", "x-sandbox-port": "9000", "accept": "*/*",
              "x-sandbox-pod-ip": "127.1.0.1", "user-agent": "python-httpx/0.27.0", "content-type": "application/json",
              "authorization": f"Bearer {TOKEN}", "x-request-id": "6f1c0c52-3c1f-4c0e-9a53-2c8a1de0b1aa"}
    headers = [word for name, value in fields.items() for word in ("-H", f"{name}: {value}")]

    def run(requests: int) -> str:
        argv = ["h2load", "-n", str(requests), "-c", "8", "-m", "32", *headers, f"https://127.0.0.1:{proxy.tls_port}/b/100"]
        process = spawn(argv, bench.load_processor, stdout=subprocess.PIPE, text=True)
        return process.communicate(timeout=180)[0]

    run(2000)
    count = int(20000 * max(0.5, bench.seconds))
    before, begin = cpu_seconds(proxy.pids()), time.monotonic()
    text = run(count)
    used, elapsed = cpu_seconds(proxy.pids()) - before, time.monotonic() - begin
    good = re.search(r"status codes: (\d+) 2xx", text)
    if not good or int(good[1]) != count:
        raise MeasureError(f"h2load: {text[-400:]}")
    return {"req": count, "rps": count / elapsed, "us_per_req": used / count * 1e6, "util": used / elapsed,
            "memory_kib": memory_kib(proxy.pids()), "errs": 0}
