"""The OpenSandbox ingress, contract opensandbox-ingress 5 and 11: what passes, streams, WebSockets, connections."""
import threading
import time
import unittest

from harness.boxes import PORT, box
from harness.gateway import fields_of, raw, told
from harness.ingress_case import IngressCase
from harness.peers import answer, answering, closing_after, ws
from harness.process import eventually

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


class Fields(IngressCase):
    def test_towards_the_sandbox(self):
        origin = self.add("sb")
        got = told(self.to("sb", "/", "OPEN-SANDBOX-INGRESS: sb-1", "OpenSandbox-Access-Renew: skip", "X-EXECD-ACCESS-TOKEN: t",
                           "OPENSANDBOX-EGRESS-AUTH: e", "Authorization: Bearer b", "Cookie: a=1", "X-Forwarded-For: 6.6.6.6",
                           "Connection: x-hop", "X-Hop: 1", "Keep-Alive: 5", "Proxy-Authorization: p", "Proxy-Connection: k",
                           "TE: trailers", "X-Request-Id: mine"))
        for gone in ("opensandbox-ingress-to", "open-sandbox-ingress", "opensandbox-access-renew", "x-hop", "keep-alive",
                     "proxy-authorization", "proxy-connection", "accept-encoding"):
            self.assertEqual(fields_of(got, gone), [], gone)
        for name, value in (("x-execd-access-token", "t"), ("opensandbox-egress-auth", "e"), ("authorization", "Bearer b"),
                            ("cookie", "a=1"), ("te", "trailers"), ("x-request-id", "mine"), ("host", f"{origin.ip}:{PORT}"),
                            ("x-forwarded-host", "client.example")):
            self.assertEqual(fields_of(got, name), [value], name)
        self.assertTrue(fields_of(got, "x-forwarded-for")[0].endswith("127.0.0.1"))

    def test_mark_of_the_answers(self):
        self.add("one", answering(answer(b"x", b"302 Found", [b"Location: /elsewhere", b"Set-Cookie: a=1; Path=/",
                                                             b"Set-Cookie: b=2"])))
        got = self.to("one")
        self.assertEqual((got.status, got.get("location")), (302, b"/elsewhere"))
        self.assertEqual(got.all("set-cookie"), [b"a=1; Path=/", b"b=2"])
        self.assertEqual(got.all("reverse-proxy-server-powerby"), [b"OpenSandbox-ingress"])
        self.add("two", answering(answer(b"x", fields=[b"Reverse-Proxy-Server-PowerBy: other"])))
        marks = b", ".join(self.to("two").all("reverse-proxy-server-powerby"))
        self.assertEqual(marks, b"other, OpenSandbox-ingress")

    def test_framing_attacks(self):
        """Section 11, row 6."""
        origin = self.add("sb")
        before = origin.connections
        to = f"OpenSandbox-Ingress-To: sb-{PORT}\r\n".encode()
        for lines in (b"Content-Length: 1\r\nContent-Length: 2\r\n", b"Host: other\r\n", b"X-A : 1\r\n", b"X\x01A: 1\r\n",
                      b"Transfer-Encoding: gzip\r\n", b"Transfer-Encoding: xchunked\r\n"):
            with self.subTest(lines), self.ingress.connect() as client:
                client.send(b"POST / HTTP/1.1\r\nHost: h\r\n" + to + lines + b"\r\nabc")
                self.assertIn(client.response().status, (400, 501))
        self.assertEqual(origin.connections, before)
        with self.ingress.connect() as client:
            client.send(b"POST / HTTP/1.1\r\nHost: h\r\n" + to +
                        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            got = client.response()
        if got.status == 200:
            self.assertEqual(fields_of(told(got), "content-length"), [])
        else:
            self.assertEqual(got.status, 400)

    def test_trace_is_proxied_and_connect_is_not(self):
        self.add("sb")
        self.assertIn(self.to("sb", method="TRACE").status, (200, 405))
        self.assertGreaterEqual(self.to("sb", method="CONNECT").status, 400)


class Streams(IngressCase):
    def test_events_are_flushed(self):
        for name, head, end in (("chunks", b"Transfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"), ("close", b"\r\n", b""),
                                ("sized", b"Content-Length: 18\r\n\r\n", b"")):
            go = threading.Event()

            def script(peer, head=head, end=end, go=go, name=name):
                peer.note(peer.request())
                peer.send(EVENTS + head)
                for text in (b"data: 1\n\n", b"data: 2\n\n"):
                    peer.send(b"%x\r\n%s\r\n" % (len(text), text) if name == "chunks" else text)
                    go.wait(10)
                    go.clear()
                peer.send(end)
                peer.shut_down()
                peer.ended()
            origin = box(self, script)
            self.addCleanup(go.set)
            self.batch(name, origin.ip)
            eventually(lambda name=name: self.to(name, port=1).status == 502, "the route")
            with self.subTest(name), self.ingress.connect() as client:
                client.send(raw("GET", "/events", [f"OpenSandbox-Ingress-To: {name}-{PORT}"]))
                self.assertEqual(client.head().status, 200)
                client.until(b"data: 1\n\n")
                go.set()
                client.until(b"data: 2\n\n")
                go.set()

    def test_aborted_streams_are_aborted(self):
        """Defect 1 of section 9: no end is made up, no text written into the body."""
        self.add("chunks", closing_after(EVENTS + b"Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"))
        self.add("sized", closing_after(EVENTS + b"Content-Length: 100\r\n\r\ndata: 1\n\n"))
        for name in ("chunks", "sized"):
            with self.subTest(name), self.ingress.connect() as client:
                client.send(raw("GET", "/events", [f"OpenSandbox-Ingress-To: {name}-{PORT}"]))
                self.assertEqual(client.head().status, 200)
                client.until(b"data: 1\n\n")
                self.assertIn(client.ended(), ("fin", "reset"))
                self.assertEqual(bytes(client.buffer).strip(), b"")

    def test_client_that_leaves(self):
        """Section 11, row 14: the upstream request is dropped within 2 s."""
        for early in (True, False):
            ended = threading.Event()

            def script(peer, early=early, ended=ended):
                peer.note(peer.request())
                if not early:
                    peer.send(EVENTS + b"Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")
                if peer.ended(20):
                    ended.set()
            origin = box(self, script)
            name = f"leave-{early}".lower()
            self.batch(name, origin.ip)
            eventually(lambda name=name: self.to(name, port=1).status == 502, "the route")
            client = self.ingress.connect()
            client.send(raw("GET", "/", [f"OpenSandbox-Ingress-To: {name}-{PORT}"]))
            origin.request()
            if not early:
                client.until(b"data: 1\n\n")
            client.close()
            with self.subTest(early=early):
                self.assertTrue(ended.wait(3))

    def test_pooled_connection_that_the_sandbox_closed(self):
        """Section 11, row 12: never a 502 for a request sent 50 ms or more after the close, whatever its method."""
        def once(peer):
            peer.note(peer.request())
            peer.send(answer(b"one"))
        origin = self.add("sb", once)
        for turn, method in enumerate(("POST", "GET", "PUT", "DELETE", "POST", "PATCH")):
            got = self.to("sb", method=method, body=b"x" if method == "POST" else b"")
            self.assertEqual((got.status, got.body), (200, b"one"), turn)
            eventually(lambda: origin.peers[-1].sock.fileno() < 0, "the sandbox's close")
            time.sleep(0.05)

    def test_expect(self):
        def script(peer):
            peer.note(peer.head())
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            peer.exactly(3)
            peer.send(answer(b"done"))
            peer.ended()
        origin = box(self, script)
        self.batch("sb", origin.ip)
        eventually(lambda: self.to("sb", port=1).status == 502, "the route")
        with self.ingress.connect() as client:
            client.send(raw("POST", "/", [f"OpenSandbox-Ingress-To: sb-{PORT}", "Expect: 100-continue", "Content-Length: 3"]))
            self.assertEqual(client.head().status, 100)
            client.send(b"abc")
            self.assertEqual(client.response().body, b"done")


class WebSocket(IngressCase):
    def open(self, script=ws.echo, fields=(), method="GET", handshake=None):
        origin = box(self, script)
        self.batch("ws", origin.ip)
        eventually(lambda: self.to("ws", port=1).status == 502, "the route")
        client = self.ingress.connect()
        self.addCleanup(client.close)
        client.send(raw(method, "/ws?since=1", [f"OpenSandbox-Ingress-To: ws-{PORT}", *(handshake or ws.handshake_fields()),
                                                *fields]))
        return client, client.response(), origin

    def test_every_form_of_the_handshake(self):
        for connection, upgrade in (("Upgrade", "websocket"), ("keep-alive, Upgrade", "websocket"), ("upgrade", "WebSocket"),
                                    ("Upgrade, keep-alive", "WEBSOCKET")):
            with self.subTest(connection):
                client, got, origin = self.open(handshake=[f"Connection: {connection}", f"Upgrade: {upgrade}",
                                                           "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {ws.KEY}"],
                                                fields=["Authorization: Bearer b", "X-EXECD-ACCESS-TOKEN: t", "Cookie: a=1",
                                                        "Sec-WebSocket-Protocol: chat", "Origin: http://o"])
                self.assertEqual(got.status, 101)
                asked = origin.request()
                for name, value in (("authorization", b"Bearer b"), ("x-execd-access-token", b"t"), ("cookie", b"a=1"),
                                    ("sec-websocket-protocol", b"chat"), ("origin", b"http://o")):
                    self.assertEqual(asked.get(name), value)
                self.assertEqual(asked.target, b"/ws?since=1")
                self.assertEqual(asked.all("opensandbox-ingress-to"), [])
                client.send(ws.frame(ws.TEXT, b"hi", masked=True))
                self.assertEqual(ws.Frame(client).payload, b"hi")
                self.gone("ws", "default")

    def test_frames_pass_as_they_are(self):
        client, _, _ = self.open()
        client.send(ws.frame(ws.TEXT, b"a", fin=False, masked=True) + ws.frame(ws.CONTINUATION, b"b", masked=True))
        first, second = ws.Frame(client), ws.Frame(client)
        self.assertEqual([(one.opcode, one.fin, one.payload) for one in (first, second)],
                         [(ws.TEXT, False, b"a"), (ws.CONTINUATION, True, b"b")])
        client.send(ws.frame(ws.PING, b"p", masked=True))
        self.assertEqual(ws.Frame(client).opcode, ws.PONG)
        client.send(ws.frame(ws.BINARY, b"z" * (1 << 20), masked=True))
        self.assertEqual(len(ws.Frame(client).payload), 1 << 20)
        client.send(ws.frame(ws.CLOSE, b"", masked=True))
        self.assertEqual(ws.Frame(client).close, (None, b""))  # no code is made up

    def test_cookies_and_mark_of_the_101(self):
        def script(peer):
            ws.accept(peer, [b"Set-Cookie: a=1", b"Set-Cookie: b=2"])
            peer.ended()
        _, got, _ = self.open(script)
        self.assertEqual(got.all("set-cookie"), [b"a=1", b"b=2"])

    def test_refusals_pass(self):
        _, got, _ = self.open(answering(answer(b"no", b"403 Forbidden", [b"X-Why: because"])))
        self.assertEqual((got.status, got.body, got.get("x-why")), (403, b"no", b"because"))

    def test_lost_peer_is_a_cut(self):
        """Section 11, row 15: TCP ends, no close frame is made up."""
        read = threading.Event()

        def script(peer):
            ws.accept(peer)
            peer.send(ws.frame(ws.TEXT, b"last"))
            read.wait(10)  # a reset would overtake it
            peer.reset()
        client, _, _ = self.open(script)
        self.assertEqual(ws.Frame(client).payload, b"last")
        read.set()
        self.assertIn(client.ended(), ("fin", "reset"))
        self.assertEqual(bytes(client.buffer), b"")

    def test_no_connection_is_503(self):
        self.batch("dead", box(self).ip)
        self.wait_routed("dead")
        with self.ingress.connect() as client:
            client.send(raw("GET", "/", ["OpenSandbox-Ingress-To: dead-1", *ws.handshake_fields()]))
            got = client.response()
        self.assertEqual((got.status, got.body), (503, b"Service Unavailable\n"))


if __name__ == "__main__":
    unittest.main()
