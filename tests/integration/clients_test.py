"""Contract 3.3 and 3.4: who a client is, and how many WebSockets it may hold."""
import threading
import unittest

from support import websocket as ws
from support.origin import Origin
from support.router import Router, eventually, request


class Slots(unittest.TestCase):
    """Each handshake asks the router; a 429 names the limit."""

    flags = ("--websocket-max-connections-per-client=1",)

    def begin(self, *flags, **options):
        router = Router(*self.flags, *flags, **options)
        self.addCleanup(router.stop)
        self.origin = Origin(ws.echo)
        self.addCleanup(self.origin.close)
        return router

    def open(self, router, *fields, source=None, origin=None):
        client = router.connect(source=source)
        self.addCleanup(client.close)
        client.send(request(origin or self.origin, fields=[*ws.handshake_fields(), *fields]))
        client.answer = client.response()
        return client

    def status(self, router, *fields, source=None):
        return self.open(router, *fields, source=source).answer.status

    def forwarded(self, text):
        return "X-Forwarded-For: " + text


class Counting(Slots):
    def test_refusal(self):
        router = self.begin("--websocket-max-connections-per-client=2")
        self.assertEqual([self.status(router) for _ in range(3)], [101, 101, 429])
        refused = self.open(router)
        self.assertEqual(refused.answer.body, b'{"detail":"Too many concurrent WebSocket connections (limit: 2)."}')
        self.assertEqual(refused.answer.get("x-sandgate-forwarded"), b"no")
        self.assertEqual(self.origin.connections, 2)  # refused before dialling
        self.assertEqual(router.limit_hits("websocket_max_connections_per_client"), 2)

    def test_each_address_for_itself(self):
        router = self.begin()
        self.assertEqual([self.status(router, source=source) for source in ("127.0.0.21", "127.0.0.22", "127.0.0.21")],
                         [101, 101, 429])

    def test_one_count_for_all_workers(self):
        router = self.begin("--websocket-max-connections-per-client=3", workers=3)
        statuses = [self.status(router) for _ in range(12)]
        self.assertEqual(statuses.count(101), 3)
        self.assertEqual(statuses.count(429), 9)

    def test_zero_is_off(self):
        router = self.begin("--websocket-max-connections-per-client=0")
        self.assertEqual({self.status(router) for _ in range(70)}, {101})

    def test_default_is_64(self):
        router = Router()
        self.addCleanup(router.stop)
        self.origin = Origin(ws.echo)
        self.addCleanup(self.origin.close)
        statuses = [self.status(router) for _ in range(65)]
        self.assertEqual(statuses, [101] * 64 + [429])

    def test_environment(self):
        router = Router(env={"WEBSOCKET_MAX_CONNECTIONS_PER_CLIENT": "1"})
        self.addCleanup(router.stop)
        self.origin = Origin(ws.echo)
        self.addCleanup(self.origin.close)
        self.assertEqual([self.status(router), self.status(router)], [101, 429])

    def test_plain_requests_are_not_counted(self):
        router = self.begin()
        self.assertEqual(self.status(router), 101)
        with Origin() as origin, router.connect() as client:
            client.send(request(origin))
            self.assertEqual(client.response().status, 200)

    def test_freed_when_the_client_leaves(self):
        router = self.begin()
        self.open(router).close()
        self.assertTrue(eventually(lambda: self.status(router) == 101))

    def test_freed_when_the_sandbox_refuses(self):
        router = self.begin()

        def script(peer):
            peer.note(peer.request())
            peer.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        with Origin(script) as origin:
            for _ in range(3):
                self.assertEqual(self.open(router, origin=origin).answer.status, 404)
        self.assertEqual(self.status(router), 101)

    def test_freed_when_nothing_can_be_dialled(self):
        router = self.begin("--upstream-max-retries=0")
        self.origin.close()
        for _ in range(3):
            self.assertEqual(self.status(router), 502)

    def test_freed_when_1001_is_sent(self):
        """Neither end answers the close, the connection stays for the whole grace: the place is free at once."""
        router = self.begin("--websocket-idle-timeout=300ms", "--websocket-close-grace=20s")

        def silent(peer):
            ws.accept(peer)
            done.wait(30)
        done = threading.Event()
        with Origin(silent) as origin:
            self.addCleanup(done.set)
            first = self.open(router, origin=origin)
            self.assertEqual(first.answer.status, 101)
            self.assertEqual(ws.Frame(first).close, (1001, b"idle timeout exceeded"))
            self.assertTrue(eventually(lambda: self.open(router, origin=origin).answer.status == 101, within=8))
            self.assertGreaterEqual(router.metric("sandgate_websockets_open"), 1)
            done.set()


