#!/usr/bin/env python3
"""What a Redis in trouble costs the requests of `sandgate ingress`: a steady load at a fixed rate, each request an intent,
with Redis well, slow, hung, stopped and full. Everything on loopback, a real redis-server.

The states take turns, round after round, in short samples: what else runs on the machine disturbs some of them. Of each state
the best p99 of all rounds counts. The last line says whether the
difference to a Redis that is well stays within the limit; exit status 0: it does.
"""
import argparse
import asyncio
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "cluster"), str(ROOT / "bench" / "yardstick")]

import build  # noqa: E402
from harness.cluster import BATCH, Cluster  # noqa: E402
from harness.gateway import Gateway  # noqa: E402
from harness.process import binary  # noqa: E402
from harness.redis import RedisServer  # noqa: E402

LIMIT_US = 1000.0  # no more than 1 ms at p99
SANDBOX_PORT = 9000
SLOW_MS = 300


class SlowRedis:
    """Between the ingress and Redis: every answer comes later."""

    def __init__(self, port, delay_ms):
        self.target, self.delay_s = port, delay_ms / 1000
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self.serve, "127.0.0.1", 0), self.loop).result()
        self.port = server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        behind, before = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(self.carry(reader, before, 0), self.carry(behind, writer, self.delay_s), return_exceptions=True)

    @staticmethod
    async def carry(reader, writer, delay_s):
        try:
            while data := await reader.read(65536):
                await asyncio.sleep(delay_s)
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def favour(pid):
    """Ahead of whatever else runs on this machine, as far as it may be."""
    try:
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), -15)
        pathlib.Path(f"/proc/{pid}/autogroup").write_text("-15")
    except OSError:
        pass  # not root, or no such groups: the figures get noisier, nothing else


def compile_load():
    build.helpers()
    target = build.BIN / "renew-load"
    source = pathlib.Path(__file__).with_name("load.cc")
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        print("compiling load", flush=True)
        subprocess.run(["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", "-o", str(target), str(source)], check=True)
    return target


class Bench:
    def __init__(self, options):
        self.options = options
        self.load = compile_load()
        self.undo = []
        self.gateways = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in reversed(self.undo):
            one()

    def keep(self, thing, end):
        self.undo.append(end)
        return thing

    def start(self):
        backend_ip = "127.77.%d.%d" % (os.getpid() >> 8 & 255, os.getpid() & 255 or 1)
        backend = subprocess.Popen([build.BIN / "backend", str(SANDBOX_PORT), backend_ip])
        self.keep(backend, lambda: (backend.terminate(), backend.wait()))
        favour(backend.pid)
        cluster = Cluster()
        self.keep(cluster, cluster.stop)
        for i in range(self.options.sandboxes):
            cluster.must("POST", BATCH.format(ns="default"), {
                "apiVersion": "sandbox.opensandbox.io/v1alpha1", "kind": "BatchSandbox",
                "metadata": {"name": f"sb{i}", "annotations": {"sandbox.opensandbox.io/endpoints": json.dumps([backend_ip])}},
                "spec": {"replicas": 1}})
            cluster.batch_status(f"sb{i}")
        well, hung = RedisServer(), RedisServer()
        full = RedisServer("--maxmemory", "1", "--maxmemory-policy", "noeviction")
        for redis in (well, hung, full):
            self.keep(redis, redis.stop)
        hung.signal(signal.SIGSTOP)
        slow = SlowRedis(well.port, SLOW_MS)
        dsns = {"off": None, "well": well.dsn(), "slow": f"redis://127.0.0.1:{slow.port}/1", "hung": hung.dsn(),
                "stopped": f"redis://127.0.0.1:{free_port()}/0", "full": full.dsn()}
        for state, dsn in dsns.items():
            flags = ["--access-log=false"]
            if dsn:
                flags += ["--renew-intent-enabled", f"--renew-intent-redis-dsn={dsn}", "--renew-intent-min-interval=0",
                          "--renew-intent-queue-max-len=10000"]
            gateway = Gateway("ingress", cluster, *flags)
            self.gateways[state] = self.keep(gateway, gateway.stop)
            favour(gateway.program.pid)

    def sample(self, state):
        gateway = self.gateways[state]
        before = gateway.metrics()
        load = subprocess.Popen([self.load, str(gateway.address[1]), str(self.options.rate), str(self.options.seconds),
                                 str(self.options.connections), str(self.options.sandboxes), "0.3"],
                                stdout=subprocess.PIPE, text=True)
        favour(load.pid)
        words, _ = load.communicate(timeout=self.options.seconds * 10 + 60)
        if load.returncode != 0:
            raise SystemExit(f"{state}: the load ended with {load.returncode}")
        figures = json.loads(words)
        if figures["bad"]:
            raise SystemExit(f"{state}: {figures['bad']} answers were not 200")
        after = gateway.metrics()
        for name in ("sent", "dropped", "failed"):
            key = f"sandgate_renew_intents_{name}_total"
            figures[name] = after.get(key, 0) - before.get(key, 0)
        return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=2000, help="requests a second (2000)")
    parser.add_argument("--seconds", type=float, default=1, help="of one sample (1)")
    parser.add_argument("--rounds", type=int, default=9, help="the states take turns so often (9)")
    parser.add_argument("--connections", type=int, default=32, help="(32)")
    parser.add_argument("--sandboxes", type=int, default=500, help="(500)")
    options = parser.parse_args()
    if not shutil.which("redis-server"):
        raise SystemExit("redis-server is missing: apt-get install redis-server")
    os.environ.setdefault("SANDGATE_BIN_DIR", str(ROOT / "build" / "release" / "bin"))
    binary("sandgate")
    samples = {}
    with Bench(options) as bench:
        bench.start()
        for round_number in range(options.rounds):
            for state in bench.gateways:
                figures = bench.sample(state)
                samples.setdefault(state, []).append(figures)
                print(f"round {round_number + 1} {state:8} {json.dumps(figures)}", flush=True)
    best = {state: min(all_of, key=lambda one: one["p99_us"]) for state, all_of in samples.items()}
    print(f"\n{options.rate:g} requests a second, each an intent, {options.sandboxes} sandboxes, {options.connections} "
          f"connections, the best of {options.rounds} rounds of {options.seconds:g} s\n")
    print("| Redis | p50 | p99 | p99 beside well | sent | dropped | failed |\n|---|---|---|---|---|---|---|")
    for state, one in best.items():
        print("| %s | %.0f µs | %.0f µs | %+.0f µs | %d | %d | %d |" % (
            state, one["p50_us"], one["p99_us"], one["p99_us"] - best["well"]["p99_us"], one["sent"], one["dropped"],
            one["failed"]))
    worst = max(one["p99_us"] - best["well"]["p99_us"] for one in best.values())
    verdict = "kept" if worst <= LIMIT_US else "EXCEEDED"
    print(f"\nworst difference at p99: {worst:+.0f} µs, limit {LIMIT_US:.0f} µs: {verdict}")
    return 0 if worst <= LIMIT_US else 1


if __name__ == "__main__":
    sys.exit(main())
