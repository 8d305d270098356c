#!/usr/bin/env python3
"""The yardstick: measures Sandgate beside nginx, HAProxy and a bare relay, in one run on one machine.

The headline is the proxy's own processor time per unit of work; beside it stand requests per second, p50, p99 and memory.
The proxy has one worker on a processor of its own; back end and load generator share another. A sample of the relay
is taken before and after each sample, and the sample is divided by their mean: what the machine's own speed did to both
falls out. Goals are printed as met or not met; the exit status is 1 only when a measurement failed, 2 when none could
be taken.
"""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import build
import loads
import measure
import peers
import results
import system
import table
from loads import LOADS, Load
from measure import Bench, MeasureError
from peers import Peer
from process import ProcessError, Proxy, spawn, stop, wait_listening
from site_files import BACKEND_PORT, Site
from system import SetupError

QUICK = {"rounds": 2, "secs": 0.6, "warm": 0.3}
USUAL = {"rounds": 3, "secs": 1.0, "warm": 0.5}
SHOWN = ("relays", "rps", "gbps", "p50", "p99", "util")  # beside the figure that counts


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def words(text: str) -> list[str]:
        return [word for word in text.split(",") if word]

    parser.add_argument("--loads", type=words, default=loads.DEFAULT, metavar="A,B",
                        help=f"which loads; default {','.join(loads.DEFAULT)}; also {','.join(loads.LATER)}")
    parser.add_argument("--peers", type=words, default=["sandgate", "nginx", "haproxy"], metavar="A,B",
                        help="which proxies; default sandgate,nginx,haproxy; also envoy, caddy, go, pingora when installed")
    parser.add_argument("--rounds", type=int, help=f"samples of each peer under each load; default {USUAL['rounds']}")
    parser.add_argument("--secs", type=float, help=f"length of a sample's window in seconds; default {USUAL['secs']:g}")
    parser.add_argument("--quick", action="store_true", help="two short rounds, about three minutes: rough figures")
    parser.add_argument("--sandgate", type=pathlib.Path, default=build.ROOT / "build/release/bin/sandgate", metavar="PATH",
                        help="the binary to measure; default build/release/bin/sandgate")
    parser.add_argument("--peer-command", action="append", default=[], metavar="NAME=COMMAND",
                        help="one more peer; COMMAND may hold {port}, {map} (sbN ADDRESS:PORT), {namespace_map} (default/sbN …)")
    parser.add_argument("--out", type=pathlib.Path, default=build.BUILD / "records.jsonl", metavar="FILE",
                        help="where the records go, a line each; default build/bench/records.jsonl")
    options = parser.parse_args()
    if unknown := [name for name in options.loads if name not in LOADS]:
        parser.error(f"--loads: no load is named {', '.join(unknown)}; there are {', '.join(LOADS)}")
    usual = QUICK if options.quick else USUAL
    options.rounds = options.rounds or usual["rounds"]
    options.secs = options.secs or usual["secs"]
    options.warm = usual["warm"]
    if not 1 <= options.rounds <= 100:
        parser.error(f"--rounds {options.rounds}: from 1 to 100")
    if not 0.1 <= options.secs <= 60:
        parser.error(f"--secs {options.secs:g}: from 0.1 to 60")
    return options


def choose_peers(options: argparse.Namespace) -> list[Peer]:
    """The peers asked for, each with its program in place."""
    known = peers.known(options.sandgate.resolve())
    if unknown := [name for name in options.peers if name not in known]:
        raise SetupError(f"--peers: nobody is named {', '.join(unknown)}; there are {', '.join(known)}")
    if "sandgate" in options.peers and not os.access(options.sandgate, os.X_OK):
        raise SetupError(f"{options.sandgate} is not there: ./dev build, or --sandgate PATH, or leave it out of --peers")
    for name in ("nginx", "haproxy"):
        if name in options.peers:
            peers.program(name)
    if any(LOADS[name].kind == "http2" for name in options.loads):
        peers.program("h2load", package="nghttp2-client")
    return [known[name] for name in options.peers] + [peers.from_command(text) for text in options.peer_command]


