"""Path proxy, contract path-proxy 4.1: what goes through to the sandbox and back."""
import hashlib
import threading
import unittest

from harness.boxes import PORT, box
from harness.gateway import fields_of, raw, told
from harness.path_case import PathCase
from harness.peers import answer, answering, ws


class Requests(PathCase):
    def test_every_method(self):
        self.add("box", user="m")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO"):
            with self.subTest(method):
                body = b"abc" if method in ("POST", "PUT", "PATCH") else b""
                got = told(self.proxy.ask(method, "/m/box/execute", body=body))
                self.assertEqual((got["method"], got["target"], got["size"]), (method, "/execute", len(body)))

    def test_head(self):
        origin = self.add("box", user="m", script=answering(answer(b"", fields=[b"X-A: b"])))
        with self.proxy.connect() as client:
            got = self.proxy.ask("HEAD", "/m/box/x", client=client)
            self.assertEqual((got.status, got.get("x-a")), (200, b"b"))
            self.assertEqual(origin.request().method, b"HEAD")

    def test_query_and_escapes_kept(self):
        self.add("box", user="q")
        for rest in ("a/b%20c%2Fd?x=1&y=2", "?", "a??b", "a?x=%2F&y=a+b&z=%zz", "%41%2e", "a;b=c,d@e:!$&'()*+~"):
            with self.subTest(rest):
                self.assertEqual(told(self.get("/q/box/" + rest))["target"], "/" + rest)

    def test_request_fields(self):
        origin = self.add("box", user="f")
        got = told(self.get("/f/box/", "X-A: 1", "X-A: 2", "Cookie: a=1", "Authorization: Bearer mine", "Connection: x-hop",
                            "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Authorization: x", "Proxy-Connection: keep-alive",
                            "TE: trailers, deflate", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https",
                            "X-Forwarded-Host: evil", "X-Forwarded-Prefix: /evil/x", "Forwarded: for=6.6.6.6"))
        self.assertEqual(fields_of(got, "x-a"), ["1", "2"])
        self.assertEqual(fields_of(got, "cookie"), ["a=1"])
        self.assertEqual(fields_of(got, "authorization"), ["Bearer mine"])
        for gone in ("x-hop", "keep-alive", "proxy-authorization", "proxy-connection", "forwarded"):
            self.assertEqual(fields_of(got, gone), [], gone)
        self.assertEqual(fields_of(got, "te"), ["trailers"])
        self.assertEqual(fields_of(got, "host"), [f"{origin.ip}:{PORT}"])
        self.assertEqual(fields_of(got, "x-forwarded-for"), ["127.0.0.1"])
        self.assertEqual(fields_of(got, "x-forwarded-proto"), ["http"])
        self.assertEqual(fields_of(got, "x-forwarded-host"), ["client.example"])
        self.assertEqual(fields_of(got, "x-forwarded-prefix"), ["/f/box"])
        self.assertEqual(len(fields_of(got, "x-request-id")), 1)
        self.assertEqual(fields_of(told(self.get("/f/box/", "X-Request-Id: mine")), "x-request-id"), ["mine"])
        trace = "0af7651916cd43dd8448eb211c80319c"
        sent = fields_of(told(self.get("/f/box/", f"traceparent: 00-{trace}-b7ad6b7169203331-01")), "traceparent")
        self.assertEqual(sent[0].split("-")[1], trace)

    def test_bodies_of_any_kind(self):
        self.add("box", user="b")
        data = bytes(range(256)) * 4096
        got = told(self.proxy.ask("POST", "/b/box/up", ["Content-Type: application/octet-stream"], data))
        self.assertEqual((got["size"], got["sha256"]), (len(data), hashlib.sha256(data).hexdigest()))
        self.assertEqual(fields_of(got, "content-type"), ["application/octet-stream"])
        broken = told(self.proxy.ask("POST", "/b/box/up", ["Content-Type: application/json"], b'{"broken'))
        self.assertEqual(broken["size"], 8)
        chunked = told(self.proxy.ask("POST", "/b/box/up", ["Transfer-Encoding: chunked"], b"3\r\nabc\r\n0\r\n\r\n"))
        self.assertEqual((chunked["size"], fields_of(chunked, "transfer-encoding")), (3, ["chunked"]))

    def test_expect_is_forwarded(self):
        def script(peer):
            request = peer.head()
            peer.note(request)
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            peer.exactly(3)
            peer.send(answer(b"done"))
            peer.ended()
        origin = self.add("box", user="e", script=script)
        with self.proxy.connect() as client:
            client.send(raw("POST", "/e/box/", ["Expect: 100-continue", "Content-Length: 3"]))
            self.assertEqual(client.head().status, 100)
            client.send(b"abc")
            self.assertEqual(client.response().body, b"done")
        self.assertEqual(origin.request().get("expect"), b"100-continue")


