"""Contract 2: the environment and its leniency, the refusal to start, exit codes, the file of sandboxes."""
import pathlib
import socket
import tempfile
import time
import unittest

from support import websocket as ws
from support.dns import A, DnsServer
from support.origin import Origin
from support.router import HEALTH_HOST, METRICS_HOST, Router, eventually, request, run

REFUSAL = "ROUTER_AUTH_TOKEN must be set to start the sandbox router securely."
OPEN = {"ALLOW_UNAUTHENTICATED_ROUTER": "true"}


def ask(router, origin, *fields, method="GET", target="/"):
    with router.connect() as client:
        client.send(request(origin, method, target, fields=fields))
        return client.response(method)


class Refusal(unittest.TestCase):
    def test_neither_token_nor_flag(self):
        for env in ({}, {"ROUTER_AUTH_TOKEN": ""}, {"ROUTER_AUTH_TOKEN": " \t"}, {"ALLOW_UNAUTHENTICATED_ROUTER": "false"},
                    {"ALLOW_UNAUTHENTICATED_ROUTER": ""}, {"ALLOW_UNAUTHENTICATED_ROUTER": "maybe"},
                    {"ALLOW_UNAUTHENTICATED_ROUTER": "0"}, {"ALLOW_UNAUTHENTICATED_ROUTER": "yess"}):
            with self.subTest(env):
                begin = time.monotonic()
                ended = run("--http-bind-address=127.0.0.1:0", env=env)
                self.assertEqual(ended.returncode, 2)
                self.assertIn(REFUSAL, ended.stdout + ended.stderr)
                self.assertLess(time.monotonic() - begin, 6)

    def test_before_any_port(self):
        """With its port taken it still says what is wrong first: it never tried to listen."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            ended = run(f"--http-bind-address=127.0.0.1:{taken.getsockname()[1]}", "--metrics-bind-address=",
                        "--health-probe-bind-address=")
        self.assertEqual(ended.returncode, 2)
        self.assertIn(REFUSAL, ended.stdout + ended.stderr)
        self.assertNotIn("in use", ended.stdout + ended.stderr)

    def test_words_that_allow(self):
        for word in ("1", "true", "T", " yes ", "Y", "ON", "True"):
            with self.subTest(word), Router(env={"ALLOW_UNAUTHENTICATED_ROUTER": word}) as router, Origin() as origin:
                self.assertEqual(ask(router, origin).status, 200)

    def test_token_wins_over_the_flag(self):
        with Router(token="s3cret", env=OPEN) as router, Origin() as origin:
            self.assertEqual(ask(router, origin).status, 401)
            self.assertEqual(ask(router, origin, "Authorization: Bearer s3cret").status, 200)


class Environment(unittest.TestCase):
    def test_bad_values_warn_and_the_default_is_used(self):
        bad = {"PROXY_TIMEOUT_SECONDS": "soon", "MAX_KEEPALIVE_CONNECTIONS": "-1", "WEBSOCKET_IDLE_TIMEOUT_SECONDS": "nan",
               "WEBSOCKET_MAX_LIFETIME_SECONDS": "-5", "WEBSOCKET_MAX_CONNECTIONS_PER_CLIENT": "0.5",
               "WEBSOCKET_MAX_MESSAGE_BYTES": "0", "TRUSTED_PROXY_CIDRS": "10.0.0.0/99", "CLUSTER_DOMAIN": "not a domain"}
        with Router(env=bad) as router, Origin() as origin:
            self.assertEqual(ask(router, origin).status, 200)
            lines = router.log().splitlines()
            for name in bad:
                with self.subTest(name):
                    warned = [line for line in lines if line.startswith("WARNING:") and name in line]
                    self.assertEqual(len(warned), 1, lines)

    def test_strict(self):
        ended = run("--http-bind-address=127.0.0.1:0", env={**OPEN, "PROXY_TIMEOUT_SECONDS": "soon",
                                                            "SANDGATE_STRICT_CONFIG": "true",
                                                            "WEBSOCKET_MAX_MESSAGE_BYTES": "0"})
        self.assertEqual(ended.returncode, 2)
        for name in ("PROXY_TIMEOUT_SECONDS", "WEBSOCKET_MAX_MESSAGE_BYTES"):
            self.assertIn(name, ended.stderr)

    def test_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with Router(env={"PORT": f" {port} "}, address=None) as router, Origin() as origin:
            self.assertEqual(router.port, port)
            self.assertEqual(ask(router, origin).status, 200)

    def test_proxy_timeout(self):
        def silent(peer):
            peer.note(peer.request())
            peer.ended()
        with Router(env={"PROXY_TIMEOUT_SECONDS": " 0.4 "}) as router, Origin(silent) as origin:
            begin = time.monotonic()
            self.assertEqual(ask(router, origin).status, 504)
            self.assertTrue(0.3 < time.monotonic() - begin < 5)

    def test_keepalive_zero_reuses_nothing(self):
        with Router(env={"MAX_KEEPALIVE_CONNECTIONS": "0"}) as router, Origin() as origin:
            for _ in range(3):
                self.assertEqual(ask(router, origin).status, 200)
            self.assertEqual(origin.connections, 3)

    def test_message_bytes(self):
        with Router(env={"WEBSOCKET_MAX_MESSAGE_BYTES": "1_0"}) as router, Origin(ws.echo) as origin, router.connect() as client:
            client.send(request(origin, fields=ws.handshake_fields()))
            self.assertEqual(client.response().status, 101)
            client.send(ws.frame(ws.TEXT, bytes(10), masked=True))
            self.assertEqual(len(ws.Frame(client).payload), 10)
            client.send(ws.frame(ws.TEXT, bytes(11), masked=True))
            self.assertEqual(ws.Frame(client).close[0], 1009)

    def test_lifetime(self):
        env = {"WEBSOCKET_MAX_LIFETIME_SECONDS": "0.3"}
        with Router(env=env) as router, Origin(ws.echo) as origin, router.connect() as client:
            client.send(request(origin, fields=ws.handshake_fields()))
            self.assertEqual(client.response().status, 101)
            self.assertEqual(ws.Frame(client).close, (1001, b"max lifetime exceeded"))

    def test_proxies_are_ignored(self):
        with Origin() as proxy, Origin(host="127.0.0.1") as origin:
            url = f"http://127.0.0.1:{proxy.port}"
            env = {name: url for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY")}
            with Router(env=env) as router:
                self.assertEqual(ask(router, origin).status, 200)
            self.assertEqual(proxy.connections, 0)

    def test_flag_before_file_before_environment(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "c.yaml"
            file.write_text("max-request-body-bytes: 20\nmax-keepalive-connections: 5\n")
            env = {"MAX_KEEPALIVE_CONNECTIONS": "0", "SANDBOX_ROUTER_CONFIG": str(file)}
            with Router("--max-request-body-bytes=30", env=env) as router, Origin() as origin:
                for size, status in ((30, 200), (31, 413)):
                    with router.connect() as client:
                        client.send(request(origin, "POST", fields=[f"Content-Length: {size}"], body=bytes(size)))
                        self.assertEqual(client.response().status, status)
                for _ in range(3):
                    self.assertEqual(ask(router, origin).status, 200)
                self.assertEqual(origin.connections, 1)  # the file's 5, not the variable's 0


class ExitCodes(unittest.TestCase):
    def test_bad_configuration_is_2(self):
        for flags in (("--no-such-flag",), ("--proxy-timeout=soon",), ("--workers=1000",), ("--config=/no/such/file",)):
            with self.subTest(flags):
                ended = run(*flags, env=OPEN)
                self.assertEqual(ended.returncode, 2)
                self.assertIn(flags[0].split("=")[-1], ended.stderr)

    def test_unknown_key_of_the_file(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "c.yaml"
            for text in ("proxy-timout: 1s\n", "proxy:\n  timeout: 1s\n"):
                file.write_text(text)
                ended = run(f"--config={file}", env=OPEN)
                self.assertEqual(ended.returncode, 2)
                self.assertIn("c.yaml", ended.stderr)

    def test_taken_port_is_1(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for flag in ("http", "metrics", "health-probe"):
                flags = {"http": "127.0.0.1:0", "metrics": f"{METRICS_HOST}:0", "health-probe": f"{HEALTH_HOST}:0"}
                flags[flag] = f"127.0.0.1:{port}"
                with self.subTest(flag):
                    ended = run(*(f"--{name}-bind-address={value}" for name, value in flags.items()), env=OPEN)
                    self.assertEqual(ended.returncode, 1)
                    self.assertIn(f"{flag}-bind-address", ended.stderr)
                    self.assertIn(str(port), ended.stderr)

    def test_help_and_version(self):
        for flag in ("--help", "--version"):
            ended = run(flag)
            self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertIn("--http-bind-address", run("--help").stdout)

    def test_listeners_can_be_off(self):
        with Router(admin=False) as router, Origin() as origin:
            self.assertEqual(ask(router, origin).status, 200)
            self.assertIsNone(router.listening(HEALTH_HOST))
            self.assertIsNone(router.listening(METRICS_HOST))


class StaticSandboxes(unittest.TestCase):
    def test_port_of_the_file(self):
        """The file's port stands for the default port; a port a client names stands as it is."""
        with Origin() as named, Origin() as asked:
            with Router(sandboxes=(f"box 127.0.0.1:{named.port}", f"team/box 127.0.0.1:{asked.port}")) as router:
                def get(*fields):
                    with router.connect() as client:
                        lines = ["GET / HTTP/1.1", "Host: h", "X-Sandbox-ID: box", *fields]
                        client.send(("\r\n".join(lines) + "\r\n\r\n").encode())
                        return client.response().status
                self.assertEqual(get(), 200)
                self.assertEqual((named.connections, asked.connections), (1, 0))
                self.assertEqual(get(f"X-Sandbox-Port: {asked.port}"), 200)
                self.assertEqual((named.connections, asked.connections), (1, 1))
                self.assertEqual(get("X-Sandbox-Namespace: team"), 200)
                self.assertEqual(asked.requests.qsize(), 2)

    def test_read_again_on_change(self):
        with Origin() as origin, Router(sandboxes=("other 127.0.0.1:1",)) as router:
            self.assertEqual(ask(router, origin).status, 502)
            router.sandboxes_file.write_text("box 127.0.0.1:1\n")
            self.assertTrue(eventually(lambda: ask(router, origin).status == 200))
            router.sandboxes_file.write_text("box nonsense\n")
            self.assertTrue(router.wait_record(lambda r: r.get("msg") == "sandboxes kept as they were"))
            self.assertEqual(ask(router, origin).status, 200)
            router.sandboxes_file.write_text("other 127.0.0.1:1\n")
            self.assertTrue(eventually(lambda: ask(router, origin).status == 502))

    def test_changed_address(self):
        """No request goes over a connection that was kept for the old address."""
        with Origin(host="127.0.0.5") as old, Origin(host="127.0.0.6", port=old.port) as new:
            with Router(sandboxes=("box 127.0.0.5:1",)) as router:
                self.assertEqual(ask(router, old).status, 200)
                router.sandboxes_file.write_text("box 127.0.0.6:1\n")
                self.assertTrue(eventually(lambda: ask(router, old).status == 200 and new.connections == 1))
                before = old.requests.qsize()
                for _ in range(3):
                    self.assertEqual(ask(router, old).status, 200)
                self.assertEqual(old.requests.qsize(), before)

    def test_no_dns_where_there_is_a_table(self):
        with DnsServer() as dns, Origin() as origin:
            dns.set("nobody.default.svc.cluster.local", (A, "127.0.0.1", 30))
            with Router("--dns-server=" + dns.address) as router, router.connect() as client:
                client.send(request(origin).replace(b"X-Sandbox-ID: box", b"X-Sandbox-ID: nobody"))
                self.assertEqual(client.response().status, 502)
            self.assertEqual((dns.queries, origin.connections), ([], 0))

    def test_reserved_ports_of_known_sandboxes(self):
        """Threat model 1, row 4: a known sandbox may be reached on any port; here nobody listens, so it was dialled."""
        with Router("--upstream-max-retries=0") as router, router.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX-Sandbox-ID: box\r\nX-Sandbox-Port: 10250\r\n\r\n")
            self.assertEqual(client.response().get("x-sandgate-error"), b"connect_failed")

    def test_bad_file_stops_the_start(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "sandboxes"
            file.write_text("box 127.0.0.1\nbox\n")
            ended = run("--http-bind-address=127.0.0.1:0", "--metrics-bind-address=", "--health-probe-bind-address=",
                        f"--static-sandboxes={file}", env=OPEN)
            self.assertIn(ended.returncode, (1, 2))
            self.assertIn("sandboxes:", ended.stderr)


if __name__ == "__main__":
    unittest.main()
