"""Contract 1.9: the timeouts, what a gap is, and X-Sandbox-Timeout."""
import socket
import threading
import time
import unittest

from support.origin import Origin, answer
from support.parallel import in_parallel
from support.peer import Closed
from support.router import Router, RouterCase, request

TIMED_OUT = "Timed out waiting for the backend sandbox: box"


def silent(peer):
    peer.note(peer.request())
    peer.ended()


def after(delay, data=answer()):
    def script(peer):
        peer.note(peer.request())
        time.sleep(delay)
        peer.send(data)
        peer.ended()
    return script


class FullBacklog:
    """A port whose SYNs are dropped: dials to it hang."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.listener.getsockname())
            self.fillers.append(filler)

    def close(self):
        for sock in (*self.fillers, self.listener):
            sock.close()


class Case(RouterCase):
    def timed(self, origin, *fields, **options):
        """(answer, seconds)"""
        begin = time.monotonic()
        response = self.ask(origin, fields=fields, **options)
        return response, time.monotonic() - begin


class ProxyTimeout(Case):
    flags = ("--proxy-timeout=2s",)

    def test_waits(self):
        def no_answer():
            response, took = self.timed(self.origin(silent))
            self.assert_error(response, 504, TIMED_OUT, "upstream_timeout", forwarded=True)
            self.assertTrue(1.9 < took < 8, took)

        def in_time():
            response, _ = self.timed(self.origin(after(0.25)))
            self.assertEqual(response.status, 200)

        def flowing_longer_than_the_timeout():
            def script(peer):
                peer.note(peer.request())
                peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in range(6):
                    time.sleep(0.4)
                    peer.send(b"1\r\nx\r\n")
                peer.send(b"0\r\n\r\n")
            response, took = self.timed(self.origin(script))
            self.assertEqual(response.body, b"x" * 6)
            self.assertGreater(took, 2.2)

        def gap_cuts():
            def script(peer):
                peer.note(peer.request())
                peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
                peer.ended()
            with self.router.connect() as client:
                client.send(request(self.origin(script)))
                begin = time.monotonic()
                self.assertEqual(client.head().status, 200)
                try:
                    rest = client.to_end()
                except Closed:
                    rest = bytes(client.buffer)
                self.assertTrue(1.9 < time.monotonic() - begin < 8)
                self.assertEqual(rest, b"1\r\nx\r\n")

        def upload_counts_as_progress():
            origin = self.origin(after(0))
            with self.router.connect() as client:
                client.send(request(origin, "POST", fields=["Content-Length: 6"]))
                for _ in range(6):
                    time.sleep(0.4)
                    client.send(b"x")
                self.assertEqual(client.response().status, 200)
            self.assertEqual(origin.request().body, b"xxxxxx")

        def interim_answers_count_as_progress():
            def script(peer):
                peer.note(peer.request())
                for _ in range(4):
                    time.sleep(0.6)
                    peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")
                peer.send(answer())
            response, _ = self.timed(self.origin(script))
            self.assertEqual((response.status, len(response.interim)), (200, 4))

        in_parallel(self, {check.__name__: check for check in (
            no_answer, in_time, flowing_longer_than_the_timeout, gap_cuts, upload_counts_as_progress,
            interim_answers_count_as_progress)})
        self.assertGreaterEqual(self.router.limit_hits("response_header_timeout"), 1)
        self.assertGreaterEqual(self.router.limit_hits("proxy_timeout"), 1)


class SandboxTimeout(Case):
    flags = ("--proxy-timeout=3s",)

    def test_header(self):
        checks = {}
        for value in ("0.2", " 0.2 ", "+0.2", "2e-1", "0.2_0", ".2"):
            def short(value=value):
                response, took = self.timed(self.origin(silent), f"X-Sandbox-Timeout: {value}")
                self.assertEqual(response.status, 504)
                self.assertTrue(0.15 < took < 2.5, took)
            checks[f"short {value}"] = short
        for value in ("", "x", "nan", "inf", "-inf", "-1", "0", "0.0", "1e999", "30", "1_", "_1", "0x1", "1 2", "1e400"):
            def default(value=value):
                response, took = self.timed(self.origin(silent), f"X-Sandbox-Timeout: {value}")
                self.assert_error(response, 504, TIMED_OUT, forwarded=True)
                self.assertTrue(2.9 < took < 9, took)
            checks[f"default {value}"] = default
        in_parallel(self, checks)

    def test_gap_after_the_head_too(self):
        def script(peer):
            peer.note(peer.request())
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            peer.ended()
        client = self.client()
        begin = time.monotonic()
        client.send(request(self.origin(script), fields=["X-Sandbox-Timeout: 0.15"]))
        self.assertEqual(client.head().status, 200)
        self.assertIn(client.ended(), ("fin", "reset"))
        self.assertLess(time.monotonic() - begin, 2.5)


class OtherLimits(Case):
    def ask_of(self, router, origin, *fields):
        with router.connect() as client:
            begin = time.monotonic()
            client.send(request(origin, fields=fields))
            response = client.response()
            return response, time.monotonic() - begin

    def test_response_header_timeout(self):
        with Router("--response-header-timeout=200ms") as router, Origin(silent) as origin:
            response, took = self.ask_of(router, origin)
            self.assert_error(response, 504, TIMED_OUT, forwarded=True)
            self.assertLess(took, 8)

    def test_total_timeout(self):
        def script(peer):
            peer.note(peer.request())
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                time.sleep(0.05)
                peer.send(b"1\r\nx\r\n")
        with Router("--total-timeout=400ms") as router, Origin(script) as origin, router.connect() as client:
            begin = time.monotonic()
            client.send(request(origin))
            self.assertEqual(client.head().status, 200)
            try:
                rest = client.to_end()
            except Closed:
                rest = bytes(client.buffer)
            self.assertTrue(0.35 < time.monotonic() - begin < 8)
            self.assertFalse(rest.endswith(b"0\r\n\r\n"))
            self.assertEqual(router.limit_hits("total_timeout"), 1)

    def test_no_total_limit_by_default(self):
        with Router("--proxy-timeout=300ms") as router, Origin(after(0)) as origin:
            self.assertEqual(self.ask_of(router, origin)[0].status, 200)
            self.assertEqual(router.limit_hits("total_timeout"), 0)


class Connect(unittest.TestCase):
    def setUp(self):
        self.nowhere = FullBacklog()
        self.addCleanup(self.nowhere.close)

    def ask(self, router, *fields):
        with router.connect() as client:
            begin = time.monotonic()
            client.send(request(self.nowhere, fields=fields))
            return client.response(), time.monotonic() - begin

    def test_connect_timeout_is_504(self):
        with Router("--connect-timeout=200ms", "--upstream-max-retries=0") as router:
            response, took = self.ask(router)
            self.assertEqual((response.status, response.body), (504, b'{"detail":"' + TIMED_OUT.encode() + b'"}'))
            self.assertEqual(response.get("x-sandgate-forwarded"), b"no")
            self.assertTrue(0.15 < took < 8, took)
            self.assertEqual(router.limit_hits("connect_timeout"), 1)

    def test_retried_like_a_refusal(self):
        with Router("--connect-timeout=100ms", "--upstream-max-retries=2", "--upstream-retry-initial-delay=50ms") as router:
            response, took = self.ask(router)
            self.assertEqual(response.status, 504)
            self.assertGreater(took, 0.4)  # three dials and two waits
            self.assertEqual(router.metric("sandbox_router_upstream_retries_total"), 2)

    def test_whole_dialling_stays_inside_the_budget(self):
        with Router("--connect-timeout=1s", "--upstream-retry-initial-delay=100ms") as router:
            response, took = self.ask(router, "X-Sandbox-Timeout: 1.3")
            self.assertEqual(response.status, 504)
            self.assertTrue(0.9 < took < 4, took)  # four dials of a second each would take longer

    def test_short_timeout_shortens_the_dial(self):
        with Router() as router:
            response, took = self.ask(router, "X-Sandbox-Timeout: 0.2")
            self.assertEqual(response.status, 504)
            self.assertLess(took, 4)


class Retries(unittest.TestCase):
    """Dial errors are tried again 3 times after 200, 400 and 800 ms; nothing else ever is."""

    def refused_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def raw(self, port, method="GET", *fields):
        return "\r\n".join([f"{method} / HTTP/1.1", "Host: h", "X-Sandbox-ID: box", f"X-Sandbox-Port: {port}", *fields,
                            "", ""]).encode()

    def test_waits_and_count(self):
        with Router() as router, router.connect() as client:
            begin = time.monotonic()
            client.send(self.raw(self.refused_port()))
            self.assertEqual(client.response().status, 502)
            took = time.monotonic() - begin
            self.assertTrue(1.3 < took < 8, took)
            self.assertEqual(router.metric("sandbox_router_upstream_retries_total"), 3)
            self.assertEqual(router.metric("sandgate_upstream_dials_total"), 4)
            self.assertEqual(router.limit_hits("upstream_max_retries"), 1)

    def test_sandbox_that_comes_up_meanwhile(self):
        port = self.refused_port()
        started = []
        with Router() as router, router.connect() as client:
            for method, fields in (("POST", ["Content-Length: 2"]),):
                client.send(self.raw(port, method, *fields) + b"hi")
                timer = threading.Timer(0.1, lambda: started.append(Origin(port=port)))
                timer.start()
                response = client.response()
                timer.join()
                self.assertEqual(response.status, 200)
                self.assertEqual(started[0].request().body, b"hi")
                self.assertEqual(started[0].connections, 1)
            started[0].close()

    def test_inside_the_budget_of_the_request(self):
        # Dials now and after 0.8 s; the next one would come too late.
        with Router("--upstream-retry-initial-delay=800ms") as router, router.connect() as client:
            begin = time.monotonic()
            client.send(self.raw(self.refused_port(), "GET", "X-Sandbox-Timeout: 1.2"))
            self.assertEqual(client.response().status, 502)
            self.assertLess(time.monotonic() - begin, 6)
            self.assertEqual(router.metric("sandbox_router_upstream_retries_total"), 1)

    def test_budget_over_all_requests(self):
        """Threat model 2: at most a share of all requests beyond the floor."""
        with Router("--upstream-retry-budget-floor=0", "--upstream-retry-budget-percent=0") as router, router.connect() as client:
            client.send(self.raw(self.refused_port()))
            self.assertEqual(client.response().status, 502)
            self.assertEqual(router.metric("sandbox_router_upstream_retries_total"), 0)
            self.assertEqual(router.limit_hits("upstream_retry_budget_percent"), 1)


if __name__ == "__main__":
    unittest.main()
