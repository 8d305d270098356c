"""Contract 4, SIGTERM: not ready, no new connections, what runs is finished, WebSockets get 1001, exit 0."""
import signal
import socket
import threading
import time
import unittest

from support import websocket as ws
from support.origin import Origin, answer
from support.peer import Closed, Peer
from support.router import HEALTH_HOST, Router, eventually, request


class Held:
    """A script that keeps its answer back until it is told to go on."""

    def __init__(self):
        self.go = threading.Event()

    def __call__(self, peer):
        peer.note(peer.request())
        self.go.wait(20)
        peer.send(answer(b"late"))
        peer.ended()


class Stop(unittest.TestCase):
    def begin(self, *flags, **options):
        router = Router(*flags, **options)
        self.addCleanup(router.stop)
        return router

    def held(self):
        script = Held()
        origin = Origin(script)
        self.addCleanup(origin.close)
        self.addCleanup(script.go.set)
        origin.go = script.go
        return origin

    def running(self, router, origin):
        """A client whose request has reached the sandbox and waits there."""
        client = router.connect()
        self.addCleanup(client.close)
        client.send(request(origin))
        origin.request()
        return client

    def refused(self, router):
        """The kernel refuses new connections once the listener is closed."""
        def check():
            try:
                router.connect().close()
            except ConnectionRefusedError:
                return True
            except ConnectionResetError:
                return False  # it met the listener in the act of closing
            return False
        return eventually(check)

    def test_nothing_runs(self):
        router = self.begin()
        begin = time.monotonic()
        router.terminate()
        self.assertEqual(router.wait(), 0)
        self.assertLess(time.monotonic() - begin, 8)
        self.assertIn('"msg":"stopped"', router.log())

    def test_interrupt_stops_too(self):
        router = self.begin()
        router.process.send_signal(signal.SIGINT)
        self.assertEqual(router.wait(), 0)

    def test_hangup_does_not(self):
        router = self.begin()
        origin = self.held()
        origin.go.set()
        router.process.send_signal(signal.SIGHUP)
        client = self.running(router, origin)
        self.assertEqual(client.response().status, 200)
        self.assertIsNone(router.process.poll())

    def test_readiness(self):
        router = self.begin()
        self.assertEqual(router.admin(HEALTH_HOST, "/readyz").body, b"ok")
        origin = self.held()
        client = self.running(router, origin)
        router.terminate()
        self.assertTrue(eventually(lambda: router.admin(HEALTH_HOST, "/readyz").status == 503))
        self.assertEqual(router.admin(HEALTH_HOST, "/readyz").body, b"draining")
        self.assertEqual(router.admin(HEALTH_HOST, "/healthz").status, 200)
        origin.go.set()
        self.assertEqual(client.response().status, 200)
        self.assertEqual(router.wait(), 0)

    def test_running_request_is_finished(self):
        router = self.begin()
        origin = self.held()
        client = self.running(router, origin)
        router.terminate()
        self.assertTrue(self.refused(router))
        self.assertIsNone(router.process.poll())
        origin.go.set()
        response = client.response()
        self.assertEqual((response.status, response.body), (200, b"late"))
        self.assertEqual(response.all("connection"), [b"close"])
        self.assertEqual(client.ended(), "fin")
        self.assertEqual(router.wait(), 0)

    def test_running_stream_is_finished(self):
        """An answer whose head went out before the signal cannot say `close` any more: it ends whole, then the FIN."""
        go = threading.Event()

        def script(peer):
            peer.note(peer.request())
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            go.wait(20)
            peer.send(b"4\r\nlast\r\n0\r\n\r\n")
            peer.ended()
        router = self.begin()
        with Origin(script) as origin:
            self.addCleanup(go.set)
            client = self.running(router, origin)
            while b"first" not in client.buffer:
                client.more()
            router.terminate()
            self.assertTrue(self.refused(router))
            go.set()
            self.assertEqual(client.response().body, b"firstlast")
            self.assertEqual(client.ended(), "fin")
            self.assertEqual(router.wait(), 0)

    def test_upload_in_progress_is_finished(self):
        router = self.begin()
        def script(peer):
            peer.note(peer.request())
            peer.send(answer(b"taken"))
            peer.ended()
        with Origin(script) as origin:
            client = router.connect()
            self.addCleanup(client.close)
            client.send(request(origin, "POST", fields=["Content-Length: 10"], body=b"12345"))
            self.assertTrue(eventually(lambda: origin.connections == 1))
            router.terminate()
            self.assertTrue(self.refused(router))
            client.send(b"67890")
            self.assertEqual(client.response().body, b"taken")
            self.assertEqual(origin.request().body, b"1234567890")
            self.assertEqual(router.wait(), 0)

    def test_idle_connections_are_closed(self):
        router = self.begin()
        origin = self.held()
        origin.go.set()
        idle = router.connect()
        self.addCleanup(idle.close)
        idle.send(request(origin))
        self.assertEqual(idle.response().status, 200)
        busy_origin = self.held()
        busy = self.running(router, busy_origin)
        router.terminate()
        self.assertEqual(idle.ended(), "fin")
        self.assertIsNone(router.process.poll())  # it closed the idle one although it still works
        busy_origin.go.set()
        self.assertEqual(busy.response().status, 200)
        self.assertEqual(router.wait(), 0)

    def test_accept_queue_is_served(self):
        """Connections the kernel has already taken, with a request in them, get their answers."""
        router = self.begin()
        origin = self.held()
        origin.go.set()
        router.process.send_signal(signal.SIGSTOP)  # so that they stay in the queue
        clients = [router.connect() for _ in range(20)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(request(origin))
        router.terminate()
        router.process.send_signal(signal.SIGCONT)
        for client in clients:
            response = client.response()
            self.assertEqual((response.status, response.body, response.all("connection")), (200, b"late", [b"close"]))
        self.assertEqual(router.wait(), 0)

    def test_queued_connection_that_says_nothing(self):
        """It is given a moment for its request, then closed: it does not hold up the end."""
        router = self.begin()
        router.process.send_signal(signal.SIGSTOP)
        client = router.connect()
        self.addCleanup(client.close)
        router.terminate()
        router.process.send_signal(signal.SIGCONT)
        self.assertEqual(client.ended(), "fin")
        self.assertEqual(router.wait(), 0)

    def test_websockets_get_1001(self):
        def script(peer):
            ws.accept(peer)
            peer.origin.saw = ws.Frame(peer).close
            peer.send(ws.close_frame(1001))
            peer.ended()
        router = self.begin()
        with Origin(script) as origin:
            client = router.connect()
            self.addCleanup(client.close)
            client.send(request(origin, fields=ws.handshake_fields()))
            self.assertEqual(client.response().status, 101)
            router.terminate()
            self.assertEqual(ws.Frame(client).close, (1001, b"router shutting down"))
            client.send(ws.close_frame(1001, masked=True))
            self.assertEqual(client.ended(), "fin")
            self.assertEqual(router.wait(), 0)
            self.assertTrue(eventually(lambda: origin.saw == (1001, b"router shutting down")))

    def test_websocket_that_never_answers_the_close(self):
        """It is cut after the grace, not after the whole shutdown time."""
        router = self.begin("--websocket-close-grace=300ms", "--shutdown-timeout=60s")
        with Origin(lambda peer: (ws.accept(peer), peer.ended(30))) as origin:
            client = router.connect()
            self.addCleanup(client.close)
            client.send(request(origin, fields=ws.handshake_fields()))
            self.assertEqual(client.response().status, 101)
            router.terminate()
            self.assertEqual(ws.Frame(client).close[0], 1001)
            self.assertEqual(router.wait(20), 0)

    def test_cut_after_the_shutdown_timeout(self):
        router = self.begin("--shutdown-timeout=700ms")
        client = self.running(router, self.held())
        begin = time.monotonic()
        router.terminate()
        self.assertIn(client.ended(), ("fin", "reset"))
        self.assertGreater(time.monotonic() - begin, 0.6)
        self.assertEqual(client.buffer, b"")
        self.assertEqual(router.wait(), 0)
        self.assertLess(time.monotonic() - begin, 8)

    def test_cut_answer_never_looks_whole(self):
        def script(peer):
            peer.note(peer.request())
            peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")  # ends with the connection
            peer.ended(30)
        router = self.begin("--shutdown-timeout=300ms")
        with Origin(script) as origin:
            client = self.running(router, origin)
            while b"half" not in client.buffer:
                client.more()
            router.terminate()
            with self.assertRaises(Closed):
                while True:
                    client.more()
            self.assertNotIn(b"0\r\n\r\n", client.buffer)
            self.assertEqual(router.wait(), 0)

    def test_second_signal_cuts_at_once(self):
        router = self.begin("--shutdown-timeout=60s")
        client = self.running(router, self.held())
        router.terminate()
        self.assertTrue(self.refused(router))
        begin = time.monotonic()
        router.terminate()
        self.assertIn(client.ended(), ("fin", "reset"))
        self.assertEqual(router.wait(), 0)
        self.assertLess(time.monotonic() - begin, 8)

    def test_zero_shutdown_timeout_cuts_at_once(self):
        router = self.begin("--shutdown-timeout=0")
        client = self.running(router, self.held())
        router.terminate()
        self.assertIn(client.ended(), ("fin", "reset"))
        self.assertEqual(router.wait(), 0)

    def test_several_workers(self):
        """Each worker has a listener of its own: all of them finish what they have."""
        router = self.begin(workers=3)
        origin = self.held()
        clients = [self.running(router, origin) for _ in range(12)]
        router.terminate()
        self.assertTrue(self.refused(router))
        origin.go.set()
        for client in clients:
            self.assertEqual(client.response().body, b"late")
        self.assertEqual(router.wait(), 0)


class Starting(unittest.TestCase):
    def test_ready_only_when_it_listens(self):
        """A free port each: whoever sees `ok` can connect."""
        with socket.socket() as probe:
            probe.bind((HEALTH_HOST, 0))
            port = probe.getsockname()[1]
        seen = []
        stop = threading.Event()

        def poll():
            while not stop.is_set():
                try:
                    with socket.create_connection((HEALTH_HOST, port), 1) as sock:
                        peer = Peer(sock)
                        peer.send(b"GET /readyz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                        seen.append(peer.response().status)
                except (OSError, Closed):
                    time.sleep(0.002)
        thread = threading.Thread(target=poll)
        thread.start()
        try:
            with Router(f"--health-probe-bind-address={HEALTH_HOST}:{port}") as router:
                self.assertTrue(eventually(lambda: 200 in seen))
                router.connect().close()
        finally:
            stop.set()
            thread.join()
        first = seen.index(200)
        self.assertTrue(all(status == 503 for status in seen[:first]), seen)


if __name__ == "__main__":
    unittest.main()
