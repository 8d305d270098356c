"""Contract 1.7 and 1.8: methods, and the router's own answers byte for byte."""
import socket
import unittest

from support.dns import DnsServer
from support.origin import Origin, closing_after
from support.router import Router, RouterCase, eventually, request

METHODS_FORWARDED = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "FOO", "get", "PROPFIND", "M-SEARCH",
                     "X!#$%&'*+.^_`|~9"]


def closed_port(host="127.0.0.1"):
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


class Methods(RouterCase):
    def test_forwarded(self):
        origin = self.origin()
        for method in METHODS_FORWARDED:
            with self.subTest(method):
                self.assertEqual(self.ask(origin, method).status, 200)
                self.assertEqual(origin.request().method, method.encode())

    def test_not_forwarded(self):
        origin = self.origin()
        client = self.client()
        for data in (request(origin, "TRACE"), request(origin, "CONNECT"), request(origin, "CONNECT", "h:80"),
                     request(origin, "CONNECT", "/path")):
            client.send(data)
            response = client.response()
            self.assert_error(response, 405, "Method Not Allowed", "method_not_allowed")
            self.assertEqual(len(response.all("allow")), 1)
        client.send(request(origin))
        self.assertEqual(client.response().status, 200)  # still the same connection
        origin.request()
        self.assertTrue(origin.nothing_asked())

    def test_trace_when_allowed(self):
        with Router("--allow-trace") as router, Origin() as origin, router.connect() as client:
            client.send(request(origin, "TRACE"))
            self.assertEqual(client.response("TRACE").status, 200)
            client.send(request(origin, "CONNECT"))
            self.assertEqual(client.response().status, 405)


