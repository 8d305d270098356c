"""Threat model, section 2: each limit on what clients send and when, and the counter that tells of it."""
import threading
import time
import unittest

from support.origin import Origin, answer
from support.parallel import in_parallel
from support.peer import Closed, connect
from support.router import Router, RouterCase, eventually, request

HEAD_TOO_LARGE = "Request header fields too large."


class Case(RouterCase):
    def counted(self, limit, at_least=1):
        self.assertTrue(eventually(lambda: self.router.limit_hits(limit) >= at_least), f"{limit} is not counted")


class HeadBytes(Case):
    def head(self, origin, size):
        """A request whose head has exactly `size` bytes, in fields of at most 8 KiB."""
        data = request(origin)[:-2]
        left = size - len(data) - 2
        while left > 0:
            part = min(left, 8192)
            if 0 < left - part < 16:
                part -= 16
            data += b"X-P: " + b"a" * (part - 7) + b"\r\n"
            left -= part
        return data + b"\r\n"

    def test_64_kib_by_default(self):
        origin = self.origin()
        data = self.head(origin, 65536)
        self.assertEqual(len(data), 65536)
        self.assertEqual(self.ask_raw(data).status, 200)
        before = self.router.limit_hits("max_head_bytes")
        with self.router.connect() as client:
            client.send(self.head(origin, 65537))
            self.assert_error(client.response(), 431, HEAD_TOO_LARGE, "head_too_large")
            self.assertEqual(client.ended(), "fin")
        self.counted("max_head_bytes", before + 1)

    def test_endless_field(self):
        """It is refused at the limit, not collected."""
        with self.router.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX: ")
            with self.assertRaises((OSError, AssertionError)):
                for _ in range(10_000):
                    client.send(b"a" * 16384)
                    client.sock.settimeout(0.001)
                    try:
                        client.more()
                    except TimeoutError:
                        continue
                    raise AssertionError("answered")
                self.fail("160 MB of one field were taken")
            client.sock.settimeout(10)

    def test_answer_can_be_read(self):
        """The refusal lingers: a client that is still sending gets the answer, not a reset."""
        with self.router.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 300_000 + b"\r\n\r\n")
            self.assert_error(client.response(), 431, HEAD_TOO_LARGE)


class HeadBytesFlag(Case):
    flags = ("--max-head-bytes=2048", "--max-target-bytes=1024")

    def test_flag(self):
        origin = self.origin()
        self.assertEqual(self.ask(origin, fields=["X: " + "a" * 1500]).status, 200)
        self.assert_error(self.ask(origin, fields=["X: " + "a" * 2048]), 431, HEAD_TOO_LARGE)


class HeadFields(Case):
    def fields(self, origin, count):
        return self.ask(origin, fields=[f"X-{number}: a" for number in range(count - 3)])

    def test_256_by_default(self):
        origin = self.origin()
        for count in (100, 256):
            self.assertEqual(self.fields(origin, count).status, 200)
        self.assert_error(self.fields(origin, 257), 431, HEAD_TOO_LARGE)
        self.counted("max_head_fields")


class HeadFieldsFlag(Case):
    flags = ("--max-head-fields=100",)

    def test_flag(self):
        origin = self.origin()
        self.assertEqual(self.ask(origin, fields=["X: a"] * 97).status, 200)
        self.assert_error(self.ask(origin, fields=["X: a"] * 98), 431, HEAD_TOO_LARGE)


class Target(Case):
    flags = ("--max-target-bytes=300",)

    def test_counted(self):
        origin = self.origin()
        self.assertEqual(self.ask(origin, target="/" + "a" * 299).status, 200)
        self.assert_error(self.ask(origin, target="/" + "a" * 300), 414, "Request target too long.", "target_too_long")
        self.counted("max_target_bytes")


class UpstreamHead(Case):
    flags = ("--max-upstream-head-bytes=2048", "--max-upstream-head-fields=100")

    def test_counted(self):
        for limit, fields in (("max_upstream_head_bytes", [b"X: " + b"a" * 2048]), ("max_upstream_head_fields", [b"X: a"] * 101)):
            with self.subTest(limit):
                origin = self.origin(lambda peer, fields=fields: (peer.note(peer.request()), peer.send(answer(fields=fields))))
                self.assertEqual(self.ask(origin).status, 502)
                self.counted(limit)


