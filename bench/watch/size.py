"""What a sandbox occupies in the gateway, and how soon a gateway with many of them is ready."""
import asyncio
import time

import world
from events import Events

GOAL_BYTES = 2048
GOAL_LOAD_S = 5.0
SETTLE_S = 2.0  # what is freed lazily is freed by then
WORKERS = 2


async def churn(cluster, options):
    events = Events(cluster, options.events)
    await events.fill()
    await events.run(options.churn_seconds)
    while events.live:
        await events.delete()
    events.close()


def of_gateway(product, cluster, port, count, options):
    """((PSS, RSS) in KiB, the same after events, seconds to ready)"""
    begin = time.monotonic()
    with world.gateway(product, cluster, port, workers=WORKERS) as gateway:
        ready_s = world.seconds_since(begin)
        if count:
            last = f"preloaded-{count - 1}"
            answer = (gateway.get(f"/default/{last}/b/1") if product == "proxy"
                      else gateway.box(last, "/b/1", ns="default", port=port))
            if answer.status != 200:
                raise world.MeasureError(f"{product} is ready, but {last} is answered with {answer.status}")
        time.sleep(SETTLE_S)
        memory = world.memory_kib(gateway.program.pid)
        if count != options.sandboxes:
            return memory, None, ready_s
        asyncio.run(churn(cluster, options))
        time.sleep(SETTLE_S)
        return memory, world.memory_kib(gateway.program.pid), ready_s


def measure(figures, options):
    products = ("router", "proxy")
    kib, seconds = {}, {}
    with world.backend() as port:
        for count in (0, options.sandboxes, options.many):
            with world.cluster(count) as cluster:
                for number in range(options.rounds):
                    for product in products:
                        memory, later, ready_s = of_gateway(product, cluster, port, count, options)
                        print(f"    round {number + 1} {product} with {count}: PSS, RSS {memory} KiB, after events {later}, "
                              f"ready after {ready_s:.2f} s", flush=True)
                        kib.setdefault((product, count), []).append(memory)
                        if later:
                            kib.setdefault((product, "after"), []).append(later)
                        seconds.setdefault((product, count), []).append(ready_s)
    for product in products:
        before = min(kib[product, 0])
        for what, key, count in ((f"one of {options.sandboxes:,}", options.sandboxes, options.sandboxes),
                                 (f"one of {options.sandboxes:,} after events", "after", options.sandboxes),
                                 (f"one of {options.many:,}", options.many, options.many)):
            each, resident = ((min(one[i] for one in kib[product, key]) - before[i]) * 1024 / count for i in (0, 1))
            figures.add(f"{product}: memory of a sandbox, {what}, PSS (RSS)", f"{each:.0f} bytes ({resident:.0f})",
                        f"< {GOAL_BYTES:,} bytes", each < GOAL_BYTES)
    for product in products:
        best, worst = min(seconds[product, options.many]), max(seconds[product, options.many])
        figures.add(f"{product}: start to ready with {options.many:,} sandboxes (worst round)",
                    f"{best:.2f} s ({worst:.2f})", f"< {GOAL_LOAD_S:g} s", best < GOAL_LOAD_S)
