"""Contract 1.10, 2.1 and 2.3: scoped tokens, reviewed tokens, and the browser's cookie, through the whole program."""
import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import subprocess
import tempfile
import threading
import time
import unittest

from support import websocket as ws
from support.origin import answering
from support.router import Router, RouterCase, eventually, request, run

SECRET = b"0123456789abcdef0123456789abcdef"
OTHER_SECRET = b"another secret of thirty-two byt"


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def v1(name="box", ns="default", seconds=60, secret=SECRET):
    payload = encoded(json.dumps({"ns": ns, "name": name, "exp": int(time.time()) + seconds}).encode())
    mac = hmac.new(secret, b"agent-sandbox/scoped-token/v1." + payload.encode(), hashlib.sha256).digest()
    return f"v1.{payload}.{encoded(mac)}"


def bearer(token):
    return [f"Authorization: Bearer {token}"]


class SigningKey:
    """An Ed25519 key of the openssl program."""

    def __init__(self, folder, name):
        self.name = name
        self.file = pathlib.Path(folder) / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.file], check=True, capture_output=True)
        public = subprocess.run(["openssl", "pkey", "-in", self.file, "-pubout", "-outform", "DER"], check=True,
                                capture_output=True).stdout[-32:]
        self.line = f"{name} ed25519:{encoded(public)}\n"

    def sign(self, port, **claims):
        claims = {"kid": self.name, "ns": "default", "name": "box", "port": port, "exp": int(time.time()) + 60, **claims}
        payload = encoded(json.dumps(claims).encode())
        message = self.file.with_suffix(".message")
        message.write_bytes(b"sandgate/scoped-token/v2." + payload.encode())
        signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in", message],
                                   check=True, capture_output=True).stdout
        return f"v2.{payload}.{encoded(signature)}"