class Answers(PathCase):
    def through(self, data, target="/a/box/x", method="GET"):
        self.add("box", user="a", script=answering(data))
        return self.proxy.ask(method, target)

    def test_text(self):
        got = self.through(answer(b"plain words", fields=[b"Content-Type: text/plain", b"Server: mine", b"X-A: 1", b"X-A: 2"]))
        self.assertEqual((got.status, got.body, got.get("content-type")), (200, b"plain words", b"text/plain"))
        self.assertEqual((got.all("server"), got.all("x-a")), ([b"mine"], [b"1", b"2"]))
        self.assertEqual(got.all("access-control-allow-origin") + got.all("x-powered-by") + got.all("x-sandgate-error"), [])

    def test_teapot(self):
        got = self.through(answer(b'{"a":1}', b"418 I'm a teapot"))
        self.assertEqual((got.status, got.line, got.body), (418, b"HTTP/1.1 418 I'm a teapot", b'{"a":1}'))

    def test_sandbox_errors_pass(self):
        got = self.through(answer(b"own", b"503 Own"))
        self.assertEqual((got.status, got.body, got.get("x-sandgate-error")), (503, b"own", None))

    def test_trailers_chunks_and_hop_by_hop(self):
        got = self.through(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\nConnection: x-hop\r\nX-Hop: 1\r\n"
                           b"Keep-Alive: timeout=9\r\n\r\n3\r\nabc\r\n0\r\nX-T: end\r\n\r\n")
        self.assertEqual((got.body, got.trailers), (b"abc", [(b"X-T", b"end")]))
        self.assertEqual(got.all("x-hop") + got.all("keep-alive"), [])

    def test_compressed_bytes_are_not_touched(self):
        got = self.through(answer(b"\x1f\x8b\x08zzz", fields=[b"Content-Encoding: gzip"]))
        self.assertEqual((got.body, got.get("content-encoding")), (b"\x1f\x8b\x08zzz", b"gzip"))

    def test_early_hints(self):
        got = self.through(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(b"ok"))
        self.assertEqual([one.status for one in got.interim], [103])

    def test_location_gets_the_prefix(self):
        origin = box(self, name="loc")
        target = f"{origin.ip}:{PORT}"
        where = {"/login": "/a/loc/login", f"http://{target}/x?y": "/a/loc/x?y",
                 "http://other.example/x": "http://other.example/x",
                 "relative/x": "relative/x", "//other.example/x": "//other.example/x", "/a/loc/in": "/a/loc/a/loc/in"}

        def script(peer):
            while True:
                request = peer.note(peer.request())
                at = int(request.target[1:])
                peer.send(answer(b"", b"302 Found", [b"Location: " + list(where)[at].encode()]))
        origin.script = script
        self.sandbox("loc", ips=[origin.ip], user="a")
        self.wait_listed("a/loc")
        for at, (given, wanted) in enumerate(where.items()):
            with self.subTest(given):
                got = self.get(f"/a/loc/{at}").get("location").decode()
                if given.startswith("http://" + target):
                    self.assertTrue(got.endswith(wanted) and target not in got, got)
                elif given == "/a/loc/in":
                    self.assertIn(got, (wanted, given))
                else:
                    self.assertEqual(got, wanted)

    def test_cookie_path_gets_the_prefix(self):
        got = self.through(answer(b"", fields=[b"Set-Cookie: a=1; Path=/", b"Set-Cookie: b=2; path=/; HttpOnly",
                                               b"Set-Cookie: c=3; Path=/sub"]))
        cookies = [one.decode() for one in got.all("set-cookie")]
        self.assertEqual(len(cookies), 3)
        self.assertIn("Path=/a/box/", cookies[0])
        self.assertIn("/a/box/", cookies[1])
        self.assertIn("HttpOnly", cookies[1])
        self.assertIn("/sub", cookies[2])


