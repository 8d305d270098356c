"""Contract 1.5: what the sandbox gets of the request's fields and body, byte for byte."""
import unittest

from support.origin import Origin, answer, answering
from support.router import Router, RouterCase, request


def sent_without(message, *names):
    """The field lines, sorted out of what every forwarded request carries."""
    usual = {"host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", *names}
    return [(name, value) for name, value in message.fields if name.lower().decode() not in usual]


class Fields(RouterCase):
    def forwarded(self, *fields, **options):
        origin = self.origin()
        response = self.ask(origin, fields=fields, **options)
        self.assertEqual(response.status, 200, response.raw)
        return origin.request()

    def dropped(self, *fields):
        self.assertEqual(sent_without(self.forwarded(*fields)), [], fields)

    def kept(self, *fields):
        wanted = [tuple(part.encode("latin-1") for part in field.split(": ", 1)) for field in fields]
        self.assertEqual(sent_without(self.forwarded(*fields)), wanted)

    def test_whole_request_byte_for_byte(self):
        origin = self.origin()
        self.ask(origin, target="/p?q")
        self.assertEqual(origin.request().raw,
                         f"GET /p?q HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\nX-Forwarded-For: 127.0.0.1\r\n"
                         "X-Forwarded-Host: client.example\r\nX-Forwarded-Proto: http\r\n\r\n".encode())

    def test_host(self):
        origin = self.origin()
        self.ask(origin, host="a.example:81")
        seen = origin.request()
        self.assertEqual(seen.all("host"), [f"127.0.0.1:{origin.port}".encode()])
        self.assertEqual(seen.all("x-forwarded-host"), [b"a.example:81"])

    def test_authorization_dropped(self):
        self.dropped("Authorization: Bearer theirs")
        self.dropped("Authorization: Basic YQ==", "Authorization: Bearer x")

    def test_routing_fields_dropped(self):
        self.dropped("X-Sandbox-Namespace: default", "X-Sandbox-UID: u", "X-Sandbox-Timeout: 5", "X-Sandbox-Pod-IP: 127.0.0.1")

    def test_hop_by_hop_dropped(self):
        self.dropped("Connection: x-one, X-Two", "Connection: close, X-Three", "X-One: 1", "x-two: 2", "X-THREE: 3")
        self.dropped("Connection: keep-alive", "Keep-Alive: timeout=5")
        self.dropped("Proxy-Authenticate: Basic", "Proxy-Authorization: Basic YQ==", "Proxy-Connection: keep-alive")
        self.dropped("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__")
        self.dropped("Upgrade: websocket")  # without Connection: Upgrade it asks for nothing
        self.dropped("TE: gzip")

    def test_te_trailers_kept(self):
        self.assertEqual(self.forwarded("TE: trailers", "Connection: TE").all("te"), [b"trailers"])
        self.assertEqual(self.forwarded("TE: gzip;q=0.5, Trailers").all("te"), [b"trailers"])

    def test_repeats_and_order_kept(self):
        self.kept("Cookie: a=1", "Accept: x/y", "Cookie: b=2", "X-A: 1", "x-a: 2", "X-A: 1")

    def test_nothing_added(self):
        self.kept("X-Only: this")

    def test_passed_on(self):
        self.kept("Accept-Encoding: gzip", "Accept: */*", "User-Agent: me/1", "Via: 1.1 front", "Origin: http://o",
                  "Referer: http://r/", "Range: bytes=0-1", "traceparent: 00-" + "a" * 32 + "-" + "b" * 16 + "-01",
                  "tracestate: k=v", "X-Request-ID: 77", "Content-Type: text/plain", "X-Sandboxed: yes", "Trailer: X-T")

    def test_odd_values_kept(self):
        self.kept("X-Latin: caf\xe9\xff", "X-Tab: a\tb", "X-Quote: \"a, b\"; c=(d)", "X-Inside: a   b")

    def test_empty_value_kept(self):
        self.assertEqual(self.forwarded("X-Empty:").all("x-empty"), [b""])

    def test_names_keep_their_case(self):
        self.assertIn((b"x-CaSe", b"1"), self.forwarded("x-CaSe: 1").fields)

    def test_own_prefix_dropped(self):
        self.dropped("X-Sandgate-Error: x", "x-sandgate-forwarded: no", "X-Sandgate-Anything: y")

    def test_expect_kept(self):
        origin = self.origin()
        self.ask(origin, "POST", fields=["Expect: 100-continue", "Content-Length: 2"], body=b"hi")
        self.assertEqual(origin.request().all("expect"), [b"100-continue"])

    def test_via_not_added(self):
        self.assertEqual(self.forwarded().all("via"), [])


