"""Contract 3.1 and 3.2: the handshake, the relay, and each close."""
import threading
import time
import unittest

from support import websocket as ws
from support.origin import Origin, answer, closing_after
from support.parallel import in_parallel
from support.router import Router, RouterCase, eventually, request


class WebSocketCase(RouterCase):
    def offer(self, origin, *fields, target="/ws", client=None, **keys):
        client = client or self.client()
        client.send(request(origin, target=target, fields=[*ws.handshake_fields(**keys), *fields]))
        return client

    def open(self, origin, *fields, **options):
        """A client whose handshake was accepted."""
        client = self.offer(origin, *fields, **options)
        response = client.response()
        self.assertEqual(response.status, 101, response.raw)
        return client


class Handshake(WebSocketCase):
    def test_both_ways(self):
        origin = self.origin(lambda peer: ws.accept(peer, [b"X-Theirs: 1", b"Sec-WebSocket-Protocol: b"]))
        client = self.offer(origin, "Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Extensions: permessage-deflate; x=1",
                            "Origin: http://evil", "Cookie: a=1", "Cookie: b=2", "X-Mine: 1", target="/ws?token=a%2Fb")
        response = client.response()
        self.assertEqual(response.line, b"HTTP/1.1 101 Switching Protocols")
        self.assertEqual(response.all("sec-websocket-accept"), [ws.accept_of(ws.KEY.encode())])
        self.assertEqual(response.all("sec-websocket-protocol"), [b"b"])
        self.assertEqual(response.all("x-theirs"), [b"1"])
        self.assertEqual([value.lower() for value in response.all("upgrade") + response.all("connection")],
                         [b"websocket", b"upgrade"])
        self.assertEqual(response.all("content-length") + response.all("transfer-encoding"), [])
        seen = origin.request()
        self.assertEqual(seen.line, b"GET /ws?token=a%2Fb HTTP/1.1")
        self.assertEqual(seen.all("sec-websocket-protocol"), [b"a, b"])
        self.assertEqual(seen.all("sec-websocket-extensions"), [b"permessage-deflate; x=1"])
        self.assertEqual(seen.all("sec-websocket-version"), [b"13"])
        self.assertEqual(seen.all("cookie"), [b"a=1", b"b=2"])
        self.assertEqual(seen.all("x-mine"), [b"1"])
        self.assertEqual(seen.all("origin"), [])  # dropped on an upgrade only
        self.assertEqual([value.lower() for value in seen.all("upgrade") + seen.all("connection")], [b"websocket", b"upgrade"])
        self.assertEqual(seen.all("host"), [f"127.0.0.1:{origin.port}".encode()])

    def test_tokens_in_any_case_and_list(self):
        origin = self.origin(ws.echo)
        client = self.client()
        client.send(request(origin, fields=["Connection: keep-alive, UPGRADE", "Upgrade: WebSocket", "Sec-WebSocket-Version: 13",
                                            f"Sec-WebSocket-Key: {ws.KEY}"]))
        self.assertEqual(client.response().status, 101)

    def test_routing_errors_are_json(self):
        for fields, status, detail in ((["X-Sandbox-ID: A"], 400, "Invalid sandbox ID format."), ([], 400,
                                                                                        "X-Sandbox-ID header is required.")):
            with self.subTest(detail):
                lines = ["GET / HTTP/1.1", "Host: h", *ws.handshake_fields(), *fields, "", ""]
                self.assert_error(self.ask_raw("\r\n".join(lines).encode()), status, detail)

    def test_token_is_json(self):
        with Router(token="t") as router, router.connect() as client:
            client.send("\r\n".join(["GET / HTTP/1.1", "Host: h", "X-Sandbox-ID: box", *ws.handshake_fields(), "", ""]).encode())
            self.assert_error(client.response(), 401, "Missing or invalid Authorization header.")

    def test_sandbox_refuses_the_connection(self):
        origin = self.origin()
        origin.close()
        with Router("--upstream-max-retries=0") as router, router.connect() as client:
            client.send(request(origin, fields=ws.handshake_fields()))
            self.assert_error(client.response(), 502, "Could not connect to the backend sandbox: box", "connect_failed")

    def test_sandbox_own_answer(self):
        for status in (b"401 Unauthorized", b"404 Not Found", b"503 Busy", b"200 OK", b"302 Found"):
            with self.subTest(status):
                origin = self.origin(closing_after(answer(b"theirs", status, [b"X-Why: because"])))
                response = self.offer(origin).response()
                self.assertEqual((response.status, response.body, response.all("x-why")),
                                 (int(status[:3]), b"theirs", [b"because"]))

    def test_version(self):
        origin = self.origin()
        for version in ("8", "12", "14", "013", "", "13, 8", None):
            with self.subTest(version):
                response = self.offer(origin, version=version).response()
                self.assertEqual(response.status, 426)
                self.assertEqual(response.all("sec-websocket-version"), [b"13"])
                self.assertEqual(response.get("x-sandgate-forwarded"), b"no")
        self.assertEqual(origin.connections, 0)

    def test_key(self):
        origin = self.origin()
        for key in (None, "", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ==x", "!!!!!!!!!!!!!!!!!!!!!!=="):
            with self.subTest(key):
                response = self.offer(origin, key=key).response()
                self.assertEqual((response.status, response.get("x-sandgate-forwarded")), (400, b"no"))
        self.assertEqual(origin.connections, 0)

    def test_other_upgrades_are_plain_http(self):
        origin = self.origin()
        for upgrade in ("h2c", "TLS/1.0", "spdy/3", "foo, bar"):
            with self.subTest(upgrade):
                response = self.ask(origin, fields=["Connection: Upgrade", f"Upgrade: {upgrade}"])
                self.assertEqual(response.status, 200)
                self.assertEqual(origin.request().all("upgrade"), [])

    def test_http_1_0_asks_for_nothing(self):
        origin = self.origin()
        self.assertEqual(self.ask(origin, fields=ws.handshake_fields(), version="1.0").status, 200)
        self.assertEqual(origin.request().all("upgrade"), [])

    def test_accept_must_answer_the_key(self):
        """CVE-2026-2833: a tunnel only after a 101 that answers our handshake."""
        for name, lines in {"wrong": [b"Upgrade: websocket", b"Connection: Upgrade",
                                      b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="],
                            "missing": [b"Upgrade: websocket", b"Connection: Upgrade"],
                            "no upgrade": [b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + ws.accept_of(ws.KEY.encode())],
                            "no connection": [b"Upgrade: websocket", b"Sec-WebSocket-Accept: " + ws.accept_of(ws.KEY.encode())]
                            }.items():
            with self.subTest(name):
                origin = self.origin(closing_after(
                    b"\r\n".join([b"HTTP/1.1 101 Switching Protocols", *lines]) + b"\r\n\r\nbytes"))
                response = self.offer(origin).response()
                self.assert_error(response, 502, "Could not connect to the backend sandbox: box", forwarded=True)

    def test_nothing_passes_before_the_101(self):
        """Frames sent early wait; a refused handshake turns them into nothing the sandbox sees."""
        go = threading.Event()

        def script(peer):
            peer.note(peer.request())
            go.wait(10)
            peer.origin.early = bytes(peer.buffer)
            peer.send(answer(b"no", b"403 Forbidden"))
            peer.ended(within=0.3)
            peer.origin.early += bytes(peer.buffer)
        origin = self.origin(script)
        client = self.offer(origin)
        client.send(b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
        origin.request()
        go.set()
        self.assertEqual(client.response().status, 403)
        self.assertTrue(eventually(lambda: hasattr(origin, "early")))
        self.assertEqual(bytes(origin.early), b"")

    def test_body_with_a_handshake(self):
        origin = self.origin()
        response = self.offer(origin, "Content-Length: 5").response()
        self.assertEqual(response.status, 400)
        self.assertEqual(origin.connections, 0)

    def test_sandbox_timeout_is_ignored(self):
        def script(peer):
            time.sleep(0.4)
            ws.echo(peer)
        self.open(self.origin(script), "X-Sandbox-Timeout: 0.1")

    def test_open_limit_is_the_proxy_timeout(self):
        def script(peer):
            peer.note(peer.request())
            peer.ended()
        with Router("--proxy-timeout=300ms") as router, Origin(script) as origin, router.connect() as client:
            client.send(request(origin, fields=ws.handshake_fields()))
            self.assert_error(client.response(), 504, "Timed out waiting for the backend sandbox: box", forwarded=True)


class Relay(WebSocketCase):
    def test_frames_verbatim(self):
        """No reassembly, no re-compression, masks and all."""
        got = threading.Event()
        sent = (ws.frame(ws.TEXT, b"he", fin=False, masked=True) + ws.frame(ws.PING, b"p", masked=True) +
                ws.frame(ws.CONTINUATION, b"llo", masked=True) + ws.frame(ws.BINARY, bytes(300), masked=True) +
                ws.frame(ws.BINARY, bytes(70000), masked=True) + ws.frame(ws.PONG, b"", masked=True))
        back = (ws.frame(ws.TEXT, b"he", fin=False) + ws.frame(ws.PONG, b"p") + ws.frame(ws.CONTINUATION, b"llo") +
                ws.frame(ws.BINARY, bytes(70000)) + ws.frame(ws.PING, b""))

        def script(peer):
            ws.accept(peer)
            peer.origin.bytes = peer.exactly(len(sent))
            got.set()
            peer.send(back)
            peer.ended()
        origin = self.origin(script)
        client = self.open(origin)
        for at in range(0, len(sent), 997):
            client.send(sent[at:at + 997])
        self.assertTrue(got.wait(10))
        self.assertTrue(origin.bytes == sent)
        self.assertTrue(client.exactly(len(back)) == back)

    def test_frame_in_the_handshake_packet(self):
        origin = self.origin(ws.echo)
        client = self.client()
        client.send(request(origin, fields=ws.handshake_fields()) + ws.frame(ws.TEXT, b"early", masked=True))
        self.assertEqual(client.response().status, 101)
        self.assertEqual(ws.Frame(client).payload, b"early")

    def test_frame_behind_the_101(self):
        def script(peer):
            request_seen = peer.request()
            peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
                      ws.accept_of(request_seen.get("sec-websocket-key")) + b"\r\n\r\n" + ws.frame(ws.TEXT, b"first"))
            peer.ended()
        client = self.open(self.origin(script))
        self.assertEqual(ws.Frame(client).payload, b"first")

    def test_rsv_bits_pass_with_an_extension(self):
        def script(peer):
            ws.accept(peer, [b"Sec-WebSocket-Extensions: permessage-deflate"])
            peer.origin.frame = ws.Frame(peer)
            peer.send(ws.frame(ws.TEXT, b"\x01\x02", rsv=4))
            peer.ended()
        origin = self.origin(script)
        client = self.open(origin, "Sec-WebSocket-Extensions: permessage-deflate")
        client.send(ws.frame(ws.TEXT, b"\x01", masked=True, rsv=4))
        back = ws.Frame(client)
        self.assertEqual((back.rsv, back.payload, origin.frame.rsv), (4, b"\x01\x02", 4))

    def test_large_messages(self):
        origin = self.origin(ws.echo)
        client = self.open(origin)
        payload = bytes(range(256)) * 4096 * 8
        sender = threading.Thread(target=client.send, args=(ws.frame(ws.BINARY, payload, masked=True),))
        sender.start()
        self.assertTrue(ws.Frame(client).payload == payload)
        sender.join()

    def test_half_close_both_ways(self):
        """Tunnels keep half-close: after a FIN the other direction goes on."""
        def sandbox_reads_to_the_end(peer):
            ws.accept(peer)
            try:
                while True:
                    peer.more()
            except Exception as end:
                peer.origin.end = end
            peer.send(ws.frame(ws.TEXT, b"after your end"))
            peer.send(ws.close_frame(1000))
            peer.shut_down()
        origin = self.origin(sandbox_reads_to_the_end)
        client = self.open(origin)
        client.send(ws.frame(ws.TEXT, b"x", masked=True))
        client.shut_down()
        self.assertEqual(ws.Frame(client).payload, b"after your end")
        self.assertEqual(ws.Frame(client).close, (1000, b""))


class Closes(WebSocketCase):
    def closing(self, data, then="fin"):
        """A script: accepts, sends `data`, ends its side."""
        def script(peer):
            ws.accept(peer)
            peer.send(data)
            if then == "fin":
                peer.shut_down()
            elif then == "reset":
                peer.origin.go.wait(10)
                peer.reset()
                return
            peer.origin.saw = []
            while True:
                peer.origin.saw.append(ws.Frame(peer))
        return script

    def test_client_close(self):
        for frame, seen in ((ws.close_frame(4000, b"why", masked=True), (4000, b"why")),
                            (ws.close_frame(masked=True), (None, b"")),
                            (ws.close_frame(1000, masked=True), (1000, b""))):
            with self.subTest(seen):
                def script(peer):
                    ws.accept(peer)
                    got = ws.Frame(peer)
                    peer.origin.close_seen = got.close
                    peer.send(ws.frame(ws.CLOSE, got.payload))
                    peer.shut_down()
                    peer.ended()
                origin = self.origin(script)
                client = self.open(origin)
                client.send(frame)
                self.assertEqual(ws.Frame(client).close, seen)
                self.assertEqual(client.ended(), "fin")
                self.assertEqual(origin.close_seen, seen)

    def test_sandbox_close(self):
        for data, seen in ((ws.close_frame(4001, b"bye"), (4001, b"bye")), (ws.close_frame(), (None, b""))):
            with self.subTest(seen):
                client = self.open(self.origin(self.closing(data)))
                self.assertEqual(ws.Frame(client).close, seen)
                client.send(ws.close_frame(seen[0], masked=True))
                self.assertEqual(client.ended(), "fin")

    def test_sandbox_lost(self):
        """No close frame before the end: the client gets 1011 instead of a bare cut."""
        client = self.open(self.origin(self.closing(ws.frame(ws.TEXT, b"last"))))
        self.assertEqual(ws.Frame(client).payload, b"last")
        code, reason = ws.Frame(client).close
        self.assertEqual(code, 1011)
        self.assertTrue(reason)
        self.assertIn(client.ended(), ("fin", "reset"))

    def test_sandbox_reset(self):
        origin = self.origin(self.closing(ws.frame(ws.TEXT, b"last"), "reset"))
        origin.go = threading.Event()
        client = self.open(origin)
        self.assertEqual(ws.Frame(client).payload, b"last")
        origin.go.set()
        self.assertEqual(ws.Frame(client).close[0], 1011)
        self.assertIn(client.ended(), ("fin", "reset"))

    def test_sandbox_lost_inside_a_frame(self):
        """A close frame cannot be put there: the connection is cut, nothing looks complete."""
        client = self.open(self.origin(self.closing(ws.frame(ws.BINARY, bytes(1000))[:500])))
        begin = time.monotonic()
        self.assertEqual(len(client.exactly(500)), 500)
        self.assertIn(client.ended(), ("fin", "reset"))
        self.assertEqual(client.buffer, b"")
        self.assertLess(time.monotonic() - begin, 8)

    def test_client_lost(self):
        for leave in ("close", "reset"):
            with self.subTest(leave):
                ended = threading.Event()

                def script(peer):
                    ws.accept(peer)
                    peer.ended()
                    ended.set()
                client = self.open(self.origin(script))
                getattr(client, leave)()
                self.assertTrue(ended.wait(3))

    def protocol_error(self, bad, code=1002):
        """The client sends a frame that breaks the rules: both sides get a real close frame."""
        def script(peer):
            ws.accept(peer)
            peer.origin.saw = ws.Frame(peer)
        origin = self.origin(script)
        client = self.open(origin)
        client.send(bad)
        got, reason = ws.Frame(client).close
        self.assertEqual(got, code)
        self.assertEqual(client.ended(), "fin")
        self.assertTrue(eventually(lambda: origin.saw is not None))
        self.assertEqual(origin.saw.close[0], code)
        self.assertTrue(origin.saw.masked)
        return reason

    def test_client_breaks_the_rules(self):
        for name, bad in {"unmasked": ws.frame(ws.TEXT, b"x"), "rsv": ws.frame(ws.TEXT, b"x", masked=True, rsv=1),
                          "opcode 3": ws.frame(3, b"x", masked=True), "opcode 11": ws.frame(11, b"x", masked=True),
                          "long ping": ws.frame(ws.PING, bytes(126), masked=True),
                          "cut ping": ws.frame(ws.PING, b"x", fin=False, masked=True),
                          "stray continuation": ws.frame(ws.CONTINUATION, b"x", masked=True),
                          "close of one byte": ws.frame(ws.CLOSE, b"x", masked=True)}.items():
            with self.subTest(name):
                self.protocol_error(bad)

    def test_sandbox_breaks_the_rules(self):
        """A masked frame from a sandbox."""
        def script(peer):
            ws.accept(peer)
            peer.send(ws.frame(ws.TEXT, b"x", masked=True))
            peer.origin.saw = ws.Frame(peer)
        origin = self.origin(script)
        client = self.open(origin)
        self.assertEqual(ws.Frame(client).close[0], 1002)
        self.assertTrue(eventually(lambda: origin.saw is not None))


class Limits(WebSocketCase):
    flags = ("--websocket-max-message-bytes=1000",)

    def quiet(self, peer):
        peer.origin.saw = []  # first: the client may be told before this thread runs again
        ws.accept(peer)
        while True:
            peer.origin.saw.append(ws.Frame(peer))

    def test_client_message_too_big(self):
        for name, frames in {"whole": [ws.frame(ws.TEXT, bytes(1001), masked=True)],
                             "over fragments": [ws.frame(ws.TEXT, bytes(600), fin=False, masked=True),
                                                ws.frame(ws.PING, b"", masked=True),
                                                ws.frame(ws.CONTINUATION, bytes(401), masked=True)]}.items():
            with self.subTest(name):
                origin = self.origin(self.quiet)
                client = self.open(origin)
                client.send(b"".join(frames))
                self.assertEqual(ws.Frame(client).close[0], 1009)
                self.assertEqual(client.ended(), "fin")
                self.assertTrue(eventually(lambda: origin.saw and origin.saw[-1].opcode == ws.CLOSE))
                self.assertEqual(origin.saw[-1].close[0], 1009)
                self.assertNotIn(1001, [len(one.payload) for one in origin.saw])

    def test_sandbox_message_too_big(self):
        """1009 is a frame on the wire, not just a cut."""
        for data in (ws.frame(ws.BINARY, bytes(1001)), ws.frame(ws.BINARY, bytes(5_000_000)),
                     ws.frame(ws.TEXT, bytes(999), fin=False) + ws.frame(ws.CONTINUATION, bytes(2))):
            with self.subTest(len(data)):
                def script(peer, data=data):
                    ws.accept(peer)
                    peer.send(ws.frame(ws.TEXT, b"before"))
                    peer.send(data)
                    peer.ended()
                client = self.open(self.origin(script))
                self.assertEqual(ws.Frame(client).payload, b"before")
                frame = ws.Frame(client)
                if len(frame.payload) == 999:
                    frame = ws.Frame(client)
                code, reason = frame.close
                self.assertEqual((code, reason), (1009, b"message too big"))
                self.assertEqual(client.ended(), "fin")
        self.assertTrue(eventually(lambda: self.router.limit_hits("websocket_max_message_bytes") >= 3))  # at a tunnel's end

    def test_exactly_the_limit(self):
        client = self.open(self.origin(ws.echo))
        client.send(ws.frame(ws.TEXT, bytes(400), fin=False, masked=True) + ws.frame(ws.CONTINUATION, bytes(600), masked=True) +
                    ws.frame(ws.TEXT, bytes(1000), masked=True))
        self.assertEqual([len(ws.Frame(client).payload) for _ in range(3)], [400, 600, 1000])


class Ages(unittest.TestCase):
    def open(self, router, origin):
        client = router.connect()
        self.addCleanup(client.close)
        client.send(request(origin, fields=ws.handshake_fields()))
        self.assertEqual(client.response().status, 101)
        return client

    def test_all(self):
        def both_sides_get(router, wanted, keep_alive=None, earliest=0.4, latest=8):
            def script(peer):
                ws.accept(peer)
                stop = threading.Event()
                if keep_alive:
                    threading.Thread(target=keep_alive, args=(peer, stop), daemon=True).start()
                peer.origin.saw = []
                try:
                    while True:
                        peer.origin.saw.append(ws.Frame(peer))
                finally:
                    stop.set()
            with router, Origin(script) as origin:
                begin = time.monotonic()
                client = self.open(router, origin)
                while True:
                    got = ws.Frame(client)
                    if got.opcode == ws.CLOSE:
                        break
                took = time.monotonic() - begin
                self.assertEqual(got.close, wanted)
                self.assertTrue(earliest < took < latest, took)
                self.assertTrue(eventually(lambda: origin.saw and origin.saw[-1].opcode == ws.CLOSE))
                self.assertEqual(origin.saw[-1].close, wanted)
                self.assertIn(client.ended(), ("fin", "reset"))

        def data_from_the_sandbox(peer, stop):
            while not stop.wait(0.2):
                peer.send(ws.frame(ws.TEXT, b"tick"))

        def idle():
            router = Router("--websocket-idle-timeout=500ms")
            both_sides_get(router, (1001, b"idle timeout exceeded"))

        def idle_by_environment():
            router = Router(env={"WEBSOCKET_IDLE_TIMEOUT_SECONDS": "0.5"})
            both_sides_get(router, (1001, b"idle timeout exceeded"))

        def life():
            router = Router("--websocket-max-lifetime=3s", "--websocket-idle-timeout=2s")
            both_sides_get(router, (1001, b"max lifetime exceeded"), data_from_the_sandbox, earliest=2.9)

        def data_keeps_it_open():
            with Router("--websocket-idle-timeout=2s") as router, Origin(ws.echo) as origin:
                client = self.open(router, origin)
                for _ in range(6):
                    time.sleep(0.4)
                    client.send(ws.frame(ws.TEXT, b"x", masked=True))
                    self.assertEqual(ws.Frame(client).payload, b"x")

        def client_pings_do_not():
            def quiet(peer):
                ws.accept(peer)
                peer.ended()
            with Router("--websocket-idle-timeout=500ms") as router, Origin(quiet) as origin:
                client = self.open(router, origin)
                stop = threading.Event()

                def ping():
                    while not stop.wait(0.1):
                        try:
                            client.send(ws.frame(ws.PING, b"", masked=True))
                        except OSError:
                            return
                thread = threading.Thread(target=ping)
                thread.start()
                self.assertEqual(ws.Frame(client).close, (1001, b"idle timeout exceeded"))
                stop.set()
                thread.join()

        def client_pings_do_by_option():
            with Router("--websocket-idle-timeout=2s", "--websocket-ping-is-activity") as router, Origin(ws.echo) as origin:
                client = self.open(router, origin)
                for _ in range(6):
                    time.sleep(0.4)
                    client.send(ws.frame(ws.PING, b"", masked=True))
                    self.assertEqual(ws.Frame(client).opcode, ws.PONG)

        def off():
            with Router("--websocket-idle-timeout=0", "--websocket-max-lifetime=0") as router, Origin(ws.echo) as origin:
                client = self.open(router, origin)
                self.assertIsNone(client.ended(within=1))

        in_parallel(self, {check.__name__: check for check in (
            idle, idle_by_environment, life, data_keeps_it_open, client_pings_do_not, client_pings_do_by_option, off)})

    def test_counted(self):
        with Router("--websocket-idle-timeout=100ms") as router, Origin(ws.echo) as origin:
            client = self.open(router, origin)
            self.assertEqual(ws.Frame(client).close[0], 1001)
            client.close()
            self.assertTrue(eventually(lambda: router.limit_hits("websocket_idle_timeout") == 1))
        with Router("--websocket-max-lifetime=100ms") as router, Origin(ws.echo) as origin:
            client = self.open(router, origin)
            self.assertEqual(ws.Frame(client).close[0], 1001)
            client.close()
            self.assertTrue(eventually(lambda: router.limit_hits("websocket_max_lifetime") == 1))

    def test_close_waits_for_a_frame_boundary(self):
        """A message in the middle: the close comes behind it, not inside it."""
        go = threading.Event()

        def script(peer):
            ws.accept(peer)
            data = ws.frame(ws.BINARY, bytes(100_000))
            peer.send(data[:50_000])
            go.wait(10)
            peer.send(data[50_000:])
            peer.ended()
        with Router("--websocket-max-lifetime=300ms") as router, Origin(script) as origin:
            client = self.open(router, origin)
            begin = time.monotonic()
            while len(client.buffer) < 50_000:
                client.more()
            time.sleep(max(0, begin + 0.8 - time.monotonic()))  # the life is over, the frame is not
            go.set()
            self.assertEqual(len(ws.Frame(client).payload), 100_000)
            self.assertEqual(ws.Frame(client).close, (1001, b"max lifetime exceeded"))

    def test_cut_when_no_boundary_comes(self):
        def script(peer):
            ws.accept(peer)
            peer.send(ws.frame(ws.BINARY, bytes(1000))[:500])
            done.wait(10)
        done = threading.Event()
        self.addCleanup(done.set)
        with Router("--websocket-max-lifetime=300ms") as router, Origin(script) as origin:
            begin = time.monotonic()
            client = self.open(router, origin)
            client.exactly(500)
            self.assertIn(client.ended(), ("fin", "reset"))
            self.assertTrue(2.0 < time.monotonic() - begin < 8)
            self.assertEqual(client.buffer, b"")
            done.set()


if __name__ == "__main__":
    unittest.main()
