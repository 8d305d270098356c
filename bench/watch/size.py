"""What a sandbox occupies in the gateway, and how soon a gateway with many of them is ready."""
import time

import world

GOAL_BYTES = 2048
GOAL_LOAD_S = 5.0
SETTLE_S = 2.0  # what is freed lazily is freed by then
WORKERS = 2


def of_gateway(product, cluster, port, count):
    """(PSS in KiB, RSS in KiB, seconds to ready)"""
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
        pss, rss = world.memory_kib(gateway.program.pid)
    return pss, rss, ready_s


def measure(figures, options):
    products = ("router", "proxy")
    kib, seconds = {}, {}
    with world.backend() as port:
        for count in (0, options.sandboxes, options.many):
            with world.cluster(count) as cluster:
                for number in range(options.rounds):
                    for product in products:
                        pss, rss, ready_s = of_gateway(product, cluster, port, count)
                        print(f"    round {number + 1} {product} with {count}: PSS {pss} KiB, RSS {rss} KiB, ready after "
                              f"{ready_s:.2f} s", flush=True)
                        kib.setdefault((product, count), []).append((pss, rss))
                        seconds.setdefault((product, count), []).append(ready_s)
    for product in products:
        before = min(kib[product, 0])
        for count in (options.sandboxes, options.many):
            each, resident = ((min(one[i] for one in kib[product, count]) - before[i]) * 1024 / count for i in (0, 1))
            figures.add(f"{product}: memory of a sandbox, one of {count:,}, PSS (RSS)", f"{each:.0f} bytes ({resident:.0f})",
                        f"< {GOAL_BYTES:,} bytes", each < GOAL_BYTES)
    for product in products:
        best, worst = min(seconds[product, options.many]), max(seconds[product, options.many])
        figures.add(f"{product}: start to ready with {options.many:,} sandboxes (worst round)",
                    f"{best:.2f} s ({worst:.2f})", f"< {GOAL_LOAD_S:g} s", best < GOAL_LOAD_S)
