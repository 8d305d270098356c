"""Contract 1.10: PREFIX/NAMESPACE/ID/PORT/REST."""
import unittest

from support import websocket as ws
from support.router import RouterCase, run

SHAPE = "Path-routed request must have the form <prefix>/<namespace>/<id>/<port>/..."


def raw(target, *fields, method="GET"):
    return ("\r\n".join([f"{method} {target} HTTP/1.1", "Host: h", *fields]) + "\r\n\r\n").encode()


class PathRouting(RouterCase):
    flags = ("--path-routing-prefix=/sb",)
    options = {"sandboxes": ("box 127.0.0.1:8888", "team/box 127.0.0.1:8888")}

    def refused(self, target, detail, *fields):
        self.assert_error(self.ask_raw(raw(target, *fields)), 400, detail, "bad_route")

    def test_rest_is_forwarded(self):
        origin = self.origin()
        at = f"/sb/default/box/{origin.port}"
        for rest, seen in (("/a/b", "/a/b"), ("/", "/"), ("", "/"), ("?x=1", "/?x=1"), ("/?x=1", "/?x=1"), ("//a//b", "//a//b"),
                           ("/a%2Fb/../c", "/a%2Fb/../c"), ("/%2e%2e/%2e%2e/other", "/%2e%2e/%2e%2e/other"),
                           ("/sb/default/other/1/", "/sb/default/other/1/"), ("/a?b=/c", "/a?b=/c"), ("/a?", "/a?")):
            with self.subTest(rest):
                self.assertEqual(self.ask_raw(raw(at + rest)).status, 200)
                self.assertEqual(origin.request().target, seen.encode())

    def test_host_is_the_targets(self):
        origin = self.origin()
        self.ask_raw(raw(f"/sb/team/box/{origin.port}/"))
        seen = origin.request()
        self.assertEqual(seen.get("host"), f"127.0.0.1:{origin.port}".encode())
        self.assertEqual(seen.get("x-forwarded-host"), b"h")

    def test_order_and_texts(self):
        self.refused("/sb/Bad/Bad/bad/", "Invalid namespace format.")
        self.refused("/sb/default/Bad/bad/", "Invalid sandbox ID format.")
        self.refused("/sb/default/box/bad/", "Invalid port format.")
        self.refused("/sb/default/box/0/", "Invalid port format.")
        self.refused("/sb/default/box/65536/x", "Invalid port format.")
        self.refused("/sb/default/b%6Fx/8888/", "Invalid sandbox ID format.")
        self.refused("/sb/default/../8888/", "Invalid sandbox ID format.")

    def test_shape(self):
        for target in ("/sb", "/sb/", "/sb/default", "/sb/default/box", "/sb/default/box/", "/sb//box/8888/",
                       "/sb/default//8888/",
                       "/sb?x=1", "/sb/default/box?x=/8888/"):
            with self.subTest(target):
                self.refused(target, SHAPE)

    def test_never_retried_by_headers(self):
        """A wrong path-routed request is not given to the sandbox the headers name."""
        origin = self.origin()
        self.refused("/sb/default/box", SHAPE, "X-Sandbox-ID: box", f"X-Sandbox-Port: {origin.port}")
        self.assertEqual(origin.connections, 0)

    def test_headers_do_not_change_a_path_route(self):
        origin = self.origin()
        response = self.ask_raw(raw(f"/sb/default/box/{origin.port}/x", "X-Sandbox-ID: Wrong", "X-Sandbox-Port: 1",
                                    "X-Sandbox-Pod-IP: 127.0.0.9", "X-Sandbox-UID: u"))
        self.assertEqual(response.status, 200)
        self.assertEqual([name for name in origin.request().names if name.startswith("x-sandbox")], [])

    def test_other_paths_are_routed_by_headers(self):
        origin = self.origin()
        for target in ("/sbx/default/box/1/", "/s", "/SB/default/box/1/", "/%73b/default/box/1/"):
            with self.subTest(target):
                response = self.ask_raw(raw(target, "X-Sandbox-ID: box", f"X-Sandbox-Port: {origin.port}"))
                self.assertEqual((response.status, origin.request().target), (200, target.encode()))

    def test_websocket(self):
        origin = self.origin(ws.echo)
        client = self.client()
        client.send(raw(f"/sb/default/box/{origin.port}/ws?x=1", *ws.handshake_fields()))
        self.assertEqual(client.response().status, 101)
        self.assertEqual(origin.request().target, b"/ws?x=1")
        client.send(ws.frame(ws.TEXT, b"hello", masked=True))
        self.assertEqual(ws.Frame(client).payload, b"hello")

    def test_unknown_sandbox(self):
        self.assert_error(self.ask_raw(raw("/sb/default/nobody/1/")), 502, "Could not connect to the backend sandbox: nobody")


class Off(RouterCase):
    def test_off_by_default(self):
        self.assert_error(self.ask_raw(raw("/sb/default/box/8888/")), 400, "X-Sandbox-ID header is required.")


class Token(RouterCase):
    flags = ("--path-routing-prefix=/sb",)
    options = {"token": "secret"}

    def test_token_comes_first(self):
        self.assert_error(self.ask_raw(raw("/sb/bad")), 401, "Missing or invalid Authorization header.")


class Prefix(unittest.TestCase):
    def test_bad_prefix_stops_the_start(self):
        for prefix in ("sb", "/sb/", "/", "/a b"):
            with self.subTest(prefix):
                ended = run(f"--path-routing-prefix={prefix}", env={"ALLOW_UNAUTHENTICATED_ROUTER": "true"})
                self.assertEqual(ended.returncode, 2)
                self.assertIn("path-routing-prefix", ended.stderr)


if __name__ == "__main__":
    unittest.main()
