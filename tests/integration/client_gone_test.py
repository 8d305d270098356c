"""Contract 1.9: what a client's FIN or RST means, Expect, the body cap, back-pressure."""
import threading
import time
import unittest

from support.origin import Origin, answer, answering
from support.router import Router, RouterCase, eventually, request


class Watching:
    """A script that reads a request's head and then tells how and when its connection ended."""

    def __init__(self, whole=True, first=b""):
        self.ended = threading.Event()
        self.how = None
        self.whole = whole
        self.first = first

    def __call__(self, peer):
        peer.note(peer.request() if self.whole else peer.head())
        if self.first:
            peer.send(self.first)
        self.how = peer.ended()
        self.ended.set()


class Gone(RouterCase):
    """The sandbox's side is ended within 1 s."""

    def cancelled(self, leave, whole=True, first=b"", data=None):
        script = Watching(whole, first)
        origin = self.origin(script)
        client = self.client()
        client.send(data(origin) if data else request(origin))
        origin.request()
        if first:
            client.head()
        begin = time.monotonic()
        leave(client)
        self.assertTrue(script.ended.wait(5))
        self.assertIn(script.how, ("fin", "reset"))
        self.assertLess(time.monotonic() - begin, 4)  # a second, on a machine that is not busy
        return client

    def test_close_before_the_answer(self):
        self.cancelled(lambda client: client.close())

    def test_reset_before_the_answer(self):
        self.cancelled(lambda client: client.reset())

    def test_half_close_before_the_answer(self):
        client = self.cancelled(lambda client: client.shut_down())
        self.assertEqual(client.to_end(), b"")  # no answer: the client is treated as gone

    def test_in_the_middle_of_a_body(self):
        for leave in (lambda client: client.close(), lambda client: client.shut_down(), lambda client: client.reset()):
            self.cancelled(leave, whole=False,
                           data=lambda origin: request(origin, "POST", fields=["Content-Length: 100"], body=b"half"))

    def test_in_the_stream(self):
        first = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
        self.cancelled(lambda client: client.reset(), first=first)

    def test_close_in_a_flowing_stream(self):
        ended = threading.Event()

        def script(peer):
            peer.note(peer.request())
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while True:
                    peer.send(b"1\r\nx\r\n")
                    time.sleep(0.01)
            except OSError:
                ended.set()
        origin = self.origin(script)
        client = self.client()
        client.send(request(origin))
        client.head()
        client.close()
        self.assertTrue(ended.wait(4))

    def test_fin_after_the_answer_has_begun(self):
        """It is written on until a write fails: such a client still gets everything."""
        go = threading.Event()

        def script(peer):
            peer.note(peer.request())
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
            go.wait(10)
            time.sleep(0.1)  # the FIN has been seen by then; it must not matter
            peer.send(b"other")
        origin = self.origin(script)
        client = self.client()
        client.send(request(origin))
        client.head()
        client.shut_down()
        go.set()
        self.assertEqual(client.to_end(), b"firstother")

    def test_counted_as_499(self):
        self.cancelled(lambda client: client.close())
        self.assertTrue(eventually(lambda: self.router.metric("sandbox_router_requests_total", code="499") >= 1))

    def test_while_dialling(self):
        origin = self.origin()
        port = origin.port
        origin.close()
        client = self.client()
        client.send(request(origin))
        self.assertTrue(eventually(lambda: self.router.metric("sandbox_router_inflight_requests") >= 1))
        client.close()
        self.assertTrue(eventually(lambda: self.router.metric("sandbox_router_inflight_requests") == 0, within=4))
        self.assertEqual(port, origin.port)


