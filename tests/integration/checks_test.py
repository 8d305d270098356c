"""Contract 1.1 and 1.2: the order of the checks, and each header that is read."""
import unittest

from support.origin import Origin
from support.router import RouterCase, request

ID_REQUIRED = "X-Sandbox-ID header is required."
BAD_ID = "Invalid sandbox ID format."
BAD_NAMESPACE = "Invalid namespace format."
BAD_PORT = "Invalid port format."
BAD_IP = "Invalid target IP address format."
FORBIDDEN_IP = "Invalid target IP address."
BAD_UID = "Invalid sandbox UID format."
NO_TOKEN = "Missing or invalid Authorization header."
BAD_TOKEN = "Invalid token."


def raw(*fields, method="GET", target="/", host="h"):
    """A request with these fields (str or bytes) and nothing else."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields]
    return b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\r\n\r\n"


class Order(RouterCase):
    """Each request breaks two neighbouring checks: the earlier one answers."""

    flags = ("--max-request-body-bytes=10", "--websocket-max-connections-per-client=1")
    options = {"token": "secret"}
    bearer = "Authorization: Bearer secret"

    def check(self, data, status, detail, code=None):
        self.assert_error(self.ask_raw(data), status, detail, code)

    def test_parse_before_everything(self):
        self.check(b"GET /healthz HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n", 400, "Invalid HTTP request received.")

    def test_healthz_needs_neither_token_nor_headers(self):
        response = self.ask_raw(raw(target="/healthz?x=1"))
        self.assertEqual((response.status, response.body), (200, b'{"status":"ok"}'))

    def test_only_healthz_is_taken_from_the_sandbox(self):
        for path in ("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/healthz/", "/metrics", "/readyz"):
            with self.subTest(path), Origin() as origin:
                response = self.ask(origin, target=path, fields=[self.bearer])
                self.assertEqual((response.status, origin.request().target), (200, path.encode()))

    def test_healthz_with_another_method_goes_to_the_sandbox(self):
        origin = self.origin()
        response = self.ask(origin, "POST", "/healthz", fields=[self.bearer])
        self.assertEqual((response.status, origin.request().line), (200, b"POST /healthz HTTP/1.1"))

    def test_method_before_token(self):
        self.check(raw(method="TRACE"), 405, "Method Not Allowed")

    def test_token_before_body_cap(self):
        self.check(raw("Content-Length: 11", method="POST") + b"x" * 11, 401, NO_TOKEN)

    def test_body_cap_before_id(self):
        self.check(raw(self.bearer, "Content-Length: 11", method="POST") + b"x" * 11, 413, "Request body too large.")

    def test_token_before_id(self):
        self.check(raw(), 401, NO_TOKEN)
        self.check(raw("Authorization: Bearer wrong", "X-Sandbox-Port: no"), 401, BAD_TOKEN)

    def test_id_before_namespace(self):
        self.check(raw(self.bearer, "X-Sandbox-ID: A", "X-Sandbox-Namespace: B"), 400, BAD_ID)
        self.check(raw(self.bearer, "X-Sandbox-Namespace: B"), 400, ID_REQUIRED)

    def test_namespace_before_port(self):
        self.check(raw(self.bearer, "X-Sandbox-ID: a", "X-Sandbox-Port: no", "X-Sandbox-Namespace: B"), 400, BAD_NAMESPACE)

    def test_port_before_pod_ip(self):
        self.check(raw(self.bearer, "X-Sandbox-ID: a", "X-Sandbox-Pod-IP: no", "X-Sandbox-Port: no"), 400, BAD_PORT)

    def test_pod_ip_before_uid(self):
        self.check(raw(self.bearer, "X-Sandbox-ID: a", "X-Sandbox-UID: _", "X-Sandbox-Pod-IP: no"), 400, BAD_IP)

    def test_uid_before_anything_is_looked_up(self):
        self.check(raw(self.bearer, "X-Sandbox-ID: nobody", "X-Sandbox-UID: _"), 400, BAD_UID)


class Token(RouterCase):
    options = {"token": " s3cret "}

    def check(self, status, detail, *fields):
        origin = self.origin()
        with self.router.connect() as client:
            head = request(origin)[:-2]
            client.send(head + b"".join(field + b"\r\n" for field in fields) + b"\r\n")
            response = client.response()
        if status == 200:
            self.assertEqual(response.status, 200)
        else:
            self.assert_error(response, status, detail)
            self.assertEqual(response.all("www-authenticate"), [])
            self.assertTrue(origin.nothing_asked())
            self.assertEqual(origin.connections, 0)

    def test_right(self):
        for value in (b"Bearer s3cret", b"bearer s3cret", b"BEARER   s3cret", b"Bearer\ts3cret"):
            with self.subTest(value):
                self.check(200, "", b"Authorization: " + value)

    def test_missing_or_not_two_words(self):
        self.check(401, NO_TOKEN)
        for value in (b"", b"Bearer", b"Bearer ", b"s3cret", b"Basic s3cret", b"Bearer s3cret more", b"Bearers3cret"):
            with self.subTest(value):
                self.check(401, NO_TOKEN, b"Authorization: " + value)

    def test_wrong(self):
        for value in (b"s3cre", b"s3cret2", b"S3CRET", b"s3cr\xc3\xa9t", b"s3cret\xff"):
            with self.subTest(value):
                self.check(401, BAD_TOKEN, b"Authorization: Bearer " + value)

    def test_first_line_counts(self):
        self.check(200, "", b"Authorization: Bearer s3cret", b"Authorization: Bearer wrong")
        self.check(401, BAD_TOKEN, b"Authorization: Bearer wrong", b"Authorization: Bearer s3cret")

    def test_connection_stays_open(self):
        origin = self.origin()
        client = self.client()
        for fields, status in (([], 401), (["Authorization: Bearer x"], 401), (["Authorization: Bearer s3cret"], 200)):
            client.send(request(origin, fields=fields))
            self.assertEqual(client.response().status, status)


class Headers(RouterCase):
    options = {"sandboxes": ("box 127.0.0.1:8888", "team/box 127.0.0.1:8888", f"{'a' * 63} 127.0.0.1:8888",
                             "1-a 127.0.0.1:8888", "7 127.0.0.1:8888")}

    def refused(self, detail, *fields):
        response = self.ask_raw(raw(*fields))
        self.assert_error(response, 400, detail, "bad_route")

    def reached(self, origin, *fields):
        response = self.ask_raw(raw(*fields))
        self.assertEqual((response.status, response.body), (200, b"ok"), response.raw)
        origin.request()

    def test_id_required(self):
        self.refused(ID_REQUIRED)
        self.refused(ID_REQUIRED, "X-Sandbox-ID:")
        self.refused(ID_REQUIRED, "X-Sandbox-ID:  \t ")

    def test_id_grammar(self):
        for value in ("Box", "-a", "a-", "a.b", "a_b", "a@b", "a/b", "a%2e", "a b", "a" * 64, "box.", b"b\xc3\xb6x", "a#b",
                      "127.0.0.1", "a:1", "[::1]"):
            with self.subTest(value):
                self.refused(BAD_ID, b"X-Sandbox-ID: " + (value if isinstance(value, bytes) else value.encode()))

    def test_id_accepted(self):
        origin = self.origin()
        for value in ("box", "7", "1-a", "a" * 63):
            with self.subTest(value):
                self.reached(origin, f"x-sAnDbOx-iD: {value}", f"X-Sandbox-Port: {origin.port}")

    def test_namespace(self):
        origin = self.origin()
        port = f"X-Sandbox-Port: {origin.port}"
        self.reached(origin, "X-Sandbox-ID: box", port)
        self.reached(origin, "X-Sandbox-ID: box", "X-Sandbox-Namespace: default", port)
        self.reached(origin, "X-Sandbox-ID: box", "X-Sandbox-Namespace: team", port)
        for value in ("", "Team", "a.b", "-a", "a" * 64, "te am", "te/am"):
            with self.subTest(value):
                self.refused(BAD_NAMESPACE, "X-Sandbox-ID: box", f"X-Sandbox-Namespace: {value}", port)

    def test_port_accepted(self):
        origin = self.origin()
        for form in ("{}", "+{}", "0{}", " {} ", "\t{}", "+00{}"):
            with self.subTest(form):
                self.reached(origin, "X-Sandbox-ID: box", "X-Sandbox-Port:" + form.format(origin.port))

    def test_port_refused(self):
        for value in ("", "0", "65536", "99999", "100000", "-1", "-8888", "8_888", "8888.0", "0x22b8", "http", "88 88", "+",
                      "++8888", "8888;", "4294976184", "18446744073709560504"):
            with self.subTest(value):
                self.refused(BAD_PORT, "X-Sandbox-ID: box", f"X-Sandbox-Port: {value}")

    def test_uid(self):
        origin = self.origin()
        fields = ("X-Sandbox-ID: box", f"X-Sandbox-Port: {origin.port}")
        for value in ("a", "0d4c1cf2-5a5e-4b0e-9a53-5a9d9fd1c1bb", "A-Z", "x" * 63):
            with self.subTest(value):
                self.reached(origin, *fields, f"X-Sandbox-UID: {value}")
        for value in ("", "a_b", "a.b", "a b", "x" * 64, "a/b"):
            with self.subTest(value):
                self.refused(BAD_UID, *fields, f"X-Sandbox-UID: {value}")

    def test_repeats(self):
        origin = self.origin()
        good = {"X-Sandbox-ID": "box", "X-Sandbox-Namespace": "default", "X-Sandbox-Port": str(origin.port),
                "X-Sandbox-Pod-IP": "127.0.0.1", "X-Sandbox-UID": "u1"}
        other = {"X-Sandbox-ID": ("team", BAD_ID), "X-Sandbox-Namespace": ("team", BAD_NAMESPACE),
                 "X-Sandbox-Port": ("1", BAD_PORT), "X-Sandbox-Pod-IP": ("10.0.0.1", BAD_IP), "X-Sandbox-UID": ("u2", BAD_UID)}
        fields = [f"{name}: {value}" for name, value in good.items()]
        for name, (value, detail) in other.items():
            with self.subTest(name):
                self.reached(origin, *fields, f"{name.lower()}: {good[name]}")
                self.refused(detail, *fields, f"{name}: {value}")
                self.refused(detail, f"{name}: {value}", *fields)
                self.refused(detail, *fields, f"{name}:")

    def test_repeats_hidden_by_connection(self):
        """Naming a routing header in Connection does not take it out of the check."""
        self.refused(BAD_ID, "Connection: x-sandbox-id", "X-Sandbox-ID: box", "X-Sandbox-ID: other")


class PodIp(RouterCase):
    """Without a table the header is believed, outside the refused classes."""

    options = {"sandboxes": None, "loopback": False}

    def refused(self, value, detail):
        response = self.ask_raw(raw("X-Sandbox-ID: box", b"X-Sandbox-Pod-IP: " + value, "X-Sandbox-Port: 1"))
        self.assert_error(response, 400, detail, "bad_route")

    def test_not_a_literal(self):
        for value in (b"box", b"1.2.3", b"1.2.3.4.5", b"1.2.3.4:80", b"[fd00::1]", b"fd00::1/64", b"10.0.0.0/8", b"010.0.0.1",
                      b"0x0a000001", b"167772161", b"1.2.3.4 ,1.2.3.5", b"1.2.3.256", b"::g",
                      b"1.2.3.4.", b"12345::", b"\xc3\xa9"):
            with self.subTest(value):
                self.refused(value, BAD_IP)

    def test_forbidden_classes(self):
        for value in (b"0.0.0.0", b"0.1.2.3", b"127.0.0.1", b"127.255.255.254", b"169.254.169.254", b"169.254.0.1", b"224.0.0.1",
                      b"239.255.255.255", b"240.0.0.1", b"255.255.255.255", b"::", b"::1", b"0:0:0:0:0:0:0:1", b"fe80::1",
                      b"febf::1", b"ff02::1", b"::127.0.0.1", b"::10.0.0.1", b"::ffff:127.0.0.1", b"::ffff:0.0.0.0",
                      b"::ffff:169.254.169.254", b"::FFFF:7f00:1", b"64:ff9b::7f00:1", b"64:ff9b::127.0.0.1",
                      b"64:ff9b::169.254.169.254", b"2002:7f00:1::", b"2002:a00:1::1", b"2001:0:1::1", b"2001::1",
                      b"fd77::1%lo", b"fe80::1%eth0"):
            with self.subTest(value):
                self.refused(value, FORBIDDEN_IP)

    def test_empty_is_absent(self):
        response = self.ask_raw(raw("X-Sandbox-ID: kubernetes", "X-Sandbox-Pod-IP:"))
        self.assertEqual(response.status, 403)  # the name is looked at, so the empty header was not taken for an address


class LoopbackPodIp(RouterCase):
    """--allow-loopback-pod-ip opens 127/8 and ::1 and nothing else."""

    options = {"sandboxes": None}

    def test_opened(self):
        for host, text, shown in (("127.0.0.1", "127.0.0.1", "127.0.0.1"), ("127.0.0.77", "127.0.0.77", "127.0.0.77"),
                                  ("::1", "0:0::0:1", "[::1]"), ("127.0.0.1", "::ffff:127.0.0.1", "127.0.0.1")):
            with self.subTest(text), Origin(host=host) as origin:
                response = self.ask_raw(raw("X-Sandbox-ID: box", f"X-Sandbox-Pod-IP: {text}", f"X-Sandbox-Port: {origin.port}"))
                self.assertEqual(response.status, 200)
                self.assertEqual(origin.request().get("host"), f"{shown}:{origin.port}".encode())

    def test_still_refused(self):
        for value in (b"0.0.0.0", b"169.254.169.254", b"::", b"::127.0.0.1", b"fe80::1", b"64:ff9b::7f00:1", b"224.0.0.1"):
            with self.subTest(value):
                response = self.ask_raw(raw("X-Sandbox-ID: box", b"X-Sandbox-Pod-IP: " + value))
                self.assert_error(response, 400, FORBIDDEN_IP)

    def test_never_its_own_listeners(self):
        own = [("127.0.0.1", self.router.port), ("127.0.0.2", self.router.listening("127.0.0.2")),
               ("127.0.0.3", self.router.listening("127.0.0.3"))]
        for host, port in own:
            with self.subTest(host):
                response = self.ask_raw(raw("X-Sandbox-ID: box", f"X-Sandbox-Pod-IP: {host}", f"X-Sandbox-Port: {port}",
                                            target="/healthz/x"))
                self.assert_error(response, 502, "Could not connect to the backend sandbox: box")


class PodIpOff(RouterCase):
    """--pod-ip-policy=off ignores the header, after its check."""

    flags = ("--pod-ip-policy=off",)

    def test_ignored(self):
        named, other = self.origin(), self.origin(host="127.0.0.5")
        response = self.ask_raw(raw("X-Sandbox-ID: box", "X-Sandbox-Pod-IP: 127.0.0.5", f"X-Sandbox-Port: {named.port}"))
        self.assertEqual(response.status, 200)
        named.request()
        self.assertEqual(other.connections, 0)

    def test_still_checked(self):
        response = self.ask_raw(raw("X-Sandbox-ID: box", "X-Sandbox-Pod-IP: nowhere"))
        self.assert_error(response, 400, BAD_IP)


class PodIpKnown(RouterCase):
    """With a table the default policy is `known`: another address than the sandbox's own is not dialled."""

    def test_foreign_address_is_not_dialled(self):
        foreign = self.origin(host="127.0.0.5")
        response = self.ask_raw(raw("X-Sandbox-ID: box", "X-Sandbox-Pod-IP: 127.0.0.5", f"X-Sandbox-Port: {foreign.port}"))
        self.assertEqual(response.status, 502)
        self.assertEqual(foreign.connections, 0)

    def test_own_address(self):
        origin = self.origin()
        response = self.ask_raw(raw("X-Sandbox-ID: box", "X-Sandbox-Pod-IP: 127.0.0.1", f"X-Sandbox-Port: {origin.port}"))
        self.assertEqual(response.status, 200)


if __name__ == "__main__":
    unittest.main()
