"""A steady load at half of the peak, with and without events beside it.

Half of the peak is found by the number of connections, each of which asks again as soon as it is answered: a client that
paced so many requests would need a processor for itself. A slower load beside it is paced, and counts each request from the
moment it was due, so a pause of the gateway is seen in full.
"""
import asyncio

import world
from events import Events

TARGET = "127.63.0.1"
WORSE_MAX_PERCENT = 10.0
PEAK_CONNECTIONS = 64
HALF_CONNECTIONS = (1, 2, 3, 4, 6, 8)


async def beside(cluster, load, options, with_events):
    """The figures of a load, with events beside it or without."""
    if not with_events:
        return await load
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


def compare(cluster, kinds, options):
    """{kind: {with events: best figures}}; every kind and state in turn, round after round."""
    best = {}
    for number in range(options.steady_rounds):
        for with_events in (False, True) if number % 2 == 0 else (True, False):
            for kind, load in kinds.items():
                one = asyncio.run(beside(cluster, load(), options, with_events))
                print(f"    round {number + 1} {kind} {'with events' if with_events else 'without'}: p50 {one['p50_us']:.0f} "
                      f"p99 {one['p99_us']:.0f} µs", flush=True)
                key = (kind, with_events)
                best[key] = min(best.get(key, one), one, key=lambda figures: figures["p99_us"])
    return best


def measure(figures, options):
    with world.backend() as port, world.cluster(options.sandboxes, load_target=TARGET) as cluster, \
            world.gateway("proxy", cluster, port) as proxy, world.gateway("router", cluster, port) as router:
        peak, connections, rate = half_of_peak(proxy, options)

        async def half():
            one = await world.full_speed(proxy.address[1], connections, options.steady_seconds)
            return {**one, "p50_us": one["p50"], "p99_us": one["p99"]}

        async def paced(gateway):
            one = await world.paced(gateway, port, options.paced_rate, options.steady_seconds)
            if one["bad"]:
                raise world.MeasureError(f"{one['bad']} of {one['requests']} answers were not 200: {one['first_bad']}")
            return one

        kinds = {f"proxy, {rate:,.0f} requests/s of {connections} connections (peak {peak:,.0f})": half,
                 f"proxy, {options.paced_rate:,.0f} requests/s, paced": lambda: paced(proxy),
                 f"router, {options.paced_rate:,.0f} requests/s, paced": lambda: paced(router)}
        best = compare(cluster, kinds, options)
    for kind in kinds:
        calm, busy = best[kind, False]["p99_us"], best[kind, True]["p99_us"]
        change = (busy / calm - 1) * 100
        figures.add(f"{kind}: p99 with {options.events:g} events/s (without)", f"{busy:.0f} µs ({calm:.0f}), {change:+.1f} %",
                    f"< +{WORSE_MAX_PERCENT:g} %", change < WORSE_MAX_PERCENT)
