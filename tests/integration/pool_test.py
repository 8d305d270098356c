"""Contract 1.9: kept connections, stale ones, replay."""
import threading
import time
import unittest

from support.origin import Origin, answer, answering
from support.router import Router, RouterCase, eventually, request


def closing_quietly(peer):
    """Answers with a kept connection and closes it at once, without saying so."""
    peer.note(peer.request())
    peer.send(answer())
    peer.shut_down()
    peer.ended()


class Kept(RouterCase):
    def test_reused_across_clients(self):
        origin = self.origin()
        for _ in range(5):
            self.assertEqual(self.ask(origin).status, 200)
        self.assertEqual(origin.connections, 1)
        self.assertEqual([origin.request().connection for _ in range(5)], [0] * 5)

    def test_one_request_at_a_time(self):
        go = threading.Event()

        def script(peer):
            while True:
                peer.note(peer.request())
                go.wait(10)
                peer.send(answer())
        origin = self.origin(script)
        clients = [self.client() for _ in range(3)]
        for client in clients:
            client.send(request(origin))
        for _ in clients:
            origin.request()
        self.assertEqual(origin.connections, 3)
        go.set()
        for client in clients:
            self.assertEqual(client.response().status, 200)

    def test_not_reused(self):
        for name, data in {"close": answer(fields=[b"Connection: close"]), "1.0": answer().replace(b"HTTP/1.1", b"HTTP/1.0"),
                           "surplus": answer() + b"x"}.items():
            with self.subTest(name):
                origin = self.origin(answering(data))
                for _ in range(2):
                    self.assertEqual(self.ask(origin).status, 200)
                self.assertEqual(origin.connections, 2)

    def test_not_reused_when_the_request_was_not_read(self):
        """An early answer leaves request bytes on the way: that connection must not carry another request."""
        def script(peer):
            peer.note(peer.head())
            peer.send(answer())
            peer.ended()
        origin = self.origin(script)
        client = self.client()
        client.send(request(origin, "POST", fields=["Content-Length: 100"], body=b"x" * 10))
        self.assertEqual(client.response().status, 200)
        self.assertEqual(self.ask(origin).status, 200)
        self.assertEqual(origin.connections, 2)

    def test_bytes_on_an_idle_connection(self):
        go = threading.Event()

        def script(peer):
            peer.note(peer.request())
            peer.send(answer())
            go.wait(10)
            peer.send(b"HTTP/1.1 299 Smuggled\r\nContent-Length: 0\r\n\r\n")
            peer.origin.end = peer.ended()
        origin = self.origin(script)
        self.assertEqual(self.ask(origin).status, 200)
        go.set()
        self.assertTrue(eventually(lambda: hasattr(origin, "end")))  # the router closed it
        self.assertEqual(self.ask(origin).status, 200)


class IdleTime(unittest.TestCase):
    def test_closed_after_idle_time(self):
        ends = []

        def script(peer):
            peer.note(peer.request())
            peer.send(answer())
            begin = time.monotonic()
            peer.ended()
            ends.append(time.monotonic() - begin)
        with Router("--upstream-idle-timeout=300ms") as router, Origin(script) as origin, router.connect() as client:
            client.send(request(origin))
            self.assertEqual(client.response().status, 200)
            self.assertTrue(eventually(lambda: ends))
            self.assertTrue(0.25 < ends[0] < 4.4, ends)

    def test_five_seconds_by_default(self):
        ends = []

        def script(peer):
            peer.note(peer.request())
            peer.send(answer())
            begin = time.monotonic()
            peer.ended()
            ends.append(time.monotonic() - begin)
        with Router() as router, Origin(script) as origin, router.connect() as client:
            client.send(request(origin))
            self.assertEqual(client.response().status, 200)
            self.assertTrue(eventually(lambda: ends))
            self.assertTrue(4.5 < ends[0] < 9.5, ends)


class Bounds(unittest.TestCase):
    def connections_after(self, router, origin, number):
        """Sends `number` at once, then as many again; how many connections the sandbox saw."""
        for _ in range(2):
            clients = [router.connect() for _ in range(number)]
            for client in clients:
                client.send(request(origin))
            for client in clients:
                self.assertEqual(client.response().status, 200)
                client.close()
        return origin.connections

    def rendezvous(self, number):
        barrier = threading.Barrier(number)

        def script(peer):
            while True:
                peer.note(peer.request())
                barrier.wait(10)
                peer.send(answer())
        return script

    def test_max_keepalive_connections(self):
        for limit, number, seen in ((2, 4, 6), (0, 2, 4), (20, 4, 4)):
            with self.subTest(limit), Router(env={"MAX_KEEPALIVE_CONNECTIONS": str(limit)}) as router, \
                    Origin(self.rendezvous(number)) as origin:
                self.assertEqual(self.connections_after(router, origin, number), seen)
                if limit == 2:
                    self.assertGreaterEqual(router.limit_hits("max_keepalive_connections"), 2)


