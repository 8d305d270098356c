"""Contract 1.6: what the client gets of the sandbox's answer, byte for byte."""
import email.utils
import gzip
import queue
import threading
import time
import unittest

from support.origin import answer, answering, closing_after
from support.peer import Closed
from support.router import RouterCase, request

CONNECT_TEXT = "Could not connect to the backend sandbox: box"
UPGRADE_TEXT = "Backend attempted a WebSocket upgrade over HTTP. Connect using the WebSocket protocol instead."
DATE = b"Date: Tue, 15 Nov 1994 08:12:31 GMT"


class Fields(RouterCase):
    def through(self, data, method="GET", **options):
        return self.ask(self.origin(answering(data)), method, **options)

    def test_whole_answer_byte_for_byte(self):
        data = answer(b"hello", b"299 Odd Reason", [DATE, b"X-CaSe:  a  b ", b"Content-Type: x/y"])
        response = self.through(data)
        self.assertEqual(response.raw, b"HTTP/1.1 299 Odd Reason\r\n" + DATE +
                         b"\r\nX-CaSe: a  b\r\nContent-Type: x/y\r\nContent-Length: 5\r\n\r\nhello")

    def test_set_cookie_lines(self):
        response = self.through(answer(fields=[b"Set-Cookie: a=1; Path=/", b"X-A: 1", b"Set-Cookie: b=2", b"X-A: 2"]))
        self.assertEqual(response.all("set-cookie"), [b"a=1; Path=/", b"b=2"])
        self.assertEqual(response.all("x-a"), [b"1", b"2"])

    def test_gzip_untouched(self):
        body = gzip.compress(b"x" * 10000)
        response = self.through(answer(body, fields=[b"Content-Encoding: gzip", b"ETag: \"1\""]))
        self.assertEqual((response.body, response.all("content-encoding"), response.all("content-length")),
                         (body, [b"gzip"], [b"%d" % len(body)]))

    def test_hop_by_hop_dropped(self):
        response = self.through(answer(fields=[
            b"Connection: X-One, close, x-two", b"Connection: X-Three", b"X-One: 1", b"X-Two: 2", b"X-Three: 3",
            b"Keep-Alive: timeout=5", b"Proxy-Authenticate: Basic", b"Proxy-Connection: close", b"Upgrade: h2c", b"TE: trailers",
            b"X-Kept: 1"]))
        self.assertEqual(set(response.names), {"x-kept", "date", "content-length"})

    def test_date_only_if_absent(self):
        self.assertEqual(self.through(answer(fields=[DATE])).all("date"), [DATE[6:]])
        dates = self.through(answer()).all("date")
        self.assertEqual(len(dates), 1)
        self.assertLess(abs(email.utils.parsedate_to_datetime(dates[0].decode()).timestamp() - time.time()), 30)

    def test_server_and_type_not_added(self):
        self.assertEqual(set(self.through(answer()).names), {"date", "content-length"})
        self.assertEqual(self.through(answer(fields=[b"Server: theirs"])).all("server"), [b"theirs"])

    def test_redirect_neither_followed_nor_rewritten(self):
        origin = self.origin(answering(answer(b"", b"302 Found", [b"Location: http://127.0.0.1:1/else"])))
        response = self.ask(origin)
        self.assertEqual((response.status, response.all("location")), (302, [b"http://127.0.0.1:1/else"]))
        self.assertEqual(origin.connections, 1)

    def test_statuses_unchanged(self):
        for status in (b"200 OK", b"201 ", b"307 T", b"400 Bad", b"401 No", b"404 Not Found", b"418 Teapot", b"429 Slow",
                       b"500 Oops",
                       b"502 Bad Gateway", b"503 Busy", b"504 Late", b"599 X"):
            with self.subTest(status):
                response = self.through(answer(b"theirs", status, [DATE]))
                self.assertEqual(response.raw, b"HTTP/1.1 " + status + b"\r\n" + DATE + b"\r\nContent-Length: 6\r\n\r\ntheirs")

    def test_own_prefix_dropped(self):
        response = self.through(answer(fields=[b"X-Sandgate-Error: connect_failed", b"x-sandgate-forwarded: no"]))
        self.assertEqual(set(response.names), {"date", "content-length"})

    def test_values_beyond_ascii(self):
        self.assertEqual(self.through(answer(fields=[b"X-L: caf\xe9\xff"])).all("x-l"), [b"caf\xe9\xff"])

    def test_status_line_without_reason(self):
        response = self.through(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual((response.status, response.body), (200, b""))


class NoBody(RouterCase):
    def keeps_the_connection(self, data, method="GET"):
        """The answer, after a second request on the same connections was answered as well."""
        origin = self.origin(answering(data))
        client = self.client()
        for _ in range(2):
            client.send(request(origin, method))
            response = client.response(method)
        self.assertEqual(origin.connections, 1)
        self.assertEqual(client.buffer, b"")
        return response

    def test_204(self):
        response = self.keeps_the_connection(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual((response.status, response.all("transfer-encoding")), (204, []))

    def test_204_length_kept_as_given(self):
        response = self.keeps_the_connection(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(response.all("content-length"), [b"0"])

    def test_304(self):
        response = self.keeps_the_connection(b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 1234\r\n\r\n")
        self.assertEqual((response.status, response.all("content-length")), (304, [b"1234"]))

    def test_head(self):
        response = self.keeps_the_connection(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", "HEAD")
        self.assertEqual((response.status, response.all("content-length")), (200, [b"1234"]))

    def test_head_chunked(self):
        response = self.keeps_the_connection(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD")
        self.assertEqual((response.status, response.all("content-length")), (200, []))

    def test_body_after_head_is_not_taken_for_an_answer(self):
        origin = self.origin(answering(answer(b"HTTP/1.1 299 Smuggled\r\nContent-Length: 0\r\n\r\n")))
        client = self.client()
        for _ in range(3):
            client.send(request(origin, "HEAD"))
            self.assertEqual(client.response("HEAD").status, 200)


class Interim(RouterCase):
    def test_passed(self):
        origin = self.origin(answering(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nConnection: X-H\r\nX-H: 1\r\n\r\n"
                                       b"HTTP/1.1 102 Processing\r\n\r\n" + answer()))
        response = self.ask(origin)
        self.assertEqual([one.line for one in response.interim], [b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 102 Processing"])
        self.assertEqual(response.interim[0].fields, [(b"Link", b"</a>; rel=preload")])
        self.assertEqual((response.status, response.body), (200, b"ok"))

    def test_passed_before_the_final_one_comes(self):
        def script(peer):
            peer.note(peer.request())
            peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")
            peer.origin.go.get(timeout=10)
            peer.send(answer())
        origin = self.origin(script)
        origin.go = queue.Queue()
        client = self.client()
        client.send(request(origin))
        self.assertEqual(client.head().status, 103)
        origin.go.put(1)
        self.assertEqual(client.response().status, 200)

    def test_not_to_http_1_0(self):
        response = self.ask(self.origin(answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer())), version="1.0")
        self.assertEqual((response.status, response.interim), (200, []))

    def test_too_many(self):
        hints = b"HTTP/1.1 103 E\r\n\r\n"
        self.assertEqual(len(self.ask(self.origin(answering(hints * 16 + answer()))).interim), 16)
        response = self.ask(self.origin(closing_after(hints * 17 + answer())))
        self.assert_error(response, 502, CONNECT_TEXT, "bad_response", forwarded=True)
        self.assertEqual(self.router.limit_hits("max_interim_responses"), 1)

    def test_not_counted_as_the_answer(self):
        """A 103 must not make the request count as code 103."""
        before = self.router.metric("sandbox_router_requests_total", code="200")
        self.ask(self.origin(answering(b"HTTP/1.1 103 E\r\n\r\n" + answer())))
        self.assertEqual(self.router.metric("sandbox_router_requests_total", code="200"), before + 1)
        self.assertEqual(self.router.metric("sandbox_router_requests_total", code="103"), 0)


class Bodies(RouterCase):
    CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"

    def test_trailers(self):
        data = self.CHUNKED + b"Trailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n"
        response = self.ask(self.origin(answering(data)))
        self.assertEqual((response.body, response.all("trailer"), response.trailers),
                         (b"abc", [b"X-Sum"], [(b"X-Sum", b"1"), (b"X-Other", b"2")]))

    def test_trailers_that_would_change_the_answer(self):
        data = self.CHUNKED + (b"\r\n0\r\nContent-Length: 3\r\nTransfer-Encoding: x\r\nX-Sandgate-Error: y\r\n"
                               b"Connection: close\r\nX-Ok: 1\r\n\r\n")
        self.assertEqual(self.ask(self.origin(answering(data))).trailers, [(b"X-Ok", b"1")])

    def test_flushed_at_once(self):
        """Each event reaches the client while the next one has not been made."""
        def script(peer):
            peer.note(peer.head())
            peer.send(self.CHUNKED + b"Content-Type: text/event-stream\r\n\r\n")
            for number in range(5):
                peer.send(b"9\r\ndata: %d\n\n\r\n" % number)
                peer.until(b"seen")  # the test says that the client has it
            peer.send(b"0\r\n\r\n")
        origin = self.origin(script)
        client = self.client()
        # The upload stays open beside the stream, so the test can speak to the script through the router itself.
        client.send(request(origin, "POST", fields=["Content-Length: 20"]))
        self.assertEqual(client.head().status, 200)
        for number in range(5):
            self.assertEqual(client.exactly(14), b"9\r\ndata: %d\n\n\r\n" % number)
            client.send(b"seen")
        self.assertEqual(client.exactly(5), b"0\r\n\r\n")

    def test_until_close(self):
        origin = self.origin(closing_after(b"HTTP/1.1 200 OK\r\n\r\nall there is"))
        client = self.client()
        client.send(request(origin))
        response = client.response()
        self.assertEqual(response.body, b"all there is")

    def test_until_close_to_1_1_client_keeps_nothing_ambiguous(self):
        origin = self.origin(closing_after(b"HTTP/1.0 200 OK\r\n\r\nold server"))
        response = self.ask(origin)
        self.assertEqual(response.body, b"old server")
        self.assertTrue(response.get("transfer-encoding") == b"chunked" or response.all("connection") == [b"close"])


class Cut(RouterCase):
    """A body that ends early never looks complete."""

    def cut(self, data, version="1.1", reset=False):
        def script(peer):
            peer.note(peer.request())
            peer.send(data)
            if reset:
                peer.origin.seen.wait(10)
                peer.reset()
        origin = self.origin(script)
        origin.seen = threading.Event()
        client = self.client()
        client.send(request(origin, version=version))
        self.assertEqual(client.head().status, 200)
        origin.seen.set()
        try:
            return client.to_end(), "fin"
        except Closed:
            return bytes(client.buffer), "reset"

    def test_inside_length(self):
        body, _ = self.cut(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        self.assertEqual(body, b"half")

    def test_inside_chunks(self):
        for data in (b"4\r\nhalf\r\n", b"8\r\nhalf", b"4\r\nhalf\r\n0\r\n", b"4\r\nhalf\r\n0\r\nX: y\r\n"):
            with self.subTest(data):
                body, _ = self.cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
                self.assertIn(b"half", body)
                self.assertFalse(body.endswith(b"0\r\n\r\n"), body)

    def test_bad_chunk(self):
        body, _ = self.cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nxyz\r\nmore\r\n0\r\n\r\n")
        self.assertFalse(body.endswith(b"0\r\n\r\n"), body)
        self.assertNotIn(b"more", body)

    def test_chunks_cut_to_http_1_0(self):
        """Here the close alone would mean "complete": only a reset shows the cut."""
        _, end = self.cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", version="1.0")
        self.assertEqual(end, "reset")

    def test_until_close_reset(self):
        _, end = self.cut(b"HTTP/1.1 200 OK\r\n\r\nhalf", reset=True)
        self.assertEqual(end, "reset")


class BadAnswers(RouterCase):
    def refused(self, data, detail=CONNECT_TEXT, code="bad_response", **options):
        origin = self.origin(closing_after(data))
        response = self.ask(origin, **options)
        self.assert_error(response, 502, detail, code, forwarded=True)
        self.assertEqual(origin.connections, 1)  # nothing is tried again

    def test_closes_before_any_byte(self):
        self.refused(b"", code="upstream_reset")

    def test_head_cut(self):
        self.refused(b"HTTP/1.1 200 OK\r\nContent-Le", code="upstream_reset")

    def test_not_http(self):
        for data in (b"rubbish\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b"HTTP/2.0 200 OK\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n",
                     b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 099 OK\r\n\r\n", b"HTTP/1.1 200 OK\nX: y\n\n",
                     b"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n", b"HTTP/1.1 200 OK\r\n: empty\r\n\r\n", b"\0" * 100 + b"\r\n\r\n"):
            with self.subTest(data[:40]):
                self.refused(data)

    def test_framing_that_contradicts_itself(self):
        for fields in (b"Content-Length: 2\r\nTransfer-Encoding: chunked", b"Content-Length: 2\r\nContent-Length: 3",
                       b"Content-Length: -1", b"Content-Length: 2, 2", b"Content-Length:", b"Transfer-Encoding: gzip",
                       b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"):
            with self.subTest(fields):
                self.refused(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n0\r\n\r\n")

    def test_unexpected_101(self):
        data = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        self.refused(data, UPGRADE_TEXT, "unexpected_upgrade")

    def test_upgrade_header_alone_allows_no_101(self):
        data = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
        self.refused(data, UPGRADE_TEXT, "unexpected_upgrade", fields=["Connection: Upgrade", "Upgrade: h2c"])

    def test_head_limits(self):
        for data, limit in ((b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000 + b"\r\n\r\n", "max_upstream_head_bytes"),
                            (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 257 + b"\r\n", "max_upstream_head_fields")):
            with self.subTest(limit):
                self.refused(data)
                self.assertEqual(self.router.limit_hits(limit), 1)

    def test_surplus_bytes(self):
        """Bytes after the answer are nobody's answer: dropped, and the connection with them."""
        origin = self.origin(answering(answer(b"one") + b"HTTP/1.1 299 Smuggled\r\nContent-Length: 0\r\n\r\n"))
        client = self.client()
        for _ in range(3):
            client.send(request(origin))
            response = client.response()
            self.assertEqual((response.status, response.body), (200, b"one"))
        self.assertEqual(origin.connections, 3)

    def test_more_than_stated(self):
        origin = self.origin(closing_after(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more"))
        client = self.client()
        client.send(request(origin))
        self.assertEqual(client.response().body, b"ok")
        self.assertEqual(client.buffer, b"")


class Http10Client(RouterCase):
    def raw_answer(self, data, method="GET", fields=()):
        origin = self.origin(answering(data))
        client = self.client()
        client.send(request(origin, method, version="1.0", fields=fields))
        return client.to_end()

    def test_no_chunks_no_trailers(self):
        data = self.raw_answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n" + DATE +
                               b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n")
        head, _, body = data.partition(b"\r\n\r\n")
        self.assertEqual(body, b"abcde")
        self.assertEqual(head.split(b"\r\n")[1:], [DATE, b"Connection: close"])

    def test_length(self):
        data = self.raw_answer(answer(b"abc", fields=[DATE]))
        self.assertEqual(data.split(b"\r\n")[1:], [DATE, b"Content-Length: 3", b"Connection: close", b"", b"abc"])

    def test_closed_even_with_keep_alive(self):
        self.assertIn(b"\r\n\r\nabc", self.raw_answer(answer(b"abc"), fields=["Connection: keep-alive"]))


class ClientConnection(RouterCase):
    def test_kept_and_pipelined(self):
        origin = self.origin(answering(answer(b"1"), answer(b"2"), answer(b"3")))
        client = self.client()
        client.send(request(origin, target="/1") + request(origin, target="/2") + request(origin, target="/3"))
        self.assertEqual([client.response().body for _ in range(3)], [b"1", b"2", b"3"])
        self.assertEqual([origin.request().target for _ in range(3)], [b"/1", b"/2", b"/3"])

    def test_close_is_kept(self):
        client = self.client()
        client.send(request(self.origin(), fields=["Connection: close"]))
        self.assertEqual(client.response().all("connection"), [b"close"])
        self.assertEqual(client.ended(), "fin")

    def test_sandbox_close_does_not_close_the_client(self):
        origin = self.origin(closing_after(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"))
        client = self.client()
        for _ in range(2):
            client.send(request(origin))
            response = client.response()
            self.assertEqual((response.body, response.all("connection")), (b"ok", []))


if __name__ == "__main__":
    unittest.main()
