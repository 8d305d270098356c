"""How long after the API server's answer a new sandbox is routed, and a deleted one refused."""
import asyncio
import gc
import time

import world
from events import API, Events
from figures import quantile
from wire import Pool, WireError, request

PROBE_EVERY_S = 0.001
PROBE_MAX_S = 2.0  # longer: it never came, and that is a failure
PROBE_CONNECTIONS = 8
GOAL_MS = 20.0


class Probe:
    """Asks for one sandbox until the answer is the wanted one."""

    def __init__(self, product, gateway, port):
        self.product, self.port = product, port
        self.pool = Pool(gateway.address, PROBE_CONNECTIONS)
        self.times = {200: [], 404: []}
        self.lost, self.asked = [], 0

    def request(self, name):
        if self.product == "proxy":
            return request("GET", f"/{world.CHURN_USER}/{name}/b/100")
        return request("GET", "/b/100", (f"X-Sandbox-ID: {name}", "X-Sandbox-Namespace: default", f"X-Sandbox-Port: {self.port}"))

    async def watch(self, name, since, wanted):
        bytes_of_it = self.request(name)
        while True:
            began = time.monotonic()
            self.asked += 1
            try:
                status, _ = await self.pool.ask(bytes_of_it)
            except WireError as error:
                status = str(error)
            now = time.monotonic()
            if status == wanted:
                self.times[wanted].append((now - since) * 1000)
                return
            if now - since > PROBE_MAX_S:
                self.lost.append(f"{name}: {status} instead of {wanted}")
                return
            await asyncio.sleep(max(0.0, began + PROBE_EVERY_S - now))


async def sample(product, cluster, gateway, port, options):
    probe = Probe(product, gateway, port)
    tasks, seen = set(), {200: 0, 404: 0}

    def look(name, since, wanted):
        seen[wanted] += 1
        if seen[wanted] % options.sample_every == 0:
            tasks.add(asyncio.create_task(probe.watch(name, since, wanted)))

    events = Events(cluster, options.events, on_ready=lambda name, when: look(name, when, 200),
                    on_gone=lambda name, when: look(name, when, 404))
    await events.fill()
    gc.disable()  # its pauses would be taken for the gateway's
    try:
        await events.run(options.visible_seconds)
        await asyncio.gather(*tasks)
    finally:
        gc.enable()
        events.close()
        probe.pool.close()
    if probe.lost:
        raise world.MeasureError(f"{len(probe.lost)} of {len(tasks)} never came: {probe.lost[:3]}")
    if not all(probe.times.values()):
        raise world.MeasureError("no event was sampled")
    print(f"    {product}: {len(tasks)} of {events.done} events sampled by {probe.asked} requests, "
          f"an event began at most {events.late_s * 1000:.1f} ms late", flush=True)
    return probe.times


def measure(figures, options):
    best = {}
    with world.backend() as port, world.cluster(options.sandboxes) as cluster:
        for number in range(options.visible_rounds):
            for product in ("router", "proxy"):
                with world.gateway(product, cluster, port) as gateway:
                    times = asyncio.run(sample(product, cluster, gateway, port, options))
                for wanted, of_it in times.items():
                    line = (quantile(of_it, 0.99), quantile(of_it, 0.5), max(of_it), len(of_it))
                    print("    round %d %s %d: p99 %.1f p50 %.1f max %.1f ms (%d)" % (number + 1, product, wanted, *line))
                    best[product, wanted] = min(best.get((product, wanted), line), line)
                clean(cluster)
    for (product, wanted), (p99, p50, worst, count) in best.items():
        what = "a new sandbox is routed" if wanted == 200 else "a deleted sandbox is refused"
        figures.add(f"{product}: {what}, p99 (p50, max, events)", f"{p99:.1f} ms ({p50:.1f}, {worst:.1f}, {count})",
                    f"≤ {GOAL_MS:g} ms", p99 <= GOAL_MS)


def clean(cluster):
    """What the rounds left."""
    for item in cluster.must("GET", API + "?labelSelector=user%3D" + world.CHURN_USER)["items"]:
        cluster.delete_sandbox(item["metadata"]["name"])
