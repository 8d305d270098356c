"""Contract 4: metrics with bounded labels, the access log without secrets, trace context, the other listeners."""
import json
import re
import unittest

from support import websocket as ws
from support.origin import Origin, answer
from support.router import HEALTH_HOST, METRICS_HOST, Router, RouterCase, eventually, request

COUNTERS = {"sandbox_router_requests_total": ("method", "code", "sandbox_namespace"),
            "sandbox_router_upstream_errors_total": ("sandbox_namespace", "reason"),
            "sandbox_router_upstream_retries_total": ("sandbox_namespace",),
            "sandbox_router_cache_invalidations_total": ("sandbox_namespace",),
            "sandbox_router_authz_decisions_total": ("sandbox_namespace", "decision"),
            "sandbox_router_cert_reloads_total": ("outcome",)}
BUCKETS = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "180", "+Inf"]


def labels(sample):
    return dict(re.findall(r'(\w+)="([^"]*)"', sample))


class Case(RouterCase):
    def rises(self, name, by=1, **wanted):
        """A context: the metric has risen by `by` a moment after it."""
        case, router = self, self.router

        class Rise:
            def __enter__(self):
                self.before = router.metric(name, **wanted)

            def __exit__(self, failure, *_):
                if failure is None:
                    case.assertTrue(eventually(lambda: router.metric(name, **wanted) >= self.before + by), (name, wanted))
                    case.assertEqual(router.metric(name, **wanted), self.before + by)
        return Rise()


class Pages(RouterCase):
    def test_health_everywhere(self):
        for host in (HEALTH_HOST, METRICS_HOST):
            for method in ("GET", "HEAD"):
                response = self.router.admin(host, "/healthz?x=1", method)
                self.assertEqual((response.status, response.body), (200, b'{"status":"ok"}' if method == "GET" else b""))
        response = self.ask_raw(b"HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD")
        self.assertEqual((response.status, response.get("content-length")), (200, b"15"))

    def test_ready(self):
        response = self.router.admin(HEALTH_HOST, "/readyz")
        self.assertEqual((response.status, response.body), (200, b"ok"))

    def test_metrics(self):
        response = self.router.admin(METRICS_HOST, "/metrics")
        self.assertEqual(response.status, 200)
        self.assertTrue(response.get("content-type").startswith(b"text/plain; version=0.0.4"))
        self.assertEqual(self.router.admin(HEALTH_HOST, "/metrics").status, 404)