class Streams(PathCase):
    def test_first_event_is_not_delayed(self):
        go = threading.Event()

        def script(peer):
            peer.note(peer.request())
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for text in (b"data: 1\n\n", b"data: 2\n\n"):
                peer.send(b"%x\r\n%s\r\n" % (len(text), text))
                go.wait(10)
                go.clear()
            peer.send(b"0\r\n\r\n")
            peer.ended()
        self.add("box", user="s", script=script)
        with self.proxy.connect() as client:
            client.send(raw("GET", "/s/box/events"))
            self.assertEqual(client.head().status, 200)
            self.assertEqual(client.until(b"data: 1\n\n\r\n")[-11:], b"data: 1\n\n\r\n")
            go.set()
            client.until(b"data: 2\n\n\r\n")
            go.set()
            self.assertEqual(client.exactly(5), b"0\r\n\r\n")

    def test_big_body_in_constant_memory(self):
        size, block = 1 << 30, bytes(range(256)) * 4096

        def script(peer):
            peer.note(peer.head())
            left = size
            while left:
                left -= len(peer.exactly(min(left, 1 << 20)))
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size // len(block)):
                peer.send(block)
            peer.ended()
        self.add("box", user="s", script=script)

        self.get("/s/box2/")
        before = self.proxy.program.peak_memory_bytes()
        with self.proxy.connect() as client:
            client.send(raw("POST", "/s/box/", [f"Content-Length: {size}"]))
            for _ in range(size // len(block)):
                client.send(block)
            head = client.head()
            self.assertEqual((head.status, head.get("content-length")), (200, b"%d" % size))
            left = size
            while left:
                part = client.exactly(min(left, 1 << 20))
                self.assertEqual(part, block[:len(part)])
                left -= len(part)
        self.assertLess(self.proxy.program.peak_memory_bytes() - before, 16 << 20)


class WebSocket(PathCase):
    def open(self, script=ws.echo, fields=()):
        self.add("box", user="w", script=script)
        client = self.proxy.connect()
        self.addCleanup(client.close)
        client.send(raw("GET", "/w/box/ws?a=b", [*ws.handshake_fields(), *fields]))
        return client, client.response()

    def test_echo_ping_and_close(self):
        client, got = self.open(fields=["Origin: http://x", "Sec-WebSocket-Protocol: chat", "Cookie: a=1"])
        self.assertEqual(got.status, 101)
        self.assertEqual(got.get("sec-websocket-accept"), ws.accept_of(ws.KEY.encode()))
        for payload in (b"", b"hi", b"x" * 70000, b"y" * (1 << 20)):
            client.send(ws.frame(ws.BINARY, payload, masked=True))
            self.assertEqual(ws.Frame(client).payload, payload)
        client.send(ws.frame(ws.PING, b"p", masked=True))
        got = ws.Frame(client)
        self.assertEqual((got.opcode, got.payload), (ws.PONG, b"p"))
        client.send(ws.close_frame(4001, b"bye", masked=True))
        self.assertEqual(ws.Frame(client).close, (4001, b"bye"))
        self.assertEqual(client.ended(), "fin")

    def test_half_close(self):
        def script(peer):
            ws.accept(peer)
            while True:
                got = ws.Frame(peer)
                if got.opcode == ws.CLOSE:
                    break
            peer.send(ws.frame(ws.TEXT, b"after") + ws.close_frame(1000))
            peer.shut_down()
            peer.ended()
        client, _ = self.open(script)
        client.send(ws.close_frame(1000, masked=True))
        client.shut_down()
        self.assertEqual(ws.Frame(client).payload, b"after")
        self.assertEqual(ws.Frame(client).close[0], 1000)

    def test_refusal_of_the_sandbox_passes(self):
        _, got = self.open(answering(answer(b"no", b"403 Forbidden")))
        self.assertEqual((got.status, got.body), (403, b"no"))

    def test_not_a_known_sandbox(self):
        with self.proxy.connect() as client:
            client.send(raw("GET", "/w/none/ws", ws.handshake_fields()))
            self.assertEqual(client.response().status, 404)


if __name__ == "__main__":
    unittest.main()
