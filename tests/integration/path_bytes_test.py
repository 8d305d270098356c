"""Contract 1.4: the target's bytes reach the sandbox as they came, or the request is refused."""
import unittest

from support.router import Router, RouterCase, request

VERBATIM = [
    "/", "/a", "//a//b", "///", "/a%2Fb%2fc", "/%2e%2e/x", "/a/../b/./c", "/..", "/.", "/list/%2E?marker=%2E", "/a?", "/a??b",
    "/a?x=%2F&y=a+b&z=%zz", "/a%", "/a%zz", "/a%00b", "/%", "/?", "/??", '/a"<>|\\^`{}', "/[a]", "/a;b=c,d", "/~!$&'()*+,;=:@",
    "/a%C3%A9", "/upload/dir%2Fwith%20blank%2F%2E%2E", "/" + "x" * 8000, "/a?" + "q" * 8000, "/a/b?c=http://h/p?q", "/http://h/p",
    "/%0d%0aX: y".replace(" ", "%20"), "/a?b?c/../d", "/\\..\\",
]
REFUSED = [
    b"/a#frag", b"/a?b#c", b"#", b"/caf\xc3\xa9", b"/\x80", b"/a?q=\xff", b"/a b", b"/a\tb", b"/a\x00b", b"/a\x01", b"/a\x7f",
    b"",
    b"/a\rb", b"/a\x0bb",
]


class PathBytes(RouterCase):
    def test_verbatim(self):
        origin = self.origin()
        client = self.client()
        for target in VERBATIM:
            with self.subTest(target[:60]):
                client.send(request(origin, target=target))
                self.assertEqual(client.response().status, 200)
                self.assertEqual(origin.request().line, b"GET " + target.encode() + b" HTTP/1.1")

    def test_refused(self):
        origin = self.origin()
        for target in REFUSED:
            with self.subTest(target):
                client = self.client()
                client.send(request(origin).replace(b"GET / ", b"GET " + target + b" "))
                self.assert_error(client.response(), 400, "Invalid HTTP request received.", "bad_request")
                self.assertEqual(client.ended(), "fin")
        self.assertEqual(origin.connections, 0)

    def test_target_that_is_no_path(self):
        origin = self.origin()
        for target in ("a", "a/b", "h:80", "?x"):
            with self.subTest(target):
                self.assert_error(self.ask(origin, target=target), 404, "Not Found", "not_found")
        self.assertEqual(origin.connections, 0)


class AbsoluteForm(RouterCase):
    def test_authority_becomes_the_host(self):
        origin = self.origin()
        for target, path, host in (("http://h.example/p?q", "/p?q", "h.example"), ("HTTP://h:81/", "/", "h:81"),
                                   ("http://h", "/", "h"), ("http://[::1]:8/%2F//", "/%2F//", "[::1]:8")):
            with self.subTest(target):
                self.assertEqual(self.ask(origin, target=target, host="other").status, 200)
                seen = origin.request()
                self.assertEqual(seen.line, f"GET {path} HTTP/1.1".encode())
                self.assertEqual(seen.all("host"), [f"127.0.0.1:{origin.port}".encode()])
                self.assertEqual(seen.all("x-forwarded-host"), [host.encode()])

    def test_refused(self):
        origin = self.origin()
        for target in ("http://user@h/p", "http://user:pw@h/p", "http:///p", "ftp://h/p", "http://h:99999/", "http://h\\x/"):
            with self.subTest(target):
                self.assertEqual(self.ask(origin, target=target).status, 400)
        self.assertEqual(origin.connections, 0)

    def test_healthz(self):
        response = self.ask_raw(b"GET http://h/healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual((response.status, response.body), (200, b'{"status":"ok"}'))


class Asterisk(RouterCase):
    def test_options(self):
        origin = self.origin()
        client = self.client()
        for _ in range(2):  # the connection stays
            client.send(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
            response = client.response()
            self.assertEqual((response.status, response.body), (200, b""))
        self.assertEqual(origin.connections, 0)

    def test_other_methods(self):
        for method in ("GET", "POST", "FOO"):
            with self.subTest(method):
                response = self.ask_raw(f"{method} * HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n".encode())
                self.assertEqual(response.status, 400)


class TargetLimit(unittest.TestCase):
    def test_default_16_kib_and_flag(self):
        with Router("--max-target-bytes=300") as small, Router() as usual:
            for router, most in ((small, 300), (usual, 16384)):
                with self.subTest(most), router.connect() as client:
                    client.send(f"GET /{'x' * (most - 1)} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
                    self.assertEqual(client.response().status, 400)  # no ID: the target was taken
                    client.send(f"GET /{'x' * most} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
                    self.assertEqual(client.response().status, 414)
                    self.assertEqual(client.ended(), "fin")
                self.assertEqual(router.limit_hits("max_target_bytes"), 1)


if __name__ == "__main__":
    unittest.main()
