"""A new API server on an etcd that cannot confirm how far a watch has come (3.4, as Debian 12 has it): lists cannot be
streamed, and the gateways read pages instead."""

from harness.gateway import told
from harness.process import eventually

from gateways_test import OnTheApi


class OldEtcd(OnTheApi):
    def test_what_the_server_says(self):
        """The premise of the fall-back: were this to work, the next test would test nothing."""
        path = self.cluster.agents("default")
        status, answer = self.cluster.request("GET", path + "?watch=true&sendInitialEvents=true&resourceVersionMatch="
                                              "NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=5")
        self.assertTrue(status != 200 or answer[0]["type"] == "ERROR", (status, answer))

    def test_they_fall_back_to_pages(self):
        for number in range(20):
            self.cluster.sandbox(f"paged-{number}", ips=["10.1.1.%d" % (number + 1)], pod=False)
        one = self.program("one")
        self.cluster.sandbox("one", ips=[one.ip], user="alice")
        for product in ("router", "proxy"):
            with self.subTest(product):
                before = self.count(product)
                gateway = self.gateway(product)
                way = {"router": lambda name: gateway.box(name), "proxy": lambda name: gateway.get(f"/alice/{name}/")}[product]
                self.assertEqual(told(way("one"))["box"], "one")
                asked = self.asked(product, before)
                boxes = [entry for entry in asked if entry[1] == "sandboxes"]
                self.assertIn("sendInitialEvents=true", boxes[0][2])
                self.assertTrue(any(verb == "list" and "limit=500" in target for verb, _, target, _ in boxes), boxes)
                # A change after it comes by the watch, and the next list does not try to stream again.
                two = self.program("two")
                self.cluster.sandbox("two-" + product, ips=[two.ip], user="alice")
                eventually(lambda way=way, product=product: way("two-" + product).status == 200, "an event")
                self.cluster.delete_sandbox("two-" + product)
                eventually(lambda way=way, product=product: way("two-" + product).status == 404, "its end")
                after = [entry for entry in self.asked(product, before) if entry[1] == "sandboxes"]
                self.assertEqual(sum("sendInitialEvents" in target for _, _, target, _ in after), 1, after)
                gateway.stop()