class Keys(Slots):
    trusted = "--trusted-proxy-cidrs=127.0.0.0/8,10.0.0.0/8"

    def same_client(self, router, first, second, source=None):
        """Do these two X-Forwarded-For (lists of lines) count as one client?"""
        opened = self.open(router, *map(self.forwarded, first), source=source)
        self.assertEqual(opened.answer.status, 101)
        status = self.status(router, *map(self.forwarded, second), source=source)
        opened.close()
        self.assertTrue(eventually(lambda: router.metric("sandgate_websockets_open") == 0 or status == 101))
        return status == 429

    def test_loopback_is_not_trusted_by_itself(self):
        """The hole of the replaced router: a client over loopback could choose its own key."""
        router = self.begin()
        self.assertEqual(self.status(router, self.forwarded("203.0.113.1")), 101)
        self.assertEqual(self.status(router, self.forwarded("203.0.113.2")), 429)
        self.assertEqual(self.status(router), 429)

    def test_forwarded_allow_ips_is_not_read(self):
        router = self.begin(env={"FORWARDED_ALLOW_IPS": "*"})
        self.assertEqual(self.status(router, self.forwarded("203.0.113.1")), 101)
        self.assertEqual(self.status(router, self.forwarded("203.0.113.2")), 429)

    def table(self, cases):
        for wanted, first, second in cases:
            with self.subTest(first=first, second=second):
                router = Router(*self.flags, self.trusted)
                with router, Origin(ws.echo) as self.origin:
                    self.assertEqual(self.same_client(router, first, second), wanted)

    def test_rightmost_that_is_not_trusted(self):
        self.table([
            (True, ["203.0.113.10, 10.0.0.1"], ["203.0.113.10"]),
            (True, ["203.0.113.1, 203.0.113.10"], ["203.0.113.2, 203.0.113.10"]),
            (False, ["203.0.113.10"], ["203.0.113.11"]),
            (True, ["10.1.1.1, 10.2.2.2"], ["10.1.1.1, 10.3.3.3"]),
        ])

    def test_odd_items(self):
        self.table([
            (True, ["203.0.113.9:5555"], ["203.0.113.9:6666"]),
            (True, ["203.0.113.8", "203.0.113.9"], ["203.0.113.9"]),
            (True, [" , 203.0.113.9 ,, "], ["203.0.113.9"]),
            (True, ["2001:db8:1:2::1"], ["2001:db8:1:2:ffff::9"]),
            (False, ["2001:db8:1:2::1"], ["2001:db8:1:3::1"]),
            (True, ["::ffff:203.0.113.9"], ["203.0.113.9"]),
        ])

    def test_untrusted_peer_is_its_own_key(self):
        router = self.begin("--trusted-proxy-cidrs=10.0.0.0/8")
        self.assertEqual(self.status(router, self.forwarded("203.0.113.1"), source="127.0.0.21"), 101)
        self.assertEqual(self.status(router, self.forwarded("203.0.113.2"), source="127.0.0.21"), 429)
        self.assertEqual(self.status(router, self.forwarded("203.0.113.1"), source="127.0.0.22"), 101)

    def test_environment(self):
        router = self.begin(env={"TRUSTED_PROXY_CIDRS": "127.0.0.21, nonsense"})
        self.assertEqual(self.status(router, self.forwarded("203.0.113.1"), source="127.0.0.21"), 101)
        self.assertEqual(self.status(router, self.forwarded("203.0.113.2"), source="127.0.0.21"), 101)
        self.assertEqual(self.status(router, self.forwarded("203.0.113.3"), source="127.0.0.22"), 101)
        self.assertEqual(self.status(router, self.forwarded("203.0.113.4"), source="127.0.0.22"), 429)


del Slots  # only a base

if __name__ == "__main__":
    unittest.main()