class Times(unittest.TestCase):
    """These wait, so they wait beside each other."""

    def counted(self, router, limit):
        self.assertTrue(eventually(lambda: router.limit_hits(limit) >= 1), f"{limit} is not counted")

    def test_all(self):
        def head_timeout():
            with Router("--head-timeout=500ms") as router, router.connect() as client:
                begin = time.monotonic()
                client.send(b"GET / HTTP/1.1\r\nHost: h\r\n")
                response = client.response()
                self.assertEqual((response.status, response.get("x-sandgate-error")), (408, b"head_timeout"))
                self.assertGreater(time.monotonic() - begin, 0.4)
                self.assertEqual(client.ended(), "fin")
                self.counted(router, "head_timeout")

        def head_in_drips():
            """Each byte comes soon after the one before: the deadline is for the whole head."""
            with Router("--head-timeout=700ms") as router, router.connect() as client:
                stop = threading.Event()

                def drip():
                    for byte in b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 1000:
                        if stop.wait(0.05):
                            return
                        try:
                            client.send(bytes([byte]))
                        except OSError:
                            return
                thread = threading.Thread(target=drip)
                thread.start()
                try:
                    self.assertEqual(client.response().status, 408)
                finally:
                    stop.set()
                    thread.join()

        def connection_that_says_nothing():
            with Router("--head-timeout=500ms", "--client-idle-timeout=1h") as router, router.connect() as client:
                self.assertEqual(client.ended(), "fin")
                self.assertEqual(client.buffer, b"")
                self.counted(router, "head_timeout")

        def client_idle_timeout():
            with Router("--client-idle-timeout=2s") as router, Origin() as origin, router.connect() as client:
                for _ in range(2):
                    client.send(request(origin))
                    self.assertEqual(client.response().status, 200)
                begin = time.monotonic()
                self.assertEqual(client.ended(), "fin")
                self.assertGreater(time.monotonic() - begin, 1.9)
                self.assertEqual(client.buffer, b"")
                self.counted(router, "client_idle_timeout")

        def upload_in_drips():
            """Faster than the gap between two reads, slower than the least rate."""
            with Router("--min-body-rate=1000", "--min-body-rate-grace=600ms") as router:
                ended = threading.Event()

                def script(peer):
                    peer.head()
                    peer.ended(20)
                    ended.set()
                with Origin(script) as origin, router.connect() as client:
                    client.send(request(origin, "POST", fields=["Content-Length: 100000"]))
                    stop = threading.Event()

                    def drip():
                        while not stop.wait(0.1):
                            try:
                                client.send(b"x")
                            except OSError:
                                return
                    thread = threading.Thread(target=drip)
                    thread.start()
                    try:
                        response = client.response()
                        self.assertEqual((response.status, response.get("x-sandgate-error")), (408, b"slow_client"))
                        self.assertTrue(ended.wait(10))
                        self.counted(router, "min_body_rate")
                    finally:
                        stop.set()
                        thread.join()

        def upload_that_is_fast_enough():
            with Router("--min-body-rate=10", "--min-body-rate-grace=2s") as router, Origin() as origin:
                with router.connect() as client:
                    client.send(request(origin, "POST", fields=["Content-Length: 1800"]))
                    for _ in range(18):
                        client.send(b"x" * 100)
                        time.sleep(0.15)
                    self.assertEqual(client.response().status, 200)

        def slow_sandbox_is_not_a_slow_client():
            """The least rate is for clients; a quiet event stream is fine."""
            def script(peer):
                peer.note(peer.request())
                peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in range(5):
                    time.sleep(0.3)
                    peer.send(b"1\r\nx\r\n")
                peer.send(b"0\r\n\r\n")
            with Router("--min-body-rate=1000", "--min-body-rate-grace=400ms") as router, Origin(script) as origin:
                with router.connect() as client:
                    client.send(request(origin))
                    self.assertEqual(client.response().body, b"x" * 5)

        def download_read_slowly():
            """It takes bytes all the time, only too few."""
            def script(peer):
                peer.note(peer.request())
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
                while True:
                    peer.send(bytes(1 << 16))
            with Router("--min-body-rate=100000000", "--min-body-rate-grace=600ms") as router, Origin(script) as origin:
                with router.connect(receive_buffer=4096) as client:
                    client.send(request(origin))
                    self.assertEqual(client.head().status, 200)
                    limit = time.monotonic() + 15
                    while router.limit_hits("min_body_rate") == 0 and time.monotonic() < limit:
                        client.sock.recv(256)
                        time.sleep(0.02)
                    self.counted(router, "min_body_rate")
                    got = 0  # what the kernel had taken already still comes, the rest does not
                    with self.assertRaises(Closed):
                        while True:
                            client.more()
                            got += len(client.take(len(client.buffer)))
                    self.assertLess(got, 50_000_000)

        def download_not_read_at_all():
            def script(peer):
                peer.note(peer.request())
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
                while True:
                    peer.send(bytes(1 << 16))
            flags = ("--write-timeout=700ms", "--proxy-timeout=700ms", "--min-body-rate=0")
            with Router(*flags) as router, Origin(script) as origin:
                with router.connect(receive_buffer=4096) as client:
                    client.send(request(origin))
                    self.assertTrue(eventually(lambda: router.limit_hits("write_timeout") >= 1))
                    self.assertTrue(eventually(lambda: router.metric("sandgate_upstream_connections_open") == 0))

        def linger_timeout():
            with Router("--linger-timeout=300ms", "--max-request-body-bytes=10") as router, Origin() as origin:
                with router.connect() as client:
                    client.send(request(origin, "POST", fields=["Content-Length: 1000000"]))
                    self.assertEqual(client.response().status, 413)
                    self.counted(router, "linger_timeout")

        in_parallel(self, {check.__name__: check for check in (
            head_timeout, head_in_drips, connection_that_says_nothing, client_idle_timeout, upload_in_drips,
            upload_that_is_fast_enough, slow_sandbox_is_not_a_slow_client, download_read_slowly, download_not_read_at_all,
            linger_timeout)})


