"""The API server goes away under load, the cluster changes meanwhile, the API server comes back."""
import asyncio
import contextlib
import json
import time

import world
from events import API
from steady import TARGET
from wire import Pool, request

CHANGES = 150  # sandboxes deleted, and as many created, while nobody can tell the gateways
HISTORY = 100  # events the stand-in keeps: less than CHANGES, so a watch must list again
LOAD_BEFORE_S, LOAD_AFTER_S = 2.0, 8.0
RIGHT_WITHIN_S = 120.0  # a back-off after a long time away is this long at most
TRIES_EVERY_S = 0.1


class Line:
    """Between the gateways and the API server; it can be cut, and then refuses, as if nobody listened."""

    def __init__(self, cluster):
        self.target, self.port = (cluster.url.hostname, cluster.url.port), world.free_port()
        self.server, self.writers = None, set()

    async def join(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)

    async def cut(self):
        self.server.close()
        for writer in list(self.writers):
            writer.transport.abort()
        while self.writers:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)

    async def serve(self, reader, writer):
        behind, before = await asyncio.open_connection(*self.target)
        self.writers |= {writer, before}
        await asyncio.gather(self.carry(reader, before), self.carry(behind, writer))

    async def carry(self, reader, writer):
        try:
            while data := await reader.read(1 << 18):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # cut
        finally:
            self.writers.discard(writer)
            writer.close()


def change(cluster):
    """What happens in the cluster while nobody can tell."""
    for number in range(CHANGES):
        cluster.delete_sandbox(f"preloaded-{number}")
        cluster.sandbox(f"returned-{number}", user="default", ips=[f"127.62.1.{number}"], pod=False)


def paths_of(body):
    return {entry["path"] for entry in json.loads(body)["sandboxes"]}


async def right_after(proxy, router, port, wanted):
    """Seconds until both tables are as the cluster is."""
    begin, pools = time.monotonic(), [Pool(proxy.address, 1), Pool(router.address, 1)]
    fields = ("X-Sandbox-Namespace: default", f"X-Sandbox-Port: {port}")
    ask = lambda name: request("GET", "/b/1", (f"X-Sandbox-ID: {name}", *fields))
    while True:
        status, body = await pools[0].ask(request("GET", "/sandboxes"))
        same = status == 200 and paths_of(body) == wanted
        gone, back = [await pools[1].ask(ask(f"{kind}-{CHANGES - 1}")) for kind in ("preloaded", "returned")]
        if same and gone[0] == 404 and back[0] == 200:
            break
        if world.seconds_since(begin) > RIGHT_WITHIN_S:
            raise world.MeasureError(f"the tables are wrong {RIGHT_WITHIN_S:g} s after the return: the list is "
                                     f"{'right' if same else 'wrong'}, deleted {gone[0]}, new {back[0]}")
        await asyncio.sleep(TRIES_EVERY_S)
    taken = world.seconds_since(begin)
    # Not by name only: each of them through the router.
    for number in range(CHANGES):
        gone, back = [await pools[1].ask(ask(f"{kind}-{number}")) for kind in ("preloaded", "returned")]
        if (gone[0], back[0]) != (404, 200):
            raise world.MeasureError(f"sandbox {number}: deleted {gone[0]}, new {back[0]}")
    for pool in pools:
        pool.close()
    return taken


async def story(cluster, port, options):
    line = Line(cluster)
    await line.join()
    server = f"--kube-server=http://127.0.0.1:{line.port}"
    with contextlib.ExitStack() as stack:
        # In a thread: the first list comes through the line, which this loop carries.
        proxy, router = [await asyncio.to_thread(stack.enter_context, world.gateway(product, cluster, port, server))
                         for product in ("proxy", "router")]
        seconds = LOAD_BEFORE_S + options.outage_seconds + LOAD_AFTER_S
        loads = [asyncio.create_task(world.paced(one, port, options.outage_rate, seconds)) for one in (proxy, router)]
        try:
            await asyncio.sleep(LOAD_BEFORE_S)
            await line.cut()
            began = time.monotonic()
            await asyncio.to_thread(change, cluster)
            await asyncio.sleep(max(0.0, options.outage_seconds - world.seconds_since(began) - 0.5))
            ready = [await asyncio.to_thread(lambda one=one: one.probe().status) for one in (proxy, router)]
            await asyncio.sleep(max(0.0, options.outage_seconds - world.seconds_since(began)))
            away_s = world.seconds_since(began)
            items = (await asyncio.to_thread(cluster.must, "GET", API))["items"]
            wanted = {"%s/%s" % (item["metadata"]["labels"]["user"], item["metadata"]["name"]) for item in items}
            await line.join()
            right_s = await right_after(proxy, router, port, wanted)
            figures = await asyncio.gather(*loads)
        finally:
            for load in loads:
                load.cancel()
            await asyncio.gather(*loads, return_exceptions=True)
            await line.cut()
    return away_s, ready, right_s, figures


def measure(figures, options):
    with world.backend() as port:
        with world.cluster(options.sandboxes, "--history", str(HISTORY), load_target=TARGET) as cluster:
            away_s, ready, right_s, loads = asyncio.run(story(cluster, port, options))
    print(f"    away {away_s:.0f} s, /readyz of proxy and router then {ready}, first failures "
          f"{[load['first_bad'] for load in loads]}", flush=True)
    bad, count = (sum(load[what] for load in loads) for what in ("bad", "requests"))
    figures.add(f"requests that failed with the API server away for {away_s:.0f} s (of {count:,})", str(bad), "0", bad == 0)
    figures.add(f"tables right after its return, {CHANGES} deleted and {CHANGES} new meanwhile", f"{right_s:.1f} s",
                "without a restart", True)
