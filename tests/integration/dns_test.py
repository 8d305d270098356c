"""Contract 1.3 where DNS is used: which answer counts, for how long, and what is never dialled."""
import time
import unittest

from support.dns import A, AAAA, CNAME, DnsServer
from support.origin import Origin
from support.router import Router, RouterCase

CONNECT = "Could not connect to the backend sandbox: box"
NAME = "box.default.svc.cluster.local"


def ask_for(name, port, *fields):
    lines = ["GET / HTTP/1.1", "Host: h", f"X-Sandbox-ID: {name}", f"X-Sandbox-Port: {port}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class DnsCase(RouterCase):
    """A DNS server of its own for each test, a router with `flags` in front of it for the class."""

    extra = ()
    allow_loopback = True

    @classmethod
    def setUpClass(cls):
        cls.dns = DnsServer()
        cls.router = Router("--dns-server=" + cls.dns.address, "--upstream-max-retries=0", *cls.extra, sandboxes=None,
                            loopback=cls.allow_loopback)

    @classmethod
    def tearDownClass(cls):
        try:
            cls.router.stop()
        finally:
            cls.dns.close()

    def get(self, name, port, *fields):
        return self.ask_raw(ask_for(name, port, *fields))

    def fqdn(self, name, namespace="default"):
        return f"{name}.{namespace}.svc.cluster.local"


class Answers(DnsCase):
    def test_name_host_and_namespace(self):
        origin = self.origin()
        self.dns.set(self.fqdn("named"), (A, "127.0.0.1", 30))
        self.dns.set(self.fqdn("named", "team"), (A, "127.0.0.1", 30))
        self.assertEqual(self.get("named", origin.port).status, 200)
        self.assertEqual(origin.request().get("host"), f"named.default.svc.cluster.local:{origin.port}".encode())
        self.assertEqual(self.get("named", origin.port, "X-Sandbox-Namespace: team").status, 200)
        self.assertEqual(origin.request().get("host"), f"named.team.svc.cluster.local:{origin.port}".encode())
        self.assertEqual(self.dns.asked(self.fqdn("named")), 1)
        self.assertEqual(self.dns.asked(self.fqdn("named", "team")), 1)

    def test_no_search_list(self):
        """Only the whole name is asked: no search domain of the host is tried behind it."""
        self.get("absent", 1)
        names = {name for name, _ in self.dns.queries if name.startswith("absent.")}
        self.assertEqual(names, {self.fqdn("absent")})

    def test_ipv6(self):
        origin = self.origin(host="::1")
        self.dns.set(self.fqdn("six"), (AAAA, "::1", 30))
        self.assertEqual(self.get("six", origin.port).status, 200)

    def test_answer_is_kept_for_its_ttl(self):
        origin = self.origin()
        self.dns.set(self.fqdn("kept"), (A, "127.0.0.1", 30))
        for _ in range(5):
            self.assertEqual(self.get("kept", origin.port).status, 200)
        self.assertEqual(self.dns.asked(self.fqdn("kept")), 1)

    def test_second_address_when_the_first_refuses(self):
        origin = self.origin(host="127.0.0.6")
        self.dns.set(self.fqdn("two"), (A, "127.0.0.5", 30), (A, "127.0.0.6", 30))
        self.assertEqual(self.get("two", origin.port).status, 200)

    def test_name_that_does_not_exist(self):
        begin = time.monotonic()
        response = self.get("nobody", 1)
        self.assert_error(response, 502, "Could not connect to the backend sandbox: nobody", "dns_failed")
        self.assertLess(time.monotonic() - begin, 5)

    def test_negative_answer_is_kept_at_most_a_second(self):
        origin = self.origin()
        name = self.fqdn("later")
        self.assertEqual(self.get("later", origin.port).status, 502)
        asked = self.dns.asked(name)
        self.dns.set(name, (A, "127.0.0.1", 30))
        limit = time.monotonic() + 6
        while (status := self.get("later", origin.port).status) == 502 and time.monotonic() < limit:
            time.sleep(0.1)
        self.assertEqual(status, 200)
        self.assertEqual(self.dns.asked(name), asked + 1)

    def test_changed_answer_after_its_ttl(self):
        """The first request after the TTL goes to the new address although the old connection is still kept."""
        old, new = self.origin(host="127.0.0.5"), None
        new = self.origin(host="127.0.0.6", port=old.port)
        name = self.fqdn("moves")
        self.dns.set(name, (A, "127.0.0.5", 1))
        self.assertEqual(self.get("moves", old.port).status, 200)
        self.assertEqual(old.connections, 1)
        self.dns.set(name, (A, "127.0.0.6", 1))
        time.sleep(1.3)
        self.assertEqual(self.get("moves", old.port).status, 200)
        self.assertEqual(new.connections, 1)
        self.assertIsNone(old.peers[0].how_ended)
        self.assertEqual(old.requests.qsize(), 1)

    def test_many_at_once_ask_once(self):
        origin = self.origin()
        self.dns.set(self.fqdn("burst"), (A, "127.0.0.1", 30))
        clients = [self.client() for _ in range(10)]
        for client in clients:
            client.send(ask_for("burst", origin.port))
        for client in clients:
            self.assertEqual(client.response().status, 200)
        self.assertEqual(self.dns.asked(self.fqdn("burst")), 1)

    def test_counted(self):
        before = self.router.metric("sandgate_dns_answers_total", result="ok")
        self.test_ttl_zero_serves_its_request()
        self.assertGreater(self.router.metric("sandgate_dns_answers_total", result="ok"), before)

    def test_ttl_zero_serves_its_request(self):
        origin = self.origin()
        self.dns.set(self.fqdn("zero"), (A, "127.0.0.1", 0))
        before = self.dns.asked(self.fqdn("zero"))
        self.assertEqual(self.get("zero", origin.port).status, 200)
        self.assertEqual(self.dns.asked(self.fqdn("zero")), before + 1)


class TtlMax(DnsCase):
    extra = ("--dns-ttl-max=300ms",)

    def test_long_ttl_is_cut(self):
        origin = self.origin()
        self.dns.set(NAME, (A, "127.0.0.1", 86400))
        self.assertEqual(self.get("box", origin.port).status, 200)
        time.sleep(0.6)
        self.assertEqual(self.get("box", origin.port).status, 200)
        self.assertEqual(self.dns.asked(NAME), 2)


class NoReuse(DnsCase):
    """MAX_KEEPALIVE_CONNECTIONS=0: each request asks afresh."""

    extra = ("--max-keepalive-connections=0",)

    def test_asks_every_time(self):
        origin = self.origin()
        self.dns.set(NAME, (A, "127.0.0.1", 30))
        for number in range(1, 4):
            self.assertEqual(self.get("box", origin.port).status, 200)
            self.assertEqual(self.dns.asked(NAME), number)
        self.assertEqual(origin.connections, 3)


class Silent(DnsCase):
    extra = ("--connect-timeout=700ms",)

    def test_server_that_does_not_answer(self):
        self.dns.silent.add(self.fqdn("mute"))
        begin = time.monotonic()
        response = self.get("mute", 1)
        self.assertIn(response.status, (502, 504))
        self.assertLess(time.monotonic() - begin, 8)


class Classes(DnsCase):
    """What a name may not lead to. Loopback stays forbidden here, so an origin there would notice a dial."""

    allow_loopback = False
    extra = ()

    def test_refused_and_nothing_dialled(self):
        origin = self.origin()
        six = Origin(host="::1", port=origin.port)
        self.addCleanup(six.__exit__)
        addresses = [(A, "127.0.0.1"), (A, "127.8.9.10"), (A, "0.0.0.0"), (A, "169.254.169.254"), (A, "224.0.0.1"),
                     (A, "240.0.0.1"),
                     (A, "255.255.255.255"), (AAAA, "::1"), (AAAA, "::"), (AAAA, "fe80::1"), (AAAA, "ff02::1"),
                     (AAAA, "::ffff:127.0.0.1"), (AAAA, "::127.0.0.1"), (AAAA, "64:ff9b::7f00:1"), (AAAA, "2002:7f00:1::"),
                     (AAAA, "2001:0:1::1")]
        for number, (kind, address) in enumerate(addresses):
            with self.subTest(address):
                self.dns.set(self.fqdn(f"bad{number}"), (kind, address, 30))
                begin = time.monotonic()
                response = self.get(f"bad{number}", origin.port)
                self.assert_error(response, 502, f"Could not connect to the backend sandbox: bad{number}")
                self.assertLess(time.monotonic() - begin, 4)  # refused, not tried
        self.assertEqual((origin.connections, six.connections), (0, 0))

    def test_alias_out_of_the_cluster(self):
        origin = self.origin()
        self.dns.set(self.fqdn("alias"), (CNAME, "metadata.example.org", 30))
        self.dns.set("metadata.example.org", (A, "10.255.255.1", 30))
        begin = time.monotonic()
        self.assertEqual(self.get("alias", origin.port).status, 502)
        self.assertLess(time.monotonic() - begin, 4)


class Mixed(DnsCase):
    """--pod-cidrs: an address outside is left out, one inside is used."""

    extra = ("--pod-cidrs=127.0.0.6/32",)

    def test_only_allowed_addresses_are_tried(self):
        outside = self.origin(host="127.0.0.5")
        inside = self.origin(host="127.0.0.6", port=outside.port)
        self.dns.set(self.fqdn("mixed"), (A, "127.0.0.5", 30), (A, "169.254.169.254", 30), (A, "127.0.0.6", 30))
        self.assertEqual(self.get("mixed", outside.port).status, 200)
        self.assertEqual((outside.connections, inside.connections), (0, 1))


class Reserved(DnsCase):
    """Threat model 1, rows 2 and 4: names and ports every cluster has that are no sandboxes."""

    def test_names(self):
        for name, namespace in (("kubernetes", "default"), ("kube-dns", "default"), ("box", "kube-system"),
                                ("box", "kube-public"),
                                ("box", "agent-sandbox-system")):
            with self.subTest(name=name, namespace=namespace):
                response = self.get(name, 8888, f"X-Sandbox-Namespace: {namespace}")
                self.assert_error(response, 403, "forbidden", "forbidden")
                self.assertEqual(self.dns.asked(self.fqdn(name, namespace)), 0)

    def test_neighbours_of_the_names(self):
        origin = self.origin()
        for name, namespace in (("kubernetes2", "default"), ("kubebox", "default"), ("box", "system"), ("box", "my-systems")):
            with self.subTest(name=name, namespace=namespace):
                self.dns.set(self.fqdn(name, namespace), (A, "127.0.0.1", 30))
                self.assertEqual(self.get(name, origin.port, f"X-Sandbox-Namespace: {namespace}").status, 200)

    def test_ports(self):
        self.dns.set(NAME, (A, "127.0.0.1", 30))
        for port in (22, 2379, 2380, 6443, 10250, 10255, 10259):
            with self.subTest(port):
                self.assert_error(self.get("box", port), 502, CONNECT, "target_refused")

    def test_warned_at_the_start(self):
        self.assertTrue(self.router.wait_record(lambda r: r.get("level") == "warn" and "DNS" in r["msg"]))


class ReservedAllowed(DnsCase):
    extra = ("--allow-system-targets",)

    def test_allowed(self):
        origin = self.origin()
        self.dns.set(self.fqdn("kubernetes"), (A, "127.0.0.1", 30))
        self.assertEqual(self.get("kubernetes", origin.port).status, 200)


class AllowedNamespaces(DnsCase):
    extra = ("--allowed-namespaces=team,default",)

    def test_others_are_forbidden(self):
        origin = self.origin()
        self.dns.set(self.fqdn("box", "team"), (A, "127.0.0.1", 30))
        self.dns.set(self.fqdn("box", "other"), (A, "127.0.0.1", 30))
        self.assertEqual(self.get("box", origin.port, "X-Sandbox-Namespace: team").status, 200)
        self.assert_error(self.get("box", origin.port, "X-Sandbox-Namespace: other"), 403, "forbidden")
        self.assertEqual(self.dns.asked(self.fqdn("box", "other")), 0)


class ClusterDomain(unittest.TestCase):
    def test_from_the_environment(self):
        with DnsServer() as dns, Origin() as origin:
            dns.set("box.default.svc.k8s.example", (A, "127.0.0.1", 30))
            with Router("--dns-server=" + dns.address, sandboxes=None, env={"CLUSTER_DOMAIN": "k8s.example"}) as router:
                with router.connect() as client:
                    client.send(ask_for("box", origin.port))
                    self.assertEqual(client.response().status, 200)


if __name__ == "__main__":
    unittest.main()