class Connections(unittest.TestCase):
    def served(self, router, **options):
        """A connection that has got an answer; None when the router closed it."""
        try:
            client = router.connect(**options)
            self.addCleanup(client.close)
            client.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            return client if client.response().status == 200 else None
        except (Closed, ConnectionError):
            return None

    def test_all_together(self):
        with Router("--max-connections=3", workers=2) as router:
            clients = [self.served(router) for _ in range(3)]
            self.assertNotIn(None, clients)
            self.assertIsNone(self.served(router))
            self.assertGreaterEqual(router.limit_hits("max_connections"), 1)
            self.assertGreaterEqual(router.metric("sandgate_connections_refused_total"), 1)
            clients[0].close()
            self.assertTrue(eventually(lambda: self.served(router)))

    def test_of_one_address(self):
        with Router("--max-connections-per-address=2", workers=2) as router:
            clients = [self.served(router, source="127.0.0.21") for _ in range(2)]
            self.assertNotIn(None, clients)
            self.assertIsNone(self.served(router, source="127.0.0.21"))
            self.assertIsNotNone(self.served(router, source="127.0.0.22"))
            self.assertGreaterEqual(router.limit_hits("max_connections_per_address"), 1)
            clients[0].close()
            self.assertTrue(eventually(lambda: self.served(router, source="127.0.0.21")))

    def test_not_limited_per_address_by_default(self):
        """Behind a gateway all clients share one address."""
        with Router() as router:
            self.assertNotIn(None, [self.served(router) for _ in range(200)])

    def test_requests_of_one_sandbox(self):
        go = threading.Event()

        def script(peer):
            while True:
                peer.note(peer.request())
                go.wait(20)
                peer.send(answer())
        with Router("--max-requests-per-sandbox=2", sandboxes=("box 127.0.0.1:1", "other 127.0.0.1:1"), workers=2) as router:
            with Origin(script) as origin:
                self.addCleanup(go.set)
                running = [router.connect() for _ in range(2)]
                for client in running:
                    self.addCleanup(client.close)
                    client.send(request(origin))
                    origin.request()
                with router.connect() as client:
                    client.send(request(origin))
                    response = client.response()
                    self.assertEqual((response.status, response.body), (429, b'{"detail":"Too many concurrent connections."}'))
                other = router.connect()
                self.addCleanup(other.close)
                other.send(request(origin).replace(b"X-Sandbox-ID: box", b"X-Sandbox-ID: other"))
                origin.request()
                go.set()
                for client in (*running, other):
                    self.assertEqual(client.response().status, 200)
                self.assertEqual(router.limit_hits("max_requests_per_sandbox"), 1)
                with router.connect() as client:
                    client.send(request(origin))
                    self.assertEqual(client.response().status, 200)  # the places are free again


class AdminPorts(RouterCase):
    """Neither health nor metrics can be reached through the router's own port, nor a sandbox through theirs."""

    def test_other_pages(self):
        for host in ("127.0.0.2", "127.0.0.3"):
            self.assertEqual(self.router.admin(host, "/").status, 404)
            self.assertEqual(self.router.admin(host, "/healthz", "POST").status, 405)
        self.assertEqual(self.router.admin("127.0.0.2", "/metrics").status, 404)

    def test_slow_client_does_not_block_others(self):
        with connect(("127.0.0.2", self.router.listening("127.0.0.2"))) as slow:
            slow.send(b"GET /healthz HTT")
            self.assertEqual(self.router.admin("127.0.0.2", "/healthz").status, 200)


if __name__ == "__main__":
    unittest.main()