class Untrusted(RouterCase):
    def forwarded(self, *fields):
        origin = self.origin()
        self.assertEqual(self.ask(origin, fields=fields).status, 200)
        return origin.request()

    def test_replaced(self):
        seen = self.forwarded("X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8", "X-Forwarded-Host: evil",
                              "X-Forwarded-Proto: https", "Forwarded: for=1.2.3.4")
        self.assertEqual(seen.all("x-forwarded-for"), [b"127.0.0.1"])
        self.assertEqual(seen.all("x-forwarded-host"), [b"client.example"])
        self.assertEqual(seen.all("x-forwarded-proto"), [b"http"])
        self.assertEqual(seen.all("forwarded"), [])

    def test_other_claims_about_the_client_dropped(self):
        """Threat model 1, row 11."""
        seen = self.forwarded("X-Real-IP: 1.2.3.4", "X-Forwarded-Port: 1", "X-Forwarded-Server: s", "X-Forwarded-Prefix: /p")
        self.assertEqual(sent_without(seen), [])

    def test_connection_cannot_take_them_out(self):
        """Threat model 1, row 12; CVE-2025-48865."""
        seen = self.forwarded("Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Host, Content-Type",
                              "Content-Type: a/b")
        self.assertEqual(seen.all("x-forwarded-for"), [b"127.0.0.1"])
        self.assertEqual(len(seen.all("host") + seen.all("x-forwarded-host") + seen.all("x-forwarded-proto")), 3)

    def test_underscore_twins_dropped(self):
        """Threat model 2; CVE-2025-64484."""
        seen = self.forwarded("X_Forwarded_For: 1.2.3.4", "x_sandbox_id: other", "X-Sandbox_Port: 1", "Content_Length: 5",
                              "Transfer_Encoding: chunked", "Authorization_: x", "X_Forwarded-Host: y", "x_other_name: kept")
        self.assertEqual(sent_without(seen), [(b"Authorization_", b"x"), (b"x_other_name", b"kept")])


class Trusted(RouterCase):
    flags = ("--trusted-proxy-cidrs=127.0.0.0/8",)

    def forwarded(self, *fields):
        origin = self.origin()
        self.assertEqual(self.ask(origin, fields=fields).status, 200)
        return origin.request()

    def test_appended_and_kept(self):
        seen = self.forwarded("X-Forwarded-For: 1.2.3.4, 10.0.0.1", "X-Forwarded-For: 5.6.7.8", "X-Forwarded-Host: real.example",
                              "X-Forwarded-Proto: https", "Forwarded: for=1.2.3.4", "Forwarded: for=2.3.4.5")
        self.assertEqual(b", ".join(seen.all("x-forwarded-for")), b"1.2.3.4, 10.0.0.1, 5.6.7.8, 127.0.0.1")
        self.assertEqual(seen.all("x-forwarded-host"), [b"real.example"])
        self.assertEqual(seen.all("x-forwarded-proto"), [b"https"])
        self.assertEqual(seen.all("forwarded"), [b"for=1.2.3.4", b"for=2.3.4.5"])

    def test_absent_ones_are_set(self):
        seen = self.forwarded()
        self.assertEqual(seen.all("x-forwarded-for"), [b"127.0.0.1"])
        self.assertEqual(seen.all("x-forwarded-host"), [b"client.example"])
        self.assertEqual(seen.all("x-forwarded-proto"), [b"http"])


