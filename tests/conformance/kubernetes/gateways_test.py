"""The gateways on a real API server, with the service accounts of our manifests: rights, streamed lists, a lost server, a
compacted history, reviewed tokens."""

import json
import unittest

from harness.boxes import box, tell
from harness.gateway import told
from harness.process import eventually

from places import ACCOUNTS, RealCluster, RealGateway, real

WATCHED = {"router": {"sandboxes", "pods"}, "proxy": {"sandboxes"}, "ingress": {"batchsandboxes"}}
FLAGS = {"router": ("--strict-resolution",), "proxy": (), "ingress": ("--mode=header",)}


class OnTheApi(unittest.TestCase):
    def setUp(self):
        self.cluster = RealCluster()
        self.addCleanup(self.cluster.stop)

    def gateway(self, product, *flags, **options):
        gateway = RealGateway(product, self.cluster, *FLAGS[product], *flags, **options)
        self.addCleanup(gateway.stop)
        return gateway

    def program(self, name):
        return box(self, lambda peer: tell(peer, name))

    def asked(self, product, since):
        """The requests of this gateway after the first `since`: (verb, resource, whole target, status)."""
        return [(entry["verb"], entry["objectRef"]["resource"], entry["requestURI"], entry["responseStatus"]["code"])
                for entry in real().plane.audited(real().account(product)[2])[since:]]

    def count(self, product):
        return len(real().plane.audited(real().account(product)[2]))


class Rights(OnTheApi):
    def allowed(self, token, verb, path):
        return real().plane.request(verb, path, token=token)[0]

    def test_each_account_reads_what_it_watches_and_no_more(self):
        everything = {"sandboxes": "/apis/agents.x-k8s.io/v1beta1/sandboxes", "pods": "/api/v1/pods",
                      "batchsandboxes": "/apis/sandbox.opensandbox.io/v1alpha1/batchsandboxes",
                      "services": "/api/v1/services", "secrets": "/api/v1/secrets", "nodes": "/api/v1/nodes",
                      "sandboxclaims": "/apis/extensions.agents.x-k8s.io/v1beta1/sandboxclaims"}
        readable = {"router": {"sandboxes", "pods"}, "proxy": {"sandboxes"},
                    "ingress": {"sandboxes", "pods", "batchsandboxes", "services"}}
        for product, names in readable.items():
            token = real().account(product)[0]
            for name, path in everything.items():
                with self.subTest(product=product, resource=name):
                    self.assertEqual(self.allowed(token, "GET", path), 200 if name in names else 403)
            self.assertEqual(self.allowed(token, "DELETE", self.cluster.agents("default", "none")), 403)

    def test_a_right_that_is_missing_is_named_and_the_rest_serves(self):
        origin = self.program("one")
        self.cluster.sandbox("one", ips=[origin.ip], user="alice", pod=False)
        proxy = self.gateway("proxy", "--watch-pods", wait="serves")
        told_by = proxy.program.wait_record(lambda record: "pods" in json.dumps(record) and "403" in json.dumps(record),
                                            within=20)
        self.assertEqual(told_by["level"], "warn")
        eventually(lambda: proxy.get("/alice/one/").status == 200, "the route by what the Sandbox's own status says")


class Lists(OnTheApi):
    def test_the_first_state_is_streamed(self):
        """One request for each resource, which is the list and the watch in one; nothing is listed beside it."""
        for number in range(20):
            self.cluster.sandbox(f"streamed-{number}", ips=["10.1.1.%d" % (number + 1)], pod=False)
        for product, resources in WATCHED.items():
            with self.subTest(product):
                before = self.count(product)
                gateway = self.gateway(product)
                eventually(lambda product=product, before=before: len(self.asked(product, before)) >= len(WATCHED[product]),
                           "the requests of the " + product)
                asked = self.asked(product, before)
                self.assertEqual({resource for _, resource, _, _ in asked}, resources)
                for verb, _, target, status in asked:
                    self.assertEqual((verb, status), ("watch", 200), target)
                    self.assertIn("sendInitialEvents=true", target)
                    self.assertIn("resourceVersionMatch=NotOlderThan", target)
                gateway.stop()

    def test_pages_where_streaming_is_switched_off(self):
        before = self.count("proxy")
        self.gateway("proxy", "--watch-streaming-list=false")
        asked = self.asked("proxy", before)
        self.assertEqual((asked[0][0], asked[0][3]), ("list", 200))
        self.assertIn("limit=500", asked[0][2])
        eventually(lambda: any(verb == "watch" for verb, _, _, _ in self.asked("proxy", before)), "the watch")