class Names(Case):
    def test_families_and_labels(self):
        self.ask(self.origin())
        text = self.router.admin(METRICS_HOST, "/metrics").body.decode()
        for name, names in COUNTERS.items():
            self.assertIn(f"# TYPE {name} counter\n", text)
            for sample in self.router.metrics():
                if sample.startswith(name + "{"):
                    self.assertEqual(tuple(labels(sample)), names)
        self.assertIn("# TYPE sandbox_router_request_duration_seconds histogram\n", text)
        self.assertIn("# TYPE sandbox_router_inflight_requests gauge\n", text)
        self.assertIn("# TYPE sandbox_router_build_info gauge\n", text)
        info = [sample for sample in self.router.metrics() if sample.startswith("sandbox_router_build_info")]
        self.assertEqual(len(info), 1)
        self.assertEqual(set(labels(info[0])), {"git_version", "git_commit", "build_date", "go_version", "compiler", "platform"})
        self.assertEqual(self.router.metrics()[info[0]], 1)

    def test_buckets(self):
        self.ask(self.origin())
        self.assertTrue(eventually(lambda: self.router.metric("sandbox_router_request_duration_seconds_count") >= 1))
        seen = []
        for sample in self.router.metrics():
            if sample.startswith("sandbox_router_request_duration_seconds_bucket"):
                self.assertEqual(set(labels(sample)), {"method", "code", "sandbox_namespace", "le"})
                if labels(sample)["le"] not in seen:
                    seen.append(labels(sample)["le"])
        self.assertEqual(seen, BUCKETS)

    def test_request(self):
        with self.rises("sandbox_router_requests_total", method="GET", code="200", sandbox_namespace="default"):
            self.ask(self.origin())

    def test_refusal(self):
        with self.rises("sandbox_router_requests_total", method="POST", code="400", sandbox_namespace="-"):
            self.ask_raw(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")

    def test_interim_is_not_the_code(self):
        def script(peer):
            peer.note(peer.request())
            peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(status=b"201 Created"))
        with self.rises("sandbox_router_requests_total", code="103", by=0):
            with self.rises("sandbox_router_requests_total", code="201"):
                self.ask(self.origin(script))

    def test_upgrade(self):
        origin = self.origin(ws.echo)
        with self.rises("sandbox_router_requests_total", code="101"), self.router.connect() as client:
            client.send(request(origin, fields=ws.handshake_fields()))
            self.assertEqual(client.response().status, 101)
            self.assertTrue(eventually(lambda: self.router.metric("sandgate_websockets_open") == 1))
            client.send(ws.close_frame(1000, masked=True))
            self.assertEqual(ws.Frame(client).opcode, ws.CLOSE)

    def test_inflight(self):
        def script(peer):
            peer.note(peer.request())
            peer.ended()
        origin = self.origin(script)
        client = self.client()
        client.send(request(origin))
        origin.request()
        self.assertEqual(self.router.metric("sandbox_router_inflight_requests"), 1)
        client.close()
        self.assertTrue(eventually(lambda: self.router.metric("sandbox_router_inflight_requests") == 0))

    def test_upstream_errors(self):
        with self.rises("sandbox_router_upstream_errors_total", reason="eof", sandbox_namespace="default"):
            self.ask(self.origin(lambda peer: peer.request()))
        with self.rises("sandbox_router_upstream_errors_total", reason="other", sandbox_namespace="default"):
            self.ask(self.origin(lambda peer: (peer.request(), peer.send(b"garbage\r\n\r\n"))))

    def test_dial_errors_and_retries(self):
        with Origin() as gone:
            pass
        with self.rises("sandbox_router_upstream_errors_total", reason="dial"):
            with self.rises("sandbox_router_upstream_retries_total", by=3):
                self.assertEqual(self.ask(gone).status, 502)

    def test_failures_by_code(self):
        with self.rises("sandgate_failures_total", code="bad_route"):
            self.ask_raw(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")

    def test_parse_errors(self):
        with self.rises("sandgate_parse_errors_total", side="downstream"):
            self.ask_raw(b"nonsense\r\n\r\n")


class Bounds(Case):
    def test_methods(self):
        origin = self.origin()
        for method in ("FOO", "get", "PROPFIND", "X" * 60):
            with self.rises("sandbox_router_requests_total", method="other"):
                self.ask(origin, method)
        seen = {labels(sample).get("method") for sample in self.router.metrics() if "requests_total" in sample}
        self.assertLessEqual(seen - {None}, {"GET", "other", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"})

    def test_codes(self):
        with self.rises("sandbox_router_requests_total", code="other"):
            self.assertEqual(self.ask(self.origin(lambda peer: (peer.request(), peer.send(answer(status=b"599 X"))))).status, 599)

    def test_namespaces_of_strangers(self):
        for number in range(5):
            with self.rises("sandbox_router_requests_total", sandbox_namespace="unknown"):
                fields = f"X-Sandbox-ID: box\r\nX-Sandbox-Namespace: ns{number}\r\n"
                self.ask_raw(f"GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n".encode())
        self.assertNotIn("ns3", self.router.admin(METRICS_HOST, "/metrics").body.decode())

    def test_no_label_per_sandbox(self):
        self.ask(self.origin())
        self.assertNotIn('"box"', self.router.admin(METRICS_HOST, "/metrics").body.decode())


class BySandbox(Case):
    flags = ("--metrics-sandboxes-max=1",)

    def test_bounded(self):
        name = "sandgate_sandbox_requests_total"
        with self.rises(name, sandbox_namespace="default", sandbox="box", code="2xx"):
            self.ask(self.origin())
        with self.rises(name, sandbox_namespace="-", sandbox="other", code="4xx"):  # no sandbox was named
            self.ask_raw(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")


class Decisions(Case):
    options = {"token": "s3cret"}

    def test_counted(self):
        origin = self.origin()
        with self.rises("sandbox_router_authz_decisions_total", decision="deny"):
            self.ask(origin)
        with self.rises("sandbox_router_authz_decisions_total", decision="allow"):
            self.ask(origin, fields=["Authorization: Bearer s3cret"])


class AccessLog(RouterCase):
    options = {"token": "t0p-s3cret"}

    def test_record(self):
        origin = self.origin()
        fields = ["Authorization: Bearer t0p-s3cret", "User-Agent: tester/1", "X-Sandbox-Namespace: default"]
        self.ask(origin, "POST", "/record?x=1", fields=[*fields, "Content-Length: 3"], body=b"abc")
        record = self.router.access("/record")
        wanted = {"level": "info", "logger": "access", "msg": "request", "method": "POST", "path": "/record", "status": 200,
                  "client_ip": "127.0.0.1", "sandbox_id": "box", "sandbox_namespace": "default", "bytes_out": 2, "bytes_in": 3,
                  "user_agent": "tester/1", "upstream": f"127.0.0.1:{origin.port}"}
        self.assertEqual({key: record.get(key) for key in wanted}, wanted)
        self.assertGreater(record["duration_ms"], 0)
        self.assertRegex(record["ts"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_defaulted_namespace_is_written(self):
        self.ask(self.origin(), target="/defaulted", fields=["Authorization: Bearer t0p-s3cret"])
        self.assertEqual(self.router.access("/defaulted")["sandbox_namespace"], "default")

    def test_one_line_each(self):
        origin = self.origin()
        with self.router.connect() as client:
            for _ in range(5):
                client.send(request(origin, target="/each", fields=["Authorization: Bearer t0p-s3cret"]))
                client.response()
        self.ask(origin, target="/last", fields=["Authorization: Bearer t0p-s3cret"])
        self.router.access("/last")
        self.assertEqual(sum('"path":"/each"' in line for line in self.router.lines), 5)

    def test_no_secrets(self):
        origin = self.origin(lambda peer: (peer.note(peer.request()), peer.send(answer(fields=[b"Set-Cookie: sid=c00kie-out"]))))
        fields = ["Authorization: Bearer t0p-s3cret", "Cookie: sid=c00kie-in", "X-API-Key: k3y", "Referer: http://x/?r3f"]
        for target in ("/secret?token=qu3ry", "http://h/secret2?token=qu3ry"):
            self.ask(origin, target=target, fields=fields)
        self.ask(origin, target="/refused?token=qu3ry", fields=["Authorization: Bearer wr0ng"])
        self.router.wait_record(lambda r: r.get("status") == 401)
        self.ask(origin, target="/end", fields=fields)
        self.router.access("/end")
        log = self.router.log()
        for word in ("t0p-s3cret", "c00kie", "k3y", "r3f", "qu3ry", "wr0ng", "token="):
            self.assertNotIn(word, log)

    def test_hostile_values(self):
        """Nothing a client writes can end the line or add a key."""
        origin = self.origin()
        data = request(origin, target='/hostile","status":1', fields=["Authorization: Bearer t0p-s3cret"])
        self.ask_raw(data[:-2] + b'User-Agent: a","status":2,"x":"\t\xff\\\r\n\r\n')
        record = self.router.wait_record(lambda r: str(r.get("path", "")).startswith("/hostile"))
        self.assertEqual((record["status"], record["path"]), (200, '/hostile","status":1'))
        self.assertIn('"status":2', record["user_agent"])

    def test_long_values_are_cut(self):
        self.ask(self.origin(), target="/long" + "x" * 5000,
                 fields=["Authorization: Bearer t0p-s3cret", "User-Agent: " + "u" * 5000])
        record = self.router.wait_record(lambda r: str(r.get("path", "")).startswith("/long"))
        self.assertLessEqual(len(record["path"]), 1027)
        self.assertLessEqual(len(record["user_agent"]), 259)

    def test_own_health_is_not_logged_a_sandbox_s_is(self):
        origin = self.origin()
        self.ask_raw(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        self.router.admin(HEALTH_HOST, "/readyz")
        for path in ("/readyz", "/metrics"):
            self.ask(origin, target=path, fields=["Authorization: Bearer t0p-s3cret"])
            self.router.access(path)
        self.ask(origin, "POST", "/healthz", fields=["Authorization: Bearer t0p-s3cret", "Content-Length: 0"])
        self.assertEqual(self.router.access("/healthz")["method"], "POST")
        self.assertEqual(sum('"path":"/healthz"' in line for line in self.router.lines), 1)

    def test_failures_are_named(self):
        self.ask(self.origin(lambda peer: peer.request()), target="/eof", fields=["Authorization: Bearer t0p-s3cret"])
        record = self.router.access("/eof")
        self.assertEqual((record["status"], record["error"], record["side"]), (502, "upstream_reset", "upstream"))

    def test_websocket_when_it_ends(self):
        origin = self.origin(ws.echo)
        with self.router.connect() as client:
            fields = [*ws.handshake_fields(), "Authorization: Bearer t0p-s3cret"]
            client.send(request(origin, target="/ws?token=qu3ry", fields=fields))
            self.assertEqual(client.response().status, 101)
            client.send(ws.frame(ws.TEXT, b"12345", masked=True))
            self.assertEqual(ws.Frame(client).payload, b"12345")
            self.assertFalse(any('"path":"/ws"' in line for line in self.router.lines))
            client.send(ws.close_frame(1000, masked=True))
            client.ended()
        record = self.router.access("/ws")
        self.assertEqual(record["status"], 101)
        self.assertGreaterEqual(record["bytes_out"], 5)

    def test_trace(self):
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        origin = self.origin()
        self.ask(origin, target="/trace", fields=["Authorization: Bearer t0p-s3cret", "traceparent: " + trace,
                                                  "tracestate: a=b", "X-Request-ID: r1"])
        seen = origin.request()
        self.assertEqual(seen.get("traceparent").split(b"-")[1], b"0af7651916cd43dd8448eb211c80319c")
        self.assertEqual((seen.get("tracestate"), seen.get("x-request-id")), (b"a=b", b"r1"))
        record = self.router.access("/trace")
        self.assertEqual(record["trace_id"], "0af7651916cd43dd8448eb211c80319c")
        self.assertEqual(record["span_id"], seen.get("traceparent").split(b"-")[2].decode())


class Switches(unittest.TestCase):
    def test_access_log_off(self):
        with Router("--access-log=false") as router, Origin() as origin, router.connect() as client:
            client.send(request(origin, target="/quiet"))
            self.assertEqual(client.response().status, 200)
            self.assertTrue(eventually(lambda: router.metric("sandbox_router_requests_total", code="200") == 1))
            router.terminate()
            self.assertEqual(router.wait(), 0)
            self.assertNotIn("/quiet", router.log())

    def test_forwarded_client_is_logged(self):
        with Router("--trusted-proxy-cidrs=127.0.0.0/8") as router, Origin() as origin, router.connect() as client:
            client.send(request(origin, target="/who", fields=["X-Forwarded-For: 203.0.113.9, 127.0.0.9"]))
            self.assertEqual(client.response().status, 200)
            self.assertEqual(router.access("/who")["client_ip"], "203.0.113.9")

    def test_life_cycle_lines_are_json(self):
        with Router("--log-level=debug") as router:
            router.terminate()
            self.assertEqual(router.wait(), 0)
            lines = [json.loads(line) for line in router.lines if line]
            self.assertEqual([line["msg"] for line in lines if line["msg"] in ("serving", "stopping", "stopped")],
                             ["serving", "stopping", "stopped"])
            for line in lines:
                self.assertLessEqual({"level", "ts", "msg"}, set(line))


if __name__ == "__main__":
    unittest.main()