class Stale(RouterCase):
    def test_thousand_gets_none_fails(self):
        """The sandbox closes its idle connection just as the next request comes."""
        origin = self.origin(closing_quietly)
        client = self.client()
        data = request(origin)
        for number in range(1000):
            client.send(data)
            self.assertEqual(client.response().status, 200, number)
        self.assertEqual(origin.requests.qsize(), 1000)

    def test_thousand_gets_closed_when_the_request_arrives(self):
        """The worse race: the request is already on its way when the sandbox closes."""
        def script(peer):
            peer.note(peer.request())
            peer.send(answer())
            peer.exactly(1)  # the next request has begun to come: gone
            if peer.number % 2:
                peer.reset()
        origin = self.origin(script)
        client = self.client()
        data = request(origin)
        for number in range(1000):
            client.send(data)
            self.assertEqual(client.response().status, 200, number)

    def stale_once(self, method, fields=(), body=b"", **options):
        """The kept connection dies when the second request has come whole; how many sandboxes saw it, and the answer."""
        def script(peer):
            peer.note(peer.request())
            peer.send(answer())
            if peer.number == 0:
                peer.note(peer.request())
                peer.close()
                return
            while True:
                peer.note(peer.request())
                peer.send(answer())
        origin = self.origin(script)
        self.assertEqual(self.ask(origin).status, 200)
        response = self.ask(origin, method, fields=fields, body=body, **options)
        seen = [origin.request()]
        while not origin.nothing_asked():
            seen.append(origin.request())
        return response, [one for one in seen if one.method == method.encode()][1 if method == "GET" else 0:]

    def test_replayed(self):
        for method in ("GET", "HEAD", "OPTIONS"):
            with self.subTest(method):
                response, seen = self.stale_once(method)
                self.assertEqual((response.status, [one.connection for one in seen]), (200, [0, 1]))

    def test_never_sent_twice(self):
        for method in ("POST", "PUT", "PATCH", "DELETE", "FOO"):
            with self.subTest(method):
                response, seen = self.stale_once(method, fields=["Content-Length: 2"], body=b"hi")
                self.assert_error(response, 502, "Could not connect to the backend sandbox: box", forwarded=True)
                self.assertEqual(len(seen), 1)

    def test_post_dies_after_its_body_a_hundred_times(self):
        """A POST whose connection dies after the body was sent is executed at most once."""
        def script(peer):
            while True:
                seen = peer.note(peer.request())
                if seen.method == b"POST":
                    peer.close()
                    return
                peer.send(answer())
        origin = self.origin(script)
        client = self.client()
        for number in range(100):
            client.send(request(origin))
            self.assertEqual(client.response().status, 200)
            client.send(request(origin, "POST", f"/{number}", fields=["Content-Length: 5"], body=b"hello"))
            self.assertEqual(client.response().status, 502)
        posts = [one.target for one in list(origin.requests.queue) if one.method == b"POST"]
        self.assertEqual(len(posts), len(set(posts)))

    def test_only_once(self):
        """The new connection dies as well: no third try."""
        def script(peer):
            peer.note(peer.request())
            if peer.number == 0:
                peer.send(answer())
                peer.note(peer.request())
            peer.close()
        origin = self.origin(script)
        self.assertEqual(self.ask(origin).status, 200)
        self.assertEqual(self.ask(origin).status, 502)
        self.assertEqual(origin.connections, 2)
        self.assertEqual(origin.requests.qsize(), 3)

    def test_not_on_a_new_connection(self):
        def script(peer):
            peer.note(peer.request())
            peer.close()
        origin = self.origin(script)
        self.assertEqual(self.ask(origin).status, 502)
        self.assertEqual(origin.requests.qsize(), 1)

    def test_not_after_a_byte_of_answer(self):
        def script(peer):
            peer.note(peer.request())
            peer.send(answer())
            peer.note(peer.request())
            peer.send(b"H")
            peer.close()
        origin = self.origin(script)
        self.assertEqual(self.ask(origin).status, 200)
        self.assertEqual(self.ask(origin).status, 502)
        self.assertEqual(origin.requests.qsize(), 2)

    def test_not_with_a_body(self):
        response, seen = self.stale_once("OPTIONS", fields=["Content-Length: 2"], body=b"hi")
        self.assertEqual(len(seen), 1 if response.status == 502 else 2)


if __name__ == "__main__":
    unittest.main()
