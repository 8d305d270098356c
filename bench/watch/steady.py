"""A steady load at half of the peak, with and without events beside it.

Half of the peak is found by the number of connections, each of which asks again as soon as it is answered: a client that
paced so many requests would need a processor for itself. A slower load beside it is paced, and counts each request from the
moment it was due, so a pause of the gateway is seen in full.

"Without" the same events happen in a second cluster, whose watch is read by `cat` and thrown away: what makes events and
sends them takes processor time as well, and that is not the gateway's.
"""
import asyncio
import contextlib
import socket
import subprocess

import world
from events import API, Events

TARGET = "127.63.0.1"
WORSE_MAX_PERCENT = 10.0
PEAK_CONNECTIONS = 64
HALF_CONNECTIONS = (1, 2, 3, 4, 6, 8)


async def beside(cluster, load, options):
    """The figures of a load, with events in `cluster` meanwhile."""
    events, stop = Events(cluster, options.events), asyncio.Event()
    await events.fill()
    background = asyncio.create_task(events.run_until(stop))
    try:
        return await load
    finally:
        stop.set()
        await background
        while events.live:
            await events.delete()
        events.close()


def half_of_peak(gateway, options):
    """(peak, connections, what they do)"""
    rps = lambda connections, seconds: asyncio.run(world.full_speed(gateway.address[1], connections, seconds))["rps"]
    peak = max(rps(PEAK_CONNECTIONS, options.peak_seconds) for _ in range(2))
    rates = {connections: rps(connections, options.peak_seconds / 2) for connections in HALF_CONNECTIONS}
    nearest = min(rates, key=lambda connections: abs(rates[connections] - peak / 2))
    print(f"    peak {peak:.0f} requests/s; by connections {({c: round(r) for c, r in rates.items()})}", flush=True)
    return peak, nearest, rates[nearest]


def compare(clusters, kinds, options):
    """{(kind, with events): best figures}; every kind and state in turn, round after round."""
    best = {}
    for number in range(options.steady_rounds):
        for with_events in (False, True) if number % 2 == 0 else (True, False):
            for kind, load in kinds.items():
                one = asyncio.run(beside(clusters[with_events], load(), options))
                print(f"    round {number + 1} {kind} {'with events' if with_events else 'without'}: p50 {one['p50_us']:.0f} "
                      f"p99 {one['p99_us']:.0f} µs", flush=True)
                key = (kind, with_events)
                best[key] = min(best.get(key, one), one, key=lambda figures: figures["p99_us"])
    return best


def of_product(product, cluster, elsewhere, port, options):
    """What compare() found, by kind of load."""
    with world.gateway(product, cluster, port) as gateway:
        async def paced():
            one = await world.paced(gateway, port, options.paced_rate, options.steady_seconds)
            if one["bad"]:
                raise world.MeasureError(f"{one['bad']} of {one['requests']} answers were not 200: {one['first_bad']}")
            return one

        kinds = {f"{product}, {options.paced_rate:,.0f} requests/s, paced": paced}
        if product == "proxy":
            peak, connections, rate = half_of_peak(gateway, options)

            async def half():
                one = await world.full_speed(gateway.address[1], connections, options.steady_seconds)
                return {**one, "p50_us": one["p50"], "p99_us": one["p99"]}

            kinds[f"{product}, {rate:,.0f} requests/s of {connections} connections (peak {peak:,.0f})"] = half
        return compare({False: elsewhere, True: cluster}, kinds, options)


@contextlib.contextmanager
def idle_watch(cluster):
    """Somebody who reads a watch of the cluster and does nothing with it."""
    version = cluster.must("GET", API + "?limit=1")["metadata"]["resourceVersion"]
    target = f"{API}?watch=true&timeoutSeconds=3600&resourceVersion={version}"
    with socket.create_connection((cluster.url.hostname, cluster.url.port), timeout=10) as line:
        line.sendall(f"GET {target} HTTP/1.1\r\nHost: bench.example\r\n\r\n".encode())
        if b" 200 " not in line.recv(64):
            raise world.MeasureError("the stand-in refused a watch")
        line.settimeout(None)
        reader = subprocess.Popen(["cat"], stdin=line.fileno(), stdout=subprocess.DEVNULL)
    world.favour(reader.pid)
    try:
        yield
        if reader.poll() is not None:
            raise world.MeasureError("the watch beside the measurement ended early")
    finally:
        reader.terminate()
        reader.wait(10)


def measure(figures, options):
    best = {}
    with world.backend() as port, world.cluster(options.sandboxes, load_target=TARGET) as cluster, \
            world.cluster(options.sandboxes) as elsewhere, idle_watch(elsewhere):
        for product in ("proxy", "router"):
            best |= of_product(product, cluster, elsewhere, port, options)
    for kind in dict.fromkeys(kind for kind, _ in best):
        calm, busy = best[kind, False]["p99_us"], best[kind, True]["p99_us"]
        change = (busy / calm - 1) * 100
        figures.add(f"{kind}: p99 with {options.events:g} events/s (without)", f"{busy:.0f} µs ({calm:.0f}), {change:+.1f} %",
                    f"< +{WORSE_MAX_PERCENT:g} %", change < WORSE_MAX_PERCENT)