class HalfCloseAllowed(RouterCase):
    flags = ("--half-close=allow",)

    def test_answer_still_comes(self):
        go = threading.Event()

        def script(peer):
            peer.note(peer.request())
            go.wait(10)
            time.sleep(0.1)
            peer.send(answer(b"late"))
            peer.ended()
        origin = self.origin(script)
        client = self.client()
        client.send(request(origin))
        client.shut_down()
        origin.request()
        go.set()
        self.assertEqual(client.response().body, b"late")
        self.assertEqual(client.ended(), "fin")

    def test_request_and_fin_together(self):
        origin = self.origin()
        client = self.client()
        client.send(request(origin))
        client.shut_down()
        self.assertEqual(client.response().status, 200)

    def test_reset_cancels_always(self):
        script = Watching()
        origin = self.origin(script)
        client = self.client()
        client.send(request(origin))
        origin.request()
        client.reset()
        self.assertTrue(script.ended.wait(4))

    def test_cut_message_is_not_passed_as_whole(self):
        script = Watching(whole=False)
        origin = self.origin(script)
        client = self.client()
        client.send(request(origin, "POST", fields=["Content-Length: 100"], body=b"half"))
        origin.request()
        client.shut_down()
        self.assertTrue(script.ended.wait(4))


class Expect(RouterCase):
    FIELDS = ["Expect: 100-continue", "Content-Length: 5"]

    def test_sandbox_100_is_relayed(self):
        def script(peer):
            head = peer.note(peer.head())
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            head.body = peer.exactly(5)
            peer.send(answer())
        origin = self.origin(script)
        client = self.client()
        before = self.router.limit_hits("expect_timeout")
        client.send(request(origin, "POST", fields=self.FIELDS))
        self.assertEqual(client.head().line, b"HTTP/1.1 100 Continue")
        self.assertEqual(self.router.limit_hits("expect_timeout"), before)  # not the router's own after a second
        client.send(b"hello")
        response = client.response()
        self.assertEqual((response.status, response.interim, response.all("connection")), (200, [], []))
        self.assertEqual(origin.request().body, b"hello")

    def test_own_100_after_a_second(self):
        def script(peer):
            head = peer.note(peer.head())
            head.body = peer.exactly(5)
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" + answer())  # too late: not relayed again
        origin = self.origin(script)
        client = self.client()
        before = self.router.limit_hits("expect_timeout")
        begin = time.monotonic()
        client.send(request(origin, "POST", fields=self.FIELDS))
        self.assertEqual(client.head().status, 100)
        self.assertTrue(0.9 < time.monotonic() - begin < 8)
        client.send(b"hello")
        response = client.response()
        self.assertEqual((response.status, response.interim), (200, []))
        self.assertEqual(self.router.limit_hits("expect_timeout"), before + 1)

    def test_final_answer_first(self):
        def script(peer):
            peer.note(peer.head())
            peer.send(answer(b"no", b"413 Too Large"))
            peer.ended()
        origin = self.origin(script)
        client = self.client()
        client.send(request(origin, "POST", fields=self.FIELDS))
        response = client.response()
        self.assertEqual((response.status, response.interim, response.all("connection")), (413, [], [b"close"]))
        self.assertEqual(client.ended(), "fin")
        self.assertEqual(origin.peers[0].buffer, b"")

    def test_own_refusal_first(self):
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        response = client.response()
        self.assertEqual((response.status, response.interim, response.all("connection")), (400, [], [b"close"]))

    def test_client_that_does_not_wait(self):
        origin = self.origin()
        response = self.ask(origin, "POST", fields=self.FIELDS, body=b"hello")
        self.assertEqual(response.status, 200)
        self.assertEqual(origin.request().body, b"hello")

    def test_without_a_body(self):
        origin = self.origin()
        before = self.router.limit_hits("expect_timeout")
        self.assertEqual(self.ask(origin, fields=["Expect: 100-continue"]).status, 200)
        self.assertEqual(self.router.limit_hits("expect_timeout"), before)