class Life(OnTheApi):
    def test_known_after_creation_gone_after_deletion(self):
        router, proxy, ingress = (self.gateway(product) for product in ("router", "proxy", "ingress"))
        one = self.program("one")
        self.cluster.sandbox("one", ips=[one.ip], user="alice")
        eventually(lambda: router.box("one").status == 200, "the route of the router")
        eventually(lambda: proxy.get("/alice/one/").status == 200, "the route of the proxy")
        self.assertEqual((told(router.box("one"))["box"], told(proxy.get("/alice/one/"))["box"]), ("one", "one"))
        self.cluster.delete_sandbox("one")
        eventually(lambda: router.box("one").status == 404, "its end in the router")
        eventually(lambda: proxy.get("/alice/one/").status == 404, "its end in the proxy")
        two = self.program("two")
        self.cluster.batch("two", endpoints=[two.ip])
        to = "OpenSandbox-Ingress-To: two-8888"
        eventually(lambda: ingress.get("/", to).status == 200, "the route of the ingress")
        self.cluster.delete_batch("two")
        eventually(lambda: ingress.get("/", to).status == 404, "its end in the ingress")


class Outage(OnTheApi):
    def back_again(self):
        """Whatever went wrong, the next test has its API server."""
        plane = real().plane
        if not plane.api.running():
            plane.api = plane.start_api(plane.port, "first-apiserver-again")

    def test_a_server_that_comes_back_with_a_compacted_history(self):
        """The server goes. Meanwhile one sandbox goes, one comes and one moves, by another server on the same etcd, which
        then forgets how. When the first is back, what the gateways ask for is too old: 410, a new list, the right table."""
        programs = {name: self.program(name) for name in ("stays", "goes", "moves", "moved", "comes")}
        for name in ("stays", "goes", "moves"):
            self.cluster.sandbox(name, ips=[programs[name].ip], user="u")
        router, proxy = self.gateway("router"), self.gateway("proxy")
        ways = (router.box, lambda name: proxy.get(f"/u/{name}/"))
        for way in ways:
            for name in ("stays", "goes", "moves"):
                eventually(lambda way=way, name=name: way(name).status == 200, "the route of " + name)
        plane = real().plane
        counts = {product: self.count(product) for product in ("router", "proxy")}
        self.addCleanup(self.back_again)
        plane.api.process.kill()
        plane.api.process.wait()
        for way in ways:  # a failing API server empties nothing
            self.assertEqual(told(way("stays"))["box"], "stays")
        second = plane.start_api(plane.other_port, "second-apiserver")
        try:
            plane.port, first = plane.other_port, plane.port
            self.cluster.delete_sandbox("goes")
            self.cluster.sandbox("comes", ips=[programs["comes"].ip], user="u")
            self.cluster.set_pod("moves", ips=[programs["moved"].ip])
            self.cluster.set_status("moves", ips=[programs["moved"].ip])
            plane.compact()
        finally:
            plane.port = first
            second.process.kill()
            second.process.wait()
        for way in ways:
            self.assertEqual(told(way("goes"))["box"], "goes")  # nobody has told them yet
        plane.api = plane.start_api(plane.port, "first-apiserver-again")
        for way in ways:
            eventually(lambda way=way: way("goes").status == 404, "the end of what went", 30)
            eventually(lambda way=way: way("comes").status == 200, "the route of what came", 30)
            self.assertEqual({name: told(way(name))["box"] for name in ("stays", "moves", "comes")},
                             {"stays": "stays", "moves": "moved", "comes": "comes"})
        for product, gateway in (("router", router), ("proxy", proxy)):
            eventually(lambda gateway=gateway: gateway.metrics()["sandgate_discovery_stale_seconds"] == 0, "fresh again")
            again = self.asked(product, counts[product])
            self.assertTrue(any("sendInitialEvents" in target for _, _, target, _ in again), again)

    def test_a_resource_version_that_etcd_has_forgotten(self):
        """What the watcher's own tests take for the answer of an API server is its answer."""
        real().plane.compact()
        status, answer = self.cluster.request("GET", self.cluster.agents("default") +
                                              "?watch=true&resourceVersion=1&timeoutSeconds=5")
        # As an event of a watch that was begun, or as a status.
        gone = answer[0]["object"] if status == 200 else answer
        self.assertEqual((gone["code"], gone["reason"]), (410, "Expired"))


class Reviews(OnTheApi):
    def test_tokens_of_service_accounts(self):
        """--authz-mode=tokenreview, with the rights of rbac-tokenreview.yaml."""
        origin = self.program("mine")
        self.cluster.sandbox("mine", ips=[origin.ip])
        router = self.gateway("router", "--authz-mode=tokenreview", "--authz-tokenreview-require-token",
                              env={"ALLOW_UNAUTHENTICATED_ROUTER": "false"})
        good = real().account("proxy")[0]
        eventually(lambda: router.box("mine", "/", "Authorization: Bearer " + good).status == 200, "the route")
        tampered = good[:-8] + ("AAAAAAAA" if good[-8:] != "AAAAAAAA" else "BBBBBBBB")
        self.assertEqual(router.box("mine", "/", "Authorization: Bearer " + tampered).status, 401)
        self.assertEqual(router.box("mine").status, 401)
        namespace, name = ACCOUNTS["proxy"]
        status, other = real().plane.request(
            "POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["somebody-else"]}})
        self.assertEqual(status, 201)
        self.assertEqual(router.box("mine", "/", "Authorization: Bearer " + other["status"]["token"]).status, 401)
