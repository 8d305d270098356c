"""Sandboxes that come and go at a steady rate: a creation with its status, a deletion, and so on."""
import asyncio
import itertools
import time
from collections import deque

import world
from harness.cluster import AGENTS
from wire import Pool, request

API = AGENTS.format(version="v1beta1", ns="default")
API_CONNECTIONS = 8
READY = {"type": "Ready", "status": "True", "reason": "DependenciesReady", "message": "",
         "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}


NUMBERS = itertools.count()  # a name is never used twice


class Events:
    """`on_ready(name, when)` and `on_gone(name, when)` are called when the API server has answered; `when` is that moment."""

    def __init__(self, cluster, rate, stock=100, on_ready=None, on_gone=None):
        self.pool = Pool((cluster.url.hostname, cluster.url.port), API_CONNECTIONS)
        self.rate, self.stock = rate, stock
        self.on_ready, self.on_gone = on_ready or (lambda *_: None), on_gone or (lambda *_: None)
        self.live = deque()
        self.done, self.late_s = 0, 0.0

    async def must(self, *words):
        status, body = await self.pool.ask(request(*words))
        if not 200 <= status < 300:
            raise world.MeasureError(f"{words[0]} {words[1]}: {status} {body[:200]!r}")

    async def create(self):
        number = next(NUMBERS)
        name, address = f"churn-{number}", f"127.{32 + (number >> 16 & 31)}.{number >> 8 & 255}.{number & 255}"
        await self.must("POST", API, (), {
            "apiVersion": "agents.x-k8s.io/v1beta1", "kind": "Sandbox",
            "metadata": {"name": name, "labels": {"user": world.CHURN_USER}},
            "spec": {"podTemplate": {"spec": {"containers": [{"name": "main", "image": "bench"}]}}}})
        await self.must("PATCH", f"{API}/{name}/status", (), {"status": {"podIPs": [address], "conditions": [READY]}})
        self.live.append(name)
        self.on_ready(name, time.monotonic())

    async def delete(self):
        name = self.live.popleft()
        await self.must("DELETE", f"{API}/{name}")
        self.on_gone(name, time.monotonic())

    async def fill(self):
        """What is there before the first deletion; nobody is told."""
        told, self.on_ready = self.on_ready, lambda *_: None
        for _ in range(self.stock):
            await self.create()
        self.on_ready = told

    async def run(self, seconds):
        """Each event begins when it is due. One that the API server keeps waiting lets the next begin."""
        begin, running = time.monotonic(), set()
        for number in range(int(seconds * self.rate)):
            due = begin + number / self.rate
            left = due - time.monotonic()
            if left > 0:
                await asyncio.sleep(left)
            self.late_s = max(self.late_s, time.monotonic() - due)
            task = asyncio.create_task(self.create() if number % 2 == 0 else self.delete())
            running.add(task)
            if len(running) > 4 * API_CONNECTIONS:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for one in [task for task in running if task.done()]:
                running.discard(one)
                one.result()  # an error ends the run
        for one in running:
            await one
        self.done += int(seconds * self.rate)

    async def run_until(self, stop):
        """As run(), until the event `stop` is set."""
        while not stop.is_set():
            await self.run(0.25)

    def close(self):
        self.pool.close()