class BodyCap(RouterCase):
    flags = ("--max-request-body-bytes=10",)

    def test_stated(self):
        origin = self.origin()
        response = self.ask(origin, "POST", fields=["Content-Length: 11"], body=b"x" * 11)
        self.assert_error(response, 413, "Request body too large.", "body_too_large")
        self.assertEqual(origin.connections, 0)

    def test_chunked(self):
        def script(peer):
            peer.note(peer.head())
            peer.ended()
        origin = self.origin(script)
        client = self.client()
        client.send(request(origin, "POST", fields=["Transfer-Encoding: chunked"], body=b"8\r\n12345678\r\n"))
        origin.request()
        client.send(b"8\r\n12345678\r\n")
        response = client.response()
        self.assert_error(response, 413, "Request body too large.", forwarded=True)
        self.assertEqual(self.router.limit_hits("max_request_body_bytes"), 1)

    def test_exactly_the_cap(self):
        origin = self.origin()
        self.assertEqual(self.ask(origin, "POST", fields=["Content-Length: 10"], body=b"x" * 10).status, 200)
        chunked = self.ask(origin, "POST", fields=["Transfer-Encoding: chunked"], body=b"a\r\n1234567890\r\n0\r\n\r\n")
        self.assertEqual(chunked.status, 200)

    def test_no_cap_by_default(self):
        with Router() as router, Origin() as origin, router.connect() as client:
            body = b"x" * 3_000_000
            client.send(request(origin, "POST", fields=[f"Content-Length: {len(body)}"], body=body))
            self.assertEqual(client.response().status, 200)
            self.assertEqual(origin.request().body, body)


class Streaming(RouterCase):
    KERNEL_HOLDS = 40 * 1024 * 1024  # at most, in the socket buffers of both hops
    def test_sandbox_sees_the_head_at_once(self):
        def script(peer):
            peer.note(peer.head())
            peer.exactly(4)
            peer.send(answer())
        origin = self.origin(script)
        client = self.client()
        client.send(request(origin, "POST", fields=["Content-Length: 4"]))
        self.assertEqual(origin.request().all("content-length"), [b"4"])  # before any byte of the body was sent
        client.send(b"body")
        self.assertEqual(client.response().status, 200)

    def test_back_pressure_upwards(self):
        """A sandbox that does not read stops the client; the router holds no more than a window."""
        go = threading.Event()
        size = 64 * 1024 * 1024

        def script(peer):
            peer.note(peer.head())
            go.wait(10)
            left = size - len(peer.buffer)
            while left:
                left -= len(peer.sock.recv(1 << 20))
            peer.send(answer())
        origin = self.origin(script)
        client = self.client()
        client.send(request(origin, "POST", fields=[f"Content-Length: {size}"]))
        origin.request()
        self.assertLess(self.blocked_after(client, size), self.KERNEL_HOLDS)
        go.set()
        self.assertEqual(client.response().status, 200)

    def blocked_after(self, client, size):
        """Sends until nothing is taken for a while; the rest goes on in a thread. How much went first."""
        client.sock.settimeout(0.5)
        piece = b"x" * 65536
        sent = 0
        try:
            while sent < size:
                sent += client.sock.send(piece[:size - sent])
        except TimeoutError:
            pass
        client.sock.settimeout(10)
        first = sent

        def rest():
            done = first
            try:
                while done < size:
                    done += client.sock.send(piece[:size - done])
            except OSError:
                pass  # the test has failed and closed it
        threading.Thread(target=rest, daemon=True).start()
        return first

    def test_back_pressure_downwards(self):
        size = 64 * 1024 * 1024
        progress = []

        def script(peer):
            peer.note(peer.request())
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            progress.append(self.blocked_after(peer, size))
            peer.ended()
        origin = self.origin(script)
        client = self.client(receive_buffer=16384)
        client.send(request(origin))
        self.assertTrue(eventually(lambda: progress))
        self.assertLess(progress[0], self.KERNEL_HOLDS)
        client.head()
        left = size - len(client.buffer)
        while left:
            data = client.sock.recv(1 << 20)
            self.assertTrue(data)
            left -= len(data)

    def test_large_bodies_arrive_whole(self):
        body = bytes(range(256)) * 40000
        origin = self.origin(answering(answer(body)))
        chunks = b"".join(b"%x\r\n" % len(body[i:i + 70001]) + body[i:i + 70001] + b"\r\n" for i in range(0, len(body), 70001))
        for fields, data in (([f"Content-Length: {len(body)}"], body), (["Transfer-Encoding: chunked"], chunks + b"0\r\n\r\n")):
            response = self.ask(origin, "POST", fields=fields, body=data)
            self.assertTrue(response.body == body)
            self.assertTrue(origin.request().body == body)


if __name__ == "__main__":
    unittest.main()