class OwnAnswers(RouterCase):
    def test_fields_of_an_error(self):
        """Nothing beyond what the contract lists, and no identity."""
        response = self.ask_raw(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual(response.line, b"HTTP/1.1 400 Bad Request")
        self.assertEqual(set(response.names), {"content-type", "content-length", "cache-control", "date", "x-sandgate-error",
                                               "x-sandgate-forwarded"})
        self.assertEqual(response.body, b'{"detail":"X-Sandbox-ID header is required."}')

    def test_refused(self):
        port = closed_port()
        with Router("--upstream-max-retries=0") as router, router.connect() as client:
            for _ in range(2):  # the connection stays
                client.send(f"GET / HTTP/1.1\r\nHost: h\r\nX-Sandbox-ID: box\r\nX-Sandbox-Port: {port}\r\n\r\n".encode())
                response = client.response()
                self.assert_error(response, 502, "Could not connect to the backend sandbox: box", "connect_failed")

    def test_unknown_sandbox(self):
        response = self.ask_raw(b"GET / HTTP/1.1\r\nHost: h\r\nX-Sandbox-ID: nobody\r\n\r\n")
        self.assert_error(response, 502, "Could not connect to the backend sandbox: nobody")

    def test_unknown_sandbox_strict(self):
        with Router("--strict-resolution") as router, router.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX-Sandbox-ID: nobody\r\n\r\n")
            self.assert_error(client.response(), 404, "Sandbox not found: nobody", "sandbox_not_found")

    def test_name_that_does_not_exist(self):
        with DnsServer() as dns, Router(f"--dns-server={dns.address}", sandboxes=None) as router, router.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX-Sandbox-ID: box\r\n\r\n")
            self.assert_error(client.response(), 502, "Could not connect to the backend sandbox: box", "dns_failed")

    def test_sandbox_timeout(self):
        def silent(peer):
            peer.note(peer.request())
            peer.ended()
        response = self.ask(self.origin(silent), fields=["X-Sandbox-Timeout: 0.2"])
        self.assert_error(response, 504, "Timed out waiting for the backend sandbox: box", "upstream_timeout", forwarded=True)

    def test_forwarded_only_when_nothing_reached_a_sandbox(self):
        response = self.ask(self.origin(closing_after(b"")))
        self.assertEqual((response.status, response.all("x-sandgate-forwarded")), (502, []))

    def test_sandboxes_cannot_pretend(self):
        data = b"HTTP/1.1 502 Bad Gateway\r\nX-Sandgate-Forwarded: no\r\nX-Sandgate-Error: dns_failed\r\n" \
            b"Content-Length: 0\r\n\r\n"
        response = self.ask(self.origin(closing_after(data)))
        self.assertEqual((response.status, response.all("x-sandgate-forwarded"), response.all("x-sandgate-error")), (502, [], []))

    def test_head_gets_no_body(self):
        client = self.client()
        client.send(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
        response = client.response("HEAD")
        self.assertEqual((response.status, response.all("content-length")), (400, [b"45"]))
        client.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual(client.response().status, 200)
        client.send(b"HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        response = client.response("HEAD")
        self.assertEqual((response.status, response.all("content-length")), (200, [b"15"]))


class KeepOpen(RouterCase):
    """After a 4xx of the router's own for a well-framed request the connection stays open."""

    flags = ("--max-requests-per-sandbox=1",)

    def stays(self, data, status):
        client = self.client()
        client.send(data)
        response = client.response()
        self.assertEqual(response.status, status)
        self.assertEqual(response.all("connection"), [])
        client.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual(client.response().body, b'{"status":"ok"}')

    def test_no_body(self):
        for data, status in ((b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400), (b"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
                             (b"GET a HTTP/1.1\r\nHost: h\r\n\r\n", 404)):
            with self.subTest(data):
                self.stays(data, status)

    def test_fixed_body(self):
        for size in (1, 100, 60000):
            with self.subTest(size):
                self.stays(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size, 400)

    def test_chunked_body(self):
        self.stays(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", 400)

    def test_body_that_comes_later(self):
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n")
        self.assertEqual(client.response().status, 400)
        client.send(b"helloGET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual(client.response().status, 200)

    def test_websocket_refusals(self):
        upgrade = b"GET / HTTP/1.1\r\nHost: h\r\nX-Sandbox-ID: box\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        self.stays(upgrade + b"Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 426)
        self.stays(upgrade + b"Sec-WebSocket-Version: 13\r\n\r\n", 400)

    def test_expectation(self):
        self.stays(b"GET / HTTP/1.1\r\nHost: h\r\nX-Sandbox-ID: box\r\nExpect: other\r\n\r\n", 417)

    def test_too_many_requests(self):
        hold = []

        def script(peer):
            peer.note(peer.request())
            hold.append(peer)
            peer.ended()
        origin = self.origin(script)
        first = self.client()
        first.send(request(origin))
        origin.request()
        self.stays(request(origin), 429)
        response = self.ask(origin)
        self.assert_error(response, 429, "Too many concurrent connections.", "too_many_requests")
        self.assertEqual(self.router.limit_hits("max_requests_per_sandbox"), 2)
        hold[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(first.response().status, 200)

        def free():
            with self.router.connect() as client:
                client.send(request(origin, fields=["X-Sandbox-Timeout: 0.01"]))
                return client.response().status == 504
        self.assertTrue(eventually(free))  # the place is given back


class Linger(RouterCase):
    """An early answer reaches the client although it is still sending: no reset before it has been read."""

    def test_answer_survives_a_long_upload(self):
        for name, head in {"400": b"POST / HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n",
                           "431": b"POST / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 70000 + b"\r\n",
                           "413": b"POST / HTTP/1.1\r\nHost: h\r\n"}.items():
            with self.subTest(name):
                client = self.client()
                client.send(head + b"Content-Length: 100000000\r\n\r\n")
                for _ in range(20):
                    client.send(b"x" * 10000)
                response = client.response()
                self.assertEqual(response.status, 400 if name == "413" else int(name))
                self.assertEqual(response.all("connection"), [b"close"])
                self.assertEqual(client.ended(), "fin")

    def test_ends_after_a_second(self):
        client = self.client()
        client.send(b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n")
        self.assertEqual(client.response().status, 400)
        self.assertEqual(client.ended(), "fin")  # at once: we say no more
        # The sending side stays usable until the router drops the connection altogether.
        client.send(b"x")
        self.assertTrue(eventually(lambda: self.router.metric("sandgate_connections_open") == 0, within=3))
        self.assertGreaterEqual(self.router.limit_hits("linger_timeout"), 1)


if __name__ == "__main__":
    unittest.main()