class Yard:
    """One run: its processors, its folder, its open file of records."""

    def __init__(self, options: argparse.Namespace, chosen: list[Peer], folder: pathlib.Path):
        self._options, self._peers, self._folder = options, chosen, folder
        self._proxy_processor, load_processor = system.choose_processors()
        self._bench = Bench(load_processor, options.secs, options.warm)
        self._next_port = 8000
        self._failed = 0
        options.out.parent.mkdir(parents=True, exist_ok=True)
        self._out = options.out.open("w")
        self._backend = spawn([str(build.BIN / "backend"), str(BACKEND_PORT), "0.0.0.0"], load_processor)
        wait_listening(self._backend, BACKEND_PORT, "the back end")

    def close(self) -> None:
        stop(self._backend)
        self._out.close()

    def run(self) -> bool:
        """All loads. True when no sample failed."""
        self._write({"about": self._about()})
        for name in self._options.loads:
            self._run_load(LOADS[name])
        return self._failed == 0

    def _about(self) -> dict:
        busy = system.busy_share()
        if busy > 0.1:
            print(f"note: other programs use {busy:.0%} of the processors; figures will be rough", flush=True)
        versions = {peer.name: peer.version_line() for peer in self._peers}
        return {"machine": system.describe_machine(), "rounds": self._options.rounds, "seconds": self._options.secs,
                "date": time.strftime("%Y-%m-%d"), "busy": busy, "versions": versions}

    def _run_load(self, load: Load) -> None:
        print(f"\n{load.name}: {load.title}", flush=True)
        taking_part = [peer for peer in self._peers if peer.tls or not load.tls]
        live: dict[str, Proxy] = {}
        try:
            if not load.gauged and load.relay_takes_part:
                self._note(load, peers.RELAY, 0, self._measure(load, peers.RELAY_PEER, live))
            for number in range(1 if load.once else self._options.rounds):
                first = number % max(1, len(taking_part))  # nobody always goes first
                self._round(load, taking_part[first:] + taking_part[:first], number, live)
        finally:
            for proxy in live.values():
                proxy.stop()

    def _round(self, load: Load, taking_part: list[Peer], number: int, live: dict[str, Proxy]) -> None:
        """Relay, peer, relay, peer, …, relay: each peer's sample has one of the relay on both sides."""
        before = self._gauge(load, number, live) if load.gauged else None
        for peer in taking_part:
            record = self._measure(load, peer, live)
            if load.gauged:
                after = self._gauge(load, number, live)
                if before and after and "fail" not in record:
                    record["gauge"] = (before + after) / 2
                    record["relays"] = record[load.key] / record["gauge"]
                before = after
            self._note(load, peer.name, number, record)

    def _gauge(self, load: Load, number: int, live: dict[str, Proxy]) -> float | None:
        try:
            relay = live.get(peers.RELAY) or self._start(load, peers.RELAY_PEER, live)
            figures = measure.gauge(load, relay, self._bench)
        except (MeasureError, ProcessError) as error:
            self._note(load, peers.RELAY, number, {"fail": str(error)})
            return None
        if load.relay_takes_part:
            self._note(load, peers.RELAY, number, {**figures, "gauge": figures[load.key]}, quiet=True)
        return figures[load.key]

    def _measure(self, load: Load, peer: Peer, live: dict[str, Proxy]) -> dict:
        try:
            proxy = live.get(peer.name) or self._start(load, peer, live)
            return measure.sample(load, proxy, self._bench, peer.pod_ip_header)
        except (MeasureError, ProcessError, OSError, ValueError, subprocess.SubprocessError) as error:
            return {"fail": f"{type(error).__name__}: {error}"}
        finally:
            if load.fresh and peer.name in live:
                live.pop(peer.name).stop()

    def _start(self, load: Load, peer: Peer, live: dict[str, Proxy]) -> Proxy:
        port = self._next_port
        self._next_port = port + 1 if port < 8900 else 8000
        site = Site(self._folder, port, port + 2000, load.sandboxes, load.tls)
        live[peer.name] = Proxy(peer.name, peer.command(site), peer.environment, self._proxy_processor, port, port + 2000,
                                self._folder / f"{port}-{peer.name}.log")
        return live[peer.name]

    def _note(self, load: Load, peer: str, number: int, figures: dict, quiet: bool = False) -> None:
        self._failed += "fail" in figures
        self._write({"load": load.name, "peer": peer, "round": number, "load1": os.getloadavg()[0], **figures})
        if not quiet:
            print(f"  {peer:9} {self._line(load, figures)}", flush=True)

    @staticmethod
    def _line(load: Load, figures: dict) -> str:
        if "fail" in figures:
            return f"FAILED {figures['fail']}"
        hidden = ("rps", "p50", "p99") if load.key == "cpu_ms_per_gib" else ("gbps",)
        shown = [load.key, *(key for key in SHOWN if key in figures and key not in (load.key, *hidden))]
        return "  ".join(f"{key} {table.number(figures[key])}" for key in shown)

    def _write(self, record: dict) -> None:
        self._out.write(json.dumps(record) + "\n")
        self._out.flush()


def main() -> int:
    options = parse_arguments()
    lock = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    try:
        chosen = choose_peers(options)
        build.helpers()
        lock = system.lock_machine()
        if (limit := system.raise_descriptor_limit()) < system.DESCRIPTORS_NEEDED:
            print(f"note: only {limit} descriptors per process; M6m and M7 need {system.DESCRIPTORS_NEEDED}", flush=True)
        system.isolate()
        with tempfile.TemporaryDirectory(prefix="yardstick-") as folder:
            yard = Yard(options, chosen, pathlib.Path(folder))
            try:
                good = yard.run()
            finally:
                yard.close()
    except (SetupError, ProcessError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    finally:
        if lock:
            lock.close()
    run = results.read([options.out])
    print("\n" + table.page(run))
    for line in table.goals(run):
        print(line)
    for failure in run.failures:
        print(f"FAILED {failure}", file=sys.stderr)
    print(f"\nrecords: {options.out}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