class ScopedTokens(RouterCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.secret_file = pathlib.Path(cls.folder.name) / "secret"
        cls.secret_file.write_bytes(b"\n " + SECRET + b"\n")
        cls.key = SigningKey(cls.folder.name, "first")
        cls.keys_file = pathlib.Path(cls.folder.name) / "keys"
        cls.keys_file.write_text(cls.key.line)
        cls.router = Router("--authz-mode=scoped-token", f"--authz-scoped-token-secret-file={cls.secret_file}",
                            f"--authz-scoped-token-keys-file={cls.keys_file}", "--path-routing-prefix=/s",
                            "--authz-cookie-name=sg", "--authz-cookie-query-param=token", "--authz-cookie-insecure",
                            env={"ALLOW_UNAUTHENTICATED_ROUTER": "true"})

    def replace(self, file, data):
        fresh = file.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.replace(file)

    def test_answers(self):
        origin = self.origin()
        self.assertEqual(self.ask(origin, fields=bearer(v1())).status, 200)
        self.assertEqual(origin.request().all("authorization"), [])
        self.assert_error(self.ask(origin), 401, "unauthenticated", "unauthenticated")
        self.assert_error(self.ask(origin, fields=bearer("x")), 401, "unauthenticated", "bad_token")
        self.assert_error(self.ask(origin, fields=bearer(v1(seconds=0))), 401, "unauthenticated", "bad_token")
        self.assert_error(self.ask(origin, fields=bearer(v1(secret=OTHER_SECRET))), 401, "unauthenticated", "bad_token")
        self.assert_error(self.ask(origin, fields=bearer(v1("other"))), 403, "forbidden", "forbidden")
        for field in ("X-Sandbox-Pod-IP: 127.0.0.1", "X-Sandbox-UID: u"):
            self.assert_error(self.ask(origin, fields=bearer(v1()) + [field]), 403, "forbidden", "forbidden")

    def test_strong_form(self):
        origin = self.origin()
        token = self.key.sign(origin.port, methods=["GET"], path="/files/")
        self.assertEqual(self.ask(origin, target="/files/a", fields=bearer(token)).status, 200)
        self.assert_error(self.ask(origin, target="/x", fields=bearer(token)), 403, "forbidden")
        self.assert_error(self.ask(origin, target="/files/%2e%2e/x", fields=bearer(token)), 403, "forbidden")
        self.assert_error(self.ask(origin, "PUT", "/files/a", fields=bearer(token)), 403, "forbidden")
        self.assert_error(self.ask(origin, target="/files/a", fields=bearer(self.key.sign(1))), 403, "forbidden")
        self.assert_error(self.ask(origin, fields=bearer(self.key.sign(origin.port, other=1))), 401, "unauthenticated")

    def test_files_are_read_again(self):
        origin = self.origin()
        second = SigningKey(self.folder.name, "second")

        def accepted(token):
            return eventually(lambda: self.ask(origin, fields=bearer(token)).status == 200)

        def refused(token):
            return eventually(lambda: self.ask(origin, fields=bearer(token)).status == 401)
        old, new = self.key.sign(origin.port), second.sign(origin.port)
        self.assertTrue(accepted(old) and refused(new))
        self.replace(self.keys_file, (self.key.line + second.line).encode())
        self.assertTrue(accepted(new) and accepted(old))
        self.replace(self.keys_file, second.line.encode())
        self.assertTrue(refused(old) and accepted(new))
        self.replace(self.keys_file, b"broken\n")
        self.router.wait_record(lambda r: "keys of scoped tokens kept" in r.get("msg", ""))
        self.assertTrue(accepted(new))
        self.replace(self.keys_file, self.key.line.encode())
        self.assertTrue(accepted(old))
        self.replace(self.secret_file, OTHER_SECRET)
        self.assertTrue(accepted(v1(secret=OTHER_SECRET)) and refused(v1()))
        self.replace(self.secret_file, SECRET)
        self.assertTrue(accepted(v1()))

    def test_tunnel_ends_with_the_token(self):
        """Threat model 1, row 24."""
        origin = self.origin(ws.echo)
        client = self.client()
        client.send(request(origin, fields=bearer(v1(seconds=3)) + ws.handshake_fields()))
        self.assertEqual(client.response().status, 101)
        client.send(ws.frame(ws.TEXT, b"hi", masked=True))
        self.assertEqual(ws.Frame(client).payload, b"hi")
        frame = ws.Frame(client)
        self.assertEqual((frame.opcode, frame.payload), (ws.CLOSE, b"\x03\xf0authorization expired"))

    def test_browser(self):
        origin = self.origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: sg=evil\r\nSet-Cookie: a=1\r\n\r\n"))
        token, page = v1(), f"/s/default/box/{origin.port}"

        def ask(target, *fields):
            return self.ask_raw("\r\n".join([f"GET {target} HTTP/1.1", "Host: h", *fields, "", ""]).encode())
        login = ask(f"{page}?token={token}&x=1")
        self.assertEqual((login.status, login.get("location")), (302, f"{page}/?x=1".encode()))
        self.assertEqual(login.get("cache-control"), b"no-store")
        self.assertEqual(login.get("set-cookie"), f"sg={token}; Path={page}/; HttpOnly; SameSite=Lax".encode())
        self.assertTrue(origin.nothing_asked())
        answer = ask(f"{page}/?x=1", f"Cookie: b=2; sg={token}")
        self.assertEqual((answer.status, answer.all("set-cookie")), (200, [f"a=1; Path={page}/".encode()]))
        seen = origin.request()
        self.assertEqual((seen.target, seen.all("cookie")), (b"/?x=1", [b"b=2"]))
        self.assertEqual(ask(f"{page}/", f"Cookie: sg={token}", "Origin: https://evil").status, 403)
        self.assertNotIn(token, self.router.log())


class Start(unittest.TestCase):
    def test_bad_files(self):
        with tempfile.TemporaryDirectory() as folder:
            short = pathlib.Path(folder) / "short"
            short.write_bytes(b"x" * 31 + b"\n\n")
            ended = run("--authz-mode=scoped-token", f"--authz-scoped-token-secret-file={short}")
            self.assertEqual(ended.returncode, 2)
            self.assertIn("at least 32", ended.stderr)
            self.assertNotIn("xxx", ended.stderr)
        ended = run("--authz-mode=scoped-token", "--authz-scoped-token-secret-file=/nonexistent")
        self.assertEqual(ended.returncode, 2)
        self.assertIn("/nonexistent", ended.stderr)
        self.assertEqual(run("--authz-mode=scoped-token").returncode, 2)


class ApiServer:
    """Answers TokenReviews: the tokens in `good` are known. `gate` holds answers back."""

    def __init__(self):
        api = self
        self.good = {"good"}
        self.reviews = []
        self.status = 201
        self.gate = threading.Event()
        self.gate.set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                api.reviews.append((self.path, body["spec"]))
                api.gate.wait(20)
                known = body["spec"]["token"] in api.good
                answer = {"kind": "TokenReview", "status": {"authenticated": known, "user": {"username": "u"}}}
                data = json.dumps(answer).encode()
                self.send_response(api.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def kubeconfig(self, folder):
        path = pathlib.Path(folder) / "kubeconfig"
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"}}
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [cluster],
                                    "users": [{"name": "u", "user": {}}],
                                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
        return path

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def asked(self, token):
        return sum(spec["token"] == token for _, spec in self.reviews)


class ReviewedTokens(RouterCase):
    flags_more = ()

    def setUp(self):
        self.api = ApiServer()
        self.addCleanup(self.api.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.router = Router("--authz-mode=tokenreview", f"--kubeconfig={self.api.kubeconfig(folder.name)}", env={},
                             *self.flags_more)
        self.addCleanup(self.router.stop)

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def test_verdicts(self):
        origin = self.origin()
        for _ in range(5):
            self.assertEqual(self.ask(origin, fields=bearer("good")).status, 200)
            self.assertEqual(origin.request().all("authorization"), [])
            self.assert_error(self.ask(origin, fields=bearer("bad")), 401, "unauthenticated", "bad_token")
        self.assertEqual(self.ask(origin).status, 200)
        self.assertEqual((self.api.asked("good"), self.api.asked("bad")), (1, 1))
        self.assertEqual(self.api.reviews[0][0], "/apis/authentication.k8s.io/v1/tokenreviews")
        self.assertEqual(self.router.metric("sandgate_token_reviews_good_total"), 1)
        self.assertEqual(self.router.metric("sandgate_token_reviews_bad_total"), 1)
        self.assertNotIn('"good"', self.router.log())

    def test_authorizer_failure(self):
        origin = self.origin()
        self.api.status = 500
        failed = self.ask(origin, fields=bearer("good"))
        self.assert_error(failed, 500, "tokenreview: the token could not be reviewed", "internal")
        self.assertTrue(origin.nothing_asked())
        self.router.wait_record(lambda r: r.get("msg") == "tokens cannot be reviewed")

    def test_request_waits_for_the_verdict(self):
        """The body is not asked for before, and one review serves all."""
        self.api.gate.clear()
        origin = self.origin()
        client = self.client()
        client.send(request(origin, "POST", fields=bearer("good") + ["Expect: 100-continue", "Content-Length: 2"]))
        others = [self.client() for _ in range(5)]
        for other in others:
            other.send(request(origin, fields=bearer("good")))
        self.assertTrue(eventually(lambda: self.api.asked("good") == 1))
        self.assertFalse(client.ended(0.3))
        self.assertTrue(origin.nothing_asked())
        self.api.gate.set()
        self.assertEqual(client.head().status, 100)
        client.send(b"hi")
        self.assertEqual(client.response().status, 200)
        for other in others:
            self.assertEqual(other.response().status, 200)
        self.assertEqual(self.api.asked("good"), 1)

    def test_a_caller_that_leaves_is_forgotten(self):
        self.api.gate.clear()
        origin = self.origin()
        client = self.client()
        client.send(request(origin, target="/left", fields=bearer("good")))
        self.assertTrue(eventually(lambda: self.api.asked("good") == 1))
        client.close()
        self.assertEqual(self.router.access("/left")["error"], "client_gone")
        self.api.gate.set()
        self.assertTrue(eventually(lambda: self.router.metric("sandgate_token_reviews_good_total") == 1))
        self.assertTrue(origin.nothing_asked())
        self.assertEqual(self.ask(origin, fields=bearer("good")).status, 200)


class RequiredTokens(ReviewedTokens):
    """Its own test takes the place of the others."""
    flags_more = ("--authz-tokenreview-require-token", "--authz-tokenreview-audiences=router")

    def test_verdicts(self):
        origin = self.origin()
        self.assert_error(self.ask(origin), 401, "unauthenticated", "unauthenticated")
        # This API server names no audience: it may not know what one is.
        self.assert_error(self.ask(origin, fields=bearer("good")), 401, "unauthenticated", "bad_token")
        self.assertEqual(self.api.reviews[0][1], {"token": "good", "audiences": ["router"]})

    test_authorizer_failure = test_request_waits_for_the_verdict = test_a_caller_that_leaves_is_forgotten = None


if __name__ == "__main__":
    unittest.main()