class Framing(RouterCase):
    def forwarded(self, method, *fields, body=b""):
        origin = self.origin()
        self.assertEqual(self.ask(origin, method, fields=fields, body=body).status, 200)
        return origin.request()

    def test_length_kept(self):
        seen = self.forwarded("POST", "Content-Length: 5", body=b"hello")
        self.assertEqual((seen.all("content-length"), seen.all("transfer-encoding"), seen.body), ([b"5"], [], b"hello"))

    def test_chunked_kept(self):
        seen = self.forwarded("POST", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
        self.assertEqual((seen.all("content-length"), seen.all("transfer-encoding"), seen.body), ([], [b"chunked"], b"abcde"))

    def test_chunked_empty(self):
        seen = self.forwarded("GET", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")
        self.assertEqual((seen.all("content-length"), seen.body), ([], b""))

    def test_no_body_no_framing(self):
        for method in ("GET", "HEAD", "OPTIONS", "DELETE", "FOO"):
            with self.subTest(method):
                seen = self.forwarded(method)
                self.assertEqual(seen.all("content-length") + seen.all("transfer-encoding"), [])

    def test_no_body_length_zero(self):
        for method in ("POST", "PUT", "PATCH"):
            with self.subTest(method):
                seen = self.forwarded(method)
                self.assertEqual((seen.all("content-length"), seen.all("transfer-encoding")), ([b"0"], []))

    def test_stated_zero_kept(self):
        self.assertEqual(self.forwarded("GET", "Content-Length: 0").all("content-length"), [b"0"])

    def test_equal_repeated_length(self):
        seen = self.forwarded("POST", "Content-Length: 2", "Content-Length: 2", body=b"hi")
        self.assertEqual((seen.all("content-length"), seen.body), ([b"2"], b"hi"))

    def test_trailers(self):
        seen = self.forwarded("POST", "Transfer-Encoding: chunked", "Trailer: X-Sum",
                              body=b"3\r\nabc\r\n0\r\nX-Sum: 99\r\nX-More: a\r\n\r\n")
        self.assertEqual(seen.all("trailer"), [b"X-Sum"])
        self.assertEqual(seen.trailers, [(b"X-Sum", b"99"), (b"X-More", b"a")])

    def test_trailers_that_would_change_the_request(self):
        seen = self.forwarded("POST", "Transfer-Encoding: chunked",
                              body=b"0\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: x\r\nX-Forwarded-For: 1.1.1.1\r\n"
                                   b"Authorization: Bearer x\r\nX-Sandbox-ID: other\r\nX-Sandgate-Error: x\r\nX-Ok: 1\r\n\r\n")
        self.assertEqual(seen.trailers, [(b"X-Ok", b"1")])

    def test_no_trailers_without_chunks(self):
        seen = self.forwarded("POST", "Content-Length: 2", "Trailer: X-Sum", body=b"hi")
        self.assertEqual(seen.trailers, [])


class Refused(RouterCase):
    """Not repaired, not passed on: 400, the sandbox sees nothing, the connection ends."""

    def check(self, origin, data, status=400):
        client = self.client()
        client.send(data)
        response = client.response()
        self.assertEqual(response.status, status, response.raw)
        self.assertEqual(response.get("x-sandgate-forwarded"), b"no")
        self.assertEqual(response.all("connection"), [b"close"])
        self.assertEqual(client.ended(), "fin")

    def test_refused(self):
        origin = self.origin()
        good = request(origin, "POST", fields=["X-Next: 1"])
        for name, data in {
            "length and chunked": request(origin, "POST", fields=["Content-Length: 5", "Transfer-Encoding: chunked"],
                                          body=b"0\r\n\r\n"),
            "chunked and length": request(origin, "POST", fields=["Transfer-Encoding: chunked", "Content-Length: 5"],
                                          body=b"0\r\n\r\n"),
            "two lengths": request(origin, "POST", fields=["Content-Length: 1", "Content-Length: 2"], body=b"hi"),
            "list of lengths": request(origin, "POST", fields=["Content-Length: 2, 2"], body=b"hi"),
            "empty length": request(origin, "POST", fields=["Content-Length:"]),
            "signed length": request(origin, "POST", fields=["Content-Length: +2"], body=b"hi"),
            "hex length": request(origin, "POST", fields=["Content-Length: 0x2"], body=b"hi"),
            "huge length": request(origin, "POST", fields=["Content-Length: 99999999999999999999"]),
            "other coding": request(origin, "POST", fields=["Transfer-Encoding: gzip, chunked"], body=b"0\r\n\r\n"),
            "identity": request(origin, "POST", fields=["Transfer-Encoding: identity"]),
            "two codings": request(origin, "POST", fields=["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
                                   body=b"0\r\n\r\n"),
            "chunked in 1.0": request(origin, "POST", fields=["Transfer-Encoding: chunked"], body=b"0\r\n\r\n", version="1.0"),
            "folded": good.replace(b"X-Next: 1", b"X-Next: 1\r\n 2"),
            "folded first": good.replace(b"Host:", b" Host:"),
            "bare LF": good.replace(b"X-Next: 1\r\n", b"X-Next: 1\n"),
            "bare LF everywhere": good.replace(b"\r\n", b"\n") + b"\r\n\r\n",
            "bare CR": good.replace(b"X-Next: 1", b"X-Next: 1\r2"),
            "blank before colon": good.replace(b"X-Next:", b"X-Next :"),
            "tab before colon": good.replace(b"X-Next:", b"X-Next\t:"),
            "empty name": good.replace(b"X-Next:", b":"),
            "no colon": good.replace(b"X-Next: 1", b"X-Next"),
            "blank in name": good.replace(b"X-Next", b"X Next"),
            "name beyond ASCII": good.replace(b"X-Next", b"X-N\xc3\xa9xt"),
            "NUL in value": good.replace(b"X-Next: 1", b"X-Next: \0"),
            "control in value": good.replace(b"X-Next: 1", b"X-Next: \x01"),
            "no host": request(origin, host=None),
            "two hosts": good.replace(b"X-Next: 1", b"Host: other"),
            "two equal hosts": good.replace(b"X-Next: 1", b"Host: client.example"),
            "host with blank": request(origin, host="a b"),
            "host with path": request(origin, host="a/b"),
            "host with user": request(origin, host="u@a"),
            "host port": request(origin, host="a:b"),
            "empty host": request(origin, host=""),
            "HTTP/2.0": good.replace(b"HTTP/1.1", b"HTTP/2.0"),
            "HTTP/1.2": good.replace(b"HTTP/1.1", b"HTTP/1.2"),
            "http/1.1": good.replace(b"HTTP/1.1", b"http/1.1"),
            "no version": b"GET /\r\n\r\n",
            "two blanks": good.replace(b"POST / ", b"POST  / "),
            "blank after version": good.replace(b"HTTP/1.1\r\n", b"HTTP/1.1 \r\n", 1),
            "blank before method": b" " + good,
            "rubbish": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            "h2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        }.items():
            with self.subTest(name):
                self.check(origin, data)
        self.assertEqual(origin.connections, 0)

    def test_bad_chunks(self):
        """CVE-2025-22871 and its like: the chunk grammar, byte by byte. The sandbox never sees the end of such a request."""
        for name, body in {
            "LF after size": b"3\nabc\r\n0\r\n\r\n", "LF after data": b"3\r\nabc\n0\r\n\r\n",
            "no CRLF after data": b"3\r\nabcd0\r\n\r\n",
            "sign": b"+3\r\nabc\r\n0\r\n\r\n", "0x": b"0x3\r\nabc\r\n0\r\n\r\n", "blank first": b" 3\r\nabc\r\n0\r\n\r\n",
            "empty size": b"\r\nabc\r\n0\r\n\r\n", "too long": b"11111111111111111\r\nabc",
            "LF in extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
            "LF trailer": b"0\r\nX: y\n\r\n", "folded trailer": b"0\r\nX: y\r\n z\r\n\r\n", "NUL trailer": b"0\r\nX: \0\r\n\r\n",
            "CR CR": b"3\r\r\nabc\r\n0\r\n\r\n",
        }.items():
            with self.subTest(name):
                origin = self.origin()
                client = self.client()
                client.send(request(origin, "POST", fields=["Transfer-Encoding: chunked"], body=body))
                response = client.response()
                self.assertEqual(response.status, 400)
                self.assertEqual(client.ended(), "fin")
                self.assertTrue(origin.nothing_asked())

    def test_expect_other(self):
        origin = self.origin()
        response = self.ask(origin, "POST", fields=["Expect: 200-maybe", "Content-Length: 0"])
        self.assertEqual(response.status, 417)
        self.assertEqual(origin.connections, 0)

    def test_one_blank_line_before_a_request(self):
        origin = self.origin()
        self.assertEqual(self.ask_raw(b"\r\n" + request(origin)).status, 200)


class PreserveHost(RouterCase):
    flags = ("--preserve-host",)

    def test_client_host_is_sent(self):
        origin = self.origin()
        self.ask(origin, host="app.example:8443")
        self.assertEqual(origin.request().all("host"), [b"app.example:8443"])


class ForwardAuthorization(unittest.TestCase):
    """Contract 8, item 15: the option; the router's own credential stays inside."""

    def seen(self, router, fields):
        with Origin() as origin, router.connect() as client:
            client.send(request(origin, fields=fields))
            self.assertEqual(client.response().status, 200)
            return origin.request().all("authorization")

    def test_forwarded_without_token(self):
        with Router("--forward-authorization") as router:
            self.assertEqual(self.seen(router, ["Authorization: Bearer app"]), [b"Bearer app"])

    def test_own_credential_dropped(self):
        with Router("--forward-authorization", token="t0ken") as router:
            self.assertEqual(self.seen(router, ["Authorization: Bearer t0ken"]), [])


class Http10(RouterCase):
    def test_without_host(self):
        origin = self.origin()
        client = self.client()
        client.send(request(origin, host=None, version="1.0"))
        self.assertEqual(client.response().status, 200)
        self.assertEqual(client.ended(), "fin")
        seen = origin.request()
        self.assertEqual(seen.line, b"GET / HTTP/1.1")
        self.assertEqual(seen.all("host"), [f"127.0.0.1:{origin.port}".encode()])
        self.assertEqual(seen.all("x-forwarded-host"), [])  # there was none to tell of

    def test_expect_is_ignored(self):
        origin = self.origin(answering(answer()))
        client = self.client()
        client.send(request(origin, "POST", fields=["Expect: 100-continue", "Content-Length: 2"], version="1.0", body=b"hi"))
        response = client.response()
        self.assertEqual((response.status, response.interim), (200, []))


if __name__ == "__main__":
    unittest.main()
