"""What the watch counts: names and movement of sandgate_discovery_*, for each product."""
import contextlib
import json
import unittest

from harness.boxes import box
from harness.cluster import Cluster
from harness.gateway import Gateway
from harness.process import eventually

PREFIX = "sandgate_discovery_"
NAMES = {PREFIX + name for name in ("sandboxes", "stale_seconds", "complete", "events_total", "lists_total", "failures_total",
                                    "drift_total", "duplicates_total", "bad_objects_total")}


class Metrics(unittest.TestCase):
    def test_names_in_every_product(self):
        with Cluster() as cluster:
            for product, flags in (("router", ()), ("proxy", ()), ("ingress", ()),
                                   ("ingress", ("--provider-type=agent-sandbox",))):
                with self.subTest(product), Gateway(product, cluster, *flags) as gateway:
                    found = {name for name in gateway.metrics() if name.startswith(PREFIX)}
                    self.assertEqual(NAMES - found, set())

    def test_they_move(self):
        with Cluster() as cluster, Gateway("router", cluster, "--strict-resolution") as router:
            of = lambda name: router.metrics()[PREFIX + name]
            self.assertEqual((of("sandboxes"), of("complete"), of("stale_seconds")), (0, 1, 0))
            before = of("events_total")
            origin = box(self)
            for at in range(5):
                cluster.sandbox(f"s-{at}", ips=[origin.ip])
            eventually(lambda: of("sandboxes") == 5, "five sandboxes")
            eventually(lambda: of("events_total") - before >= 20, "four events for each: two of itself, two of its Pod")
            cluster.delete_sandbox("s-0")
            eventually(lambda: of("sandboxes") == 4, "four sandboxes")
            failures, lists = of("failures_total"), of("lists_total")
            cluster.fault("forget-history")
            cluster.fault("expire-watches")
            cluster.delete_sandbox("s-1")
            eventually(lambda: of("sandboxes") == 3 and of("lists_total") > lists, "a new list", 20)
            cluster.kill()
            eventually(lambda: of("failures_total") > failures, "a failure", 20)
            eventually(lambda: of("stale_seconds") >= 1, "staleness", 20)
            self.assertEqual((of("sandboxes"), of("complete")), (3, 1))
            self.assertEqual(router.box("s-4").status, 200)

    def test_preloaded_thousands(self):
        """The list comes in pages, or as a stream; the count is whole, the first request served."""
        with Cluster("--preload", "3000") as cluster, Gateway("proxy", cluster) as proxy:
            self.assertEqual(proxy.metrics()[PREFIX + "sandboxes"], 3000)
            answer = json.loads(proxy.get("/sandboxes").body)
            self.assertEqual((answer["count"], len(answer["sandboxes"])), (3000, 3000))
            names = [one["path"] for one in answer["sandboxes"]]
            self.assertEqual(names, sorted(names))
            self.assertEqual(json.loads(proxy.get("/health").body)["sandboxes"], 3000)

    def test_ten_thousand_sandboxes_and_a_thousand_connections_in_128_mib(self):
        """Contract path-proxy 6: what the manifest's memory request promises."""
        with (Cluster("--preload", "10000") as cluster, Gateway("proxy", cluster) as proxy,
              contextlib.ExitStack() as connections):
            origin = box(self)
            cluster.sandbox("box", ips=[origin.ip], user="ann")
            eventually(lambda: proxy.get("/ann/box/").status == 200, "the way to the sandbox")
            for _ in range(1000):
                client = connections.enter_context(proxy.connect())
                self.assertEqual(proxy.get("/ann/box/", client=client).status, 200)
            self.assertEqual(json.loads(proxy.get("/sandboxes").body)["count"], 10_001)
            self.assertLess(proxy.program.peak_memory_bytes(), 128 << 20)


if __name__ == "__main__":
    unittest.main()
