#!/usr/bin/env python3
"""What `sandbox` says over the wire beside its requests: TLS with a CA of one's own and with client certificates, to the router
and to the API server; spans and metrics to an OpenTelemetry collector. Usage: transport_test.py BUILD_DIR [TEST...]"""
import base64
import http.server
import json
import pathlib
import ssl
import subprocess
import tempfile
import threading
import unittest

from cluster_test import BIN, Cluster


class Server:
    """Answers every request with what `answer(handler, body)` gives: (status, object). With `context`: TLS."""

    def __init__(self, answer, context=None):
        self.seen = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.seen.append((self.command, self.path, dict(self.headers.items()), body))
                status, value = answer(self, body)
                payload = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_DELETE = do_any

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a handshake that is refused is what some tests want

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def openssl(*words, folder):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


class Certificates:
    """A CA, a server's certificate for 127.0.0.1 and router.test, and a client's; a second CA that signed nothing."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sandgate-tls-")
        path = self.path = pathlib.Path(self.folder.name)
        for name in ("ca", "other"):
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=test " + name, "-keyout", name + ".key", "-out", name + ".pem", folder=path)
        for name, names in (("server", "IP:127.0.0.1,DNS:router.test"), ("client", "DNS:client.test"),
                            ("named", "DNS:api.test")):
            (path / "ext").write_text("subjectAltName=%s\n" % names)
            openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name,
                    "-keyout", name + ".key", "-out", name + ".csr", folder=path)
            openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                    "-extfile", "ext", "-out", name + ".pem", folder=path)

    def __getitem__(self, name):
        return str(self.path / name)

    def data(self, name):
        return base64.b64encode((self.path / name).read_bytes()).decode()

    def context(self, name="server", client_wanted=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self[name + ".pem"], self[name + ".key"])
        if client_wanted:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self["ca.pem"])
        return context


def sandbox(*words):
    return subprocess.run([str(BIN / "sandbox"), "--timeout", "20", *words], capture_output=True, text=True, timeout=60,
                          check=False)


def ran(handler, body):
    command = json.loads(body)["command"]
    return 200, {"stdout": "ran " + command + "\n", "stderr": "", "exit_code": 0}


class Router(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates()

    @classmethod
    def tearDownClass(cls):
        cls.certificates.folder.cleanup()

    def serve(self, **options):
        server = Server(ran, self.certificates.context(**options))
        self.addCleanup(server.close)
        return server, ["--api-url", "https://127.0.0.1:%d" % server.port, "--by-name"]

    def test_custom_ca(self):
        server, where = self.serve()
        done = sandbox(*where, "--ca-file", self.certificates["ca.pem"], "run", "box", "--", "x")
        self.assertEqual((done.returncode, done.stdout), (0, "ran x\n"), done.stderr)

    def test_a_certificate_of_another_ca_is_refused_and_nothing_is_sent(self):
        server, where = self.serve()
        for words in (["--ca-file", self.certificates["other.pem"]], []):
            done = sandbox(*where, *words, "run", "box", "--", "x")
            self.assertEqual(done.returncode, 125, done.stdout)
            self.assertIn("certificate", done.stderr)
        self.assertEqual(server.seen, [])

    def test_a_certificate_for_another_name_is_refused(self):
        server, where = self.serve(name="named")
        done = sandbox(*where, "--ca-file", self.certificates["ca.pem"], "run", "box", "--", "x")
        self.assertEqual(done.returncode, 125, done.stdout)
        self.assertEqual(server.seen, [])

    def test_client_certificate(self):
        server, where = self.serve(client_wanted=True)
        where += ["--ca-file", self.certificates["ca.pem"]]
        done = sandbox(*where, "--client-cert", self.certificates["client.pem"], "--client-key",
                       self.certificates["client.key"], "run", "box", "--", "x")
        self.assertEqual((done.returncode, done.stdout), (0, "ran x\n"), done.stderr)
        done = sandbox(*where, "run", "box", "--", "x")
        self.assertEqual(done.returncode, 125, done.stdout)
        self.assertEqual(len(server.seen), 1)


class ApiServer(unittest.TestCase):
    """kubeconfig files with inline certificates (contract client 3.1)."""

    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates()

    @classmethod
    def tearDownClass(cls):
        cls.certificates.folder.cleanup()

    def listed(self, cluster, user, **options):
        server = Server(lambda handler, body: (200, {"items": [{"metadata": {"name": "one"}}]}),
                        self.certificates.context(**options))
        self.addCleanup(server.close)
        config = self.certificates.path / "kubeconfig"
        config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:%d" % server.port, **cluster}}],
            "users": [{"name": "u", "user": user}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
        return sandbox("--kubeconfig", str(config), "--mode", "in-cluster", "-q", "list"), server

    def test_ca_and_token(self):
        done, server = self.listed({"certificate-authority-data": self.certificates.data("ca.pem")}, {"token": "secret"})
        self.assertEqual((done.returncode, done.stdout), (0, "one\n"), done.stderr)
        self.assertEqual(server.seen[0][2]["Authorization"], "Bearer secret")

    def test_client_certificate(self):
        user = {"client-certificate-data": self.certificates.data("client.pem"),
                "client-key-data": self.certificates.data("client.key")}
        done, _ = self.listed({"certificate-authority": self.certificates["ca.pem"]}, user, client_wanted=True)
        self.assertEqual((done.returncode, done.stdout), (0, "one\n"), done.stderr)

    def test_the_name_in_the_certificate_may_be_given(self):
        ca = {"certificate-authority-data": self.certificates.data("ca.pem")}
        done, _ = self.listed({**ca, "tls-server-name": "api.test"}, {"token": "t"}, name="named")
        self.assertEqual((done.returncode, done.stdout), (0, "one\n"), done.stderr)
        done, server = self.listed({**ca, "tls-server-name": "other.test"}, {"token": "t"}, name="named")
        self.assertEqual((done.returncode, server.seen), (125, []))

    def test_skipping_the_check_is_a_choice(self):
        done, _ = self.listed({"insecure-skip-tls-verify": True}, {"token": "t"})
        self.assertEqual((done.returncode, done.stdout), (0, "one\n"), done.stderr)
        done, server = self.listed({}, {"token": "t"})
        self.assertEqual((done.returncode, server.seen), (125, []))


class Collector(unittest.TestCase):
    def test_spans_and_metrics(self):
        collector = Server(lambda handler, body: (200, {}))
        self.addCleanup(collector.close)
        cluster = Cluster(pool=1, router=False)
        try:
            done = cluster.sandbox("--mode", "in-cluster", "--otlp-endpoint", "http://127.0.0.1:%d" % collector.port, "run",
                                   "--rm", "pool", "--", "sh", "-c", "exit 3")
            self.assertEqual(done.returncode, 3, done.stderr)
        finally:
            cluster.close()
        spans = [span for _, path, _, body in collector.seen if path == "/v1/traces"
                 for resource in json.loads(body)["resourceSpans"] for scope in resource["scopeSpans"]
                 for span in scope["spans"]]
        by_name = {span["name"]: span for span in spans}
        for name in ("lifecycle", "create_claim", "wait_for_claim_ready", "run", "delete_claim"):
            self.assertIn("sandbox-client." + name, by_name)
        parent = by_name["sandbox-client.lifecycle"]
        for name in ("create_claim", "run", "delete_claim"):
            child = by_name["sandbox-client." + name]
            self.assertEqual((child["traceId"], child["parentSpanId"]), (parent["traceId"], parent["spanId"]), name)
        attributes = {a["key"]: a["value"]["stringValue"] for a in by_name["sandbox-client.run"]["attributes"]}
        self.assertEqual((attributes["sandbox.command.executable"], attributes["sandbox.exit_code"]), ("sh", "3"))
        metrics = {metric["name"] for _, path, _, body in collector.seen if path == "/v1/metrics"
                   for resource in json.loads(body)["resourceMetrics"] for scope in resource["scopeMetrics"]
                   for metric in scope["metrics"]}
        self.assertLessEqual({"sandbox_client_requests_total", "sandbox_client_request_latency_ms",
                              "sandbox_client_create_latency_ms"}, metrics)
        # Nothing of the command but its first word may leave.
        self.assertFalse(any(b"exit 3" in body for _, _, _, body in collector.seen))

    def test_a_collector_that_is_away_delays_nothing(self):
        server = Server(ran)
        self.addCleanup(server.close)
        done = sandbox("--api-url", "http://127.0.0.1:%d" % server.port, "--by-name", "--otlp-endpoint", "http://127.0.0.1:1",
                       "run", "box", "--", "x")
        self.assertEqual((done.returncode, done.stdout), (0, "ran x\n"), done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
