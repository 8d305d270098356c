"""Path proxy, contract path-proxy 4.2: the answers it makes itself, byte by byte; keys and limits of section 7."""
import hashlib
import json
import pathlib
import tempfile
import time
import unittest

from harness.boxes import Deaf, address, box
from harness.gateway import fields_of, raw, told
from harness.path_case import PathCase
from harness.peers import answer, closing_after
from harness.process import eventually


def failed(path, message="connection refused"):
    return f'{{"error":"Failed to communicate with sandbox","message":"{message}","path":"{path}"}}'


class Errors(PathCase):
    flags = ("--connect-timeout=1s", "--connect-total-timeout=2s", "--proxy-timeout=3s", "--max-request-body-bytes=1000",
             "--upstream-max-retries=1")

    def test_404_names_only_the_users_own(self):
        for name in ("cold", "arm", "zed"):
            self.sandbox(name, ips=["127.9.9.9"], user="bob", pod=False)
            self.wait_listed("bob/" + name)
        self.sandbox("secret", ips=["127.9.9.9"], user="eve", pod=False)
        self.wait_listed("eve/secret")
        self.assert_error(self.get("/bob/none/x"), 404, "sandbox_not_found",
                          '{"error":"Sandbox not found","path":"bob/none","available":["bob/arm","bob/cold","bob/zed"]}')
        self.assert_error(self.get("/nobody/none/x"), 404, "sandbox_not_found",
                          '{"error":"Sandbox not found","path":"nobody/none","available":[]}')

    def test_404_names_a_hundred(self):
        for at in range(103):
            self.cluster.sandbox(f"n-{at:03}", ips=["127.9.9.9"], user="many", pod=False)
        self.wait_listed("many/n-102")
        available = json.loads(self.get("/many/none/").body)["available"]
        self.assertEqual(available, [f"many/n-{at:03}" for at in range(100)])

    def test_503_verbatim(self):
        self.sandbox("cold", ips=["127.9.9.9"], user="n", pod=False, ready=False, service="cold")
        self.wait_listed("n/cold", False)
        got = self.get("/n/cold/x")
        self.assert_error(got, 503, "sandbox_not_ready", '{"error":"Sandbox not ready","path":"n/cold","service":"cold"}')
        self.assertEqual(got.get("retry-after"), b"1")

    def test_503_for_a_browser_is_a_page(self):
        self.sandbox("cold", ips=["127.9.9.9"], user="n", pod=False, ready=False)
        self.wait_listed("n/cold", False)
        got = self.get("/n/cold/x", "Accept: text/html,application/xhtml+xml,*/*;q=0.8")
        self.assertEqual(got.status, 503)
        self.assertTrue(got.get("content-type").startswith(b"text/html"))
        self.assertIn(b"n/cold", got.body)
        self.assertIn(b"refresh", got.body.lower() + b"".join(got.all("refresh")) + b"refresh" * len(got.all("refresh")))
        for accept in ("application/json", "*/*", "application/json, text/html;q=0.5"):
            self.assertTrue(self.get("/n/cold/x", "Accept: " + accept).get("content-type").startswith(b"application/json"))
        # 503 only: other errors stay JSON.
        self.assertTrue(self.get("/n/none/x", "Accept: text/html").get("content-type").startswith(b"application/json"))

    def test_502_refused(self):
        self.sandbox("dead", ips=[address()], user="n", pod=False)
        self.wait_listed("n/dead")
        got = self.get("/n/dead/x")
        message = json.loads(got.body)["message"]
        self.assert_error(got, 502, "connect_refused", failed("n/dead", message))

    def test_502_unfit_answers(self):
        scripts = {"bad": (b"SSH-2.0-OpenSSH\r\n\r\n", "bad_response"), "none": (b"", "reset"),
                   "both": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                            "bad_response"),
                   "head": (b"HTTP/1.1 200 OK\r\nA" + b"a" * 70000 + b": 1\r\n\r\n", "bad_response"),
                   "switch": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "bad_response")}
        for name, (data, code) in scripts.items():
            with self.subTest(name):
                self.add("o-" + name, user="n", script=closing_after(data))
                got = self.get(f"/n/o-{name}/x")
                self.assert_error(got, 502, code, failed("n/o-" + name, json.loads(got.body)["message"]))

    def test_504_black_hole(self):
        deaf = Deaf(self)
        self.sandbox("deaf", ips=[deaf.ip], user="n", pod=False)
        self.wait_listed("n/deaf")
        begin = time.monotonic()
        self.assert_error(self.get("/n/deaf/x"), 504, "timeout", failed("n/deaf", "timeout"))
        self.assertLess(time.monotonic() - begin, 9)

    def test_504_no_answer(self):
        self.add("mute", user="n", script=lambda peer: (peer.note(peer.request()), peer.ended()))
        self.assert_error(self.get("/n/mute/x"), 504, "timeout", failed("n/mute", "timeout"))

    def test_413(self):
        origin = self.add("box", user="n")
        with self.proxy.connect() as client:
            client.send(raw("POST", "/n/box/x", ["Content-Length: 1001"]))
            got = client.response()
        self.assert_error(got, 413, "body_too_large", '{"error":"Payload too large","message":"%s","path":"n/box"}'
                          % json.loads(got.body)["message"])
        self.assertTrue(origin.nothing_asked())

    def test_refused_classes_are_502(self):
        """5.3: an address outside what may be dialled is as if unreachable. (The flag of these tests opens loopback.)"""
        for at, ip in enumerate(("169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::ffff:169.254.169.254",
                                 "fe80::1", "ff02::1", "64:ff9b::a9fe:a9fe", "::")):
            with self.subTest(ip):
                name = f"cls-{at}"
                self.sandbox(name, ips=[ip], user="n", pod=False)
                self.wait_listed("n/" + name)
                got = self.get(f"/n/{name}/x")
                self.assertEqual(got.status, 502, got.body)
                self.assertEqual(got.get("x-sandgate-error"), b"unreachable")

    def test_own_listeners_are_never_dialled(self):
        host, port = self.proxy.address
        self.sandbox("self", ips=[host], user="n", pod=False, annotations={"sandgate.dev/port": str(port)})
        self.wait_listed("n/self")
        self.assertEqual(self.get("/n/self/health").status, 502)

    def test_cut_answers_are_cut(self):
        self.add("cut", user="n", script=closing_after(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"))
        with self.proxy.connect() as client:
            client.send(raw("GET", "/n/cut/x"))
            self.assertEqual(client.head().status, 200)
            self.assertEqual(client.exactly(3), b"abc")
            self.assertIn(client.ended(), ("fin", "reset"))
        self.add("chunk", user="n", script=closing_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"))
        with self.proxy.connect() as client:
            client.send(raw("GET", "/n/chunk/x"))
            self.assertEqual(client.head().status, 200)
            self.assertEqual(client.exactly(8), b"3\r\nabc\r\n")
            self.assertIn(client.ended(), ("fin", "reset"))
            self.assertEqual(bytes(client.buffer), b"")


class Loopback(PathCase):
    def test_is_refused_without_the_flag(self):
        from harness.gateway import Gateway
        origin = box(self)
        self.sandbox("box", ips=[origin.ip], user="lo", pod=False)
        with Gateway("proxy", self.cluster, loopback=False) as proxy:
            self.wait_listed("lo/box", proxy=proxy)
            self.assertEqual(proxy.get("/lo/box/").status, 502)
        self.assertEqual(origin.connections, 0)


class Strict(PathCase):
    flags = ("--path-compat=strict", "--connect-timeout=1s", "--upstream-max-retries=0")

    def test_statuses_and_list_of_all(self):
        for name, user in (("one", "al"), ("two", "bo")):
            self.sandbox(name, ips=[address()], user=user, pod=False)
            self.wait_listed(f"{user}/{name}")
        got = self.get("/al/one/x")
        self.assertEqual((got.status, json.loads(got.body)["error"]), (500, "Failed to communicate with sandbox"))
        self.assertEqual(json.loads(self.get("/al/none/").body)["available"], ["al/one", "bo/two"])
        origin = self.add("three", user="al")
        self.assertEqual(told(self.get("/al/three/a?b"))["target"], "/a?b")  # losses are never restored
        self.assertEqual(origin.connections, 1)


class Keys(PathCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.file = pathlib.Path(cls.folder.name) / "keys"
        cls.write("key-of-ann-0123456789 user=ann", "key-of-one-0123456789 user=ann sandbox=one", "key-of-all-0123456789 user=*",
                  "key-of-port-012345678 user=ann port=9000-9010")
        cls.flags = (f"--api-keys-file={cls.file}",)
        super().setUpClass()

    @classmethod
    def write(cls, *lines):
        lines = [(hashlib.sha256(key.encode()).hexdigest(), scope) for key, scope in (one.split(" ", 1) for one in lines)]
        cls.file.write_text("".join(f"sha256:{digest} {scope}\n" for digest, scope in lines), encoding="ascii")

    def wait_listed(self, path, ready=True, proxy=None):
        eventually(lambda: self.get(f"/{path}/", "X-API-Key: key-of-all-0123456789").status == 200, path)

    def remove(self, name, ns="default"):
        self.cluster.delete_sandbox(name, ns)

    def test_keys(self):
        origin = self.add("one", user="ann")
        self.add("two", user="ann")
        self.add("three", user="bob")
        table = {  # key: statuses of ann/one, ann/two, bob/three
            "key-of-ann-0123456789": (200, 200, 403), "key-of-one-0123456789": (200, 403, 403),
            "key-of-all-0123456789": (200, 200, 200), "key-of-port-012345678": (403, 403, 403),
            "key-of-nobody-0123456": (401, 401, 401), None: (401, 401, 401)}
        for key, statuses in table.items():
            for path, status in zip(("/ann/one/", "/ann/two/", "/bob/three/"), statuses):
                for field in ("X-API-Key: %s", "Authorization: Bearer %s"):
                    with self.subTest(f"{key} {path}"):
                        got = self.get(path, *([field % key] if key else []))
                        self.assertEqual(got.status, status)
                        if status == 401:
                            self.assertTrue(got.get("www-authenticate"))
                            self.assertEqual(json.loads(got.body)["error"], "Unauthorized")
                        elif status == 403:
                            self.assert_error(got, 403, "forbidden",
                                              '{"error":"Forbidden","message":"You do not have access to this sandbox"}')
                        else:
                            told_fields = told(got)
                            self.assertEqual(fields_of(told_fields, "x-api-key"), [])  # a consumed credential goes no further
                            self.assertEqual(fields_of(told_fields, "authorization"), [])
        self.assertGreater(origin.connections, 0)
        both = told(self.get("/ann/one/", "X-API-Key: key-of-ann-0123456789", "Authorization: Bearer for-the-sandbox"))
        self.assertEqual(fields_of(both, "authorization"), ["Bearer for-the-sandbox"])
        # The list names what the caller may reach, and nothing without a key.
        self.assertEqual(self.get("/sandboxes").status, 401)
        seen = json.loads(self.get("/sandboxes", "X-API-Key: key-of-one-0123456789").body)
        self.assertEqual([one["path"] for one in seen["sandboxes"]], ["ann/one"])
        self.assertEqual(self.get("/health").status, 200)
        # A 404 names the others only to that user.
        self.assertNotIn(b"available", self.get("/bob/none/", "X-API-Key: key-of-ann-0123456789").body)
        # Unknown and forbidden look alike (threat model 1, row 21).
        known, unknown = (self.get(path, "X-API-Key: key-of-ann-0123456789") for path in ("/bob/three/", "/bob/none/"))
        self.assertEqual(known.status, unknown.status)

    def test_the_file_is_read_again(self):
        self.add("one", user="ann")
        text = self.file.read_text(encoding="ascii")
        self.addCleanup(self.file.write_text, text, "ascii")
        self.write("key-of-all-0123456789 user=*", "key-of-new-0123456789 user=ann")
        eventually(lambda: self.get("/ann/one/", "X-API-Key: key-of-new-0123456789").status == 200, "the new key")
        self.assertEqual(self.get("/ann/one/", "X-API-Key: key-of-ann-0123456789").status, 401)


class Limits(PathCase):
    flags = ("--max-running-per-user=1",)

    def test_429(self):
        def script(peer):
            peer.note(peer.request())
            peer.ended()
        origin = self.add("box", user="lim", script=script)
        self.add("other", user="lim2")
        with self.proxy.connect() as client:
            client.send(raw("GET", "/lim/box/"))
            origin.request()
            got = self.get("/lim/box/")
            self.assert_error(got, 429, "rate_limited", '{"error":"Too many requests","message":"%s","path":"lim/box"}'
                              % json.loads(got.body)["message"])
            self.assertTrue(got.get("retry-after"))
            self.assertEqual(self.get("/lim2/other/").status, 200)


class BytesPerUser(PathCase):
    """Of four seconds' worth one comes at once, the rest at the rate; who comes next pays for the last 4 MiB."""
    RATE = 4_000_000
    flags = (f"--max-bytes-per-user={RATE}",)

    def timed(self, method, path, body=b""):
        began = time.monotonic()
        got = self.proxy.ask(method, path, body=body)
        self.assertEqual(got.status, 200)
        return got, time.monotonic() - began

    def test_downloads_and_uploads_of_a_user_are_slowed_down(self):
        def script(peer):
            while request := peer.request():
                peer.note(request)
                peer.send(answer(b"x" * 4 * self.RATE if request.method == b"GET" else b"taken"))
        self.add("down", user="ann", script=script)
        self.add("up", user="bob", script=script)
        self.add("free", user="eve")
        got, took = self.timed("GET", "/ann/down/")
        self.assertEqual(len(got.body), 4 * self.RATE)
        self.assertGreaterEqual(took, 1.5)
        _, took = self.timed("POST", "/bob/up/", b"y" * 4 * self.RATE)
        self.assertGreaterEqual(took, 1.5)
        self.timed("GET", "/eve/free/")
        hits = self.proxy.metrics()['sandgate_limit_hits_total{limit="max_bytes_per_user"}']
        self.assertGreaterEqual(hits, 2)


class Pool(PathCase):
    def test_connections_are_kept_and_stale_ones_cost_nothing(self):
        def once(peer):
            peer.note(peer.request())
            peer.send(answer(b"one"))
        kept = self.add("kept", user="p")
        stale = self.add("stale", user="p", script=once)
        for _ in range(3):
            self.assertEqual(self.get("/p/kept/").status, 200)
        self.assertEqual(kept.connections, 1)
        for method in ("GET", "POST", "GET", "POST"):
            self.assertEqual(self.proxy.ask(method, "/p/stale/").body, b"one")
            eventually(lambda: stale.peers[-1].sock.fileno() < 0, "the sandbox's close")

    def test_two_sandboxes_on_one_address_share_nothing(self):
        origin = self.add("one", user="p")
        self.sandbox("two", ips=[origin.ip], user="p", pod=False)
        self.wait_listed("p/two")
        for name in ("one", "two", "one", "two"):
            self.assertEqual(self.get(f"/p/{name}/").status, 200)
        self.assertEqual(origin.connections, 2)


if __name__ == "__main__":
    unittest.main()
