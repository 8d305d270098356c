"""Several requests in one piece: order, refusals in the middle, bodies of refused requests, bytes in between."""

from case import ROUTE, SMUGGLED, case, chunked, get, post

TITLE = "Pipelining"

_NO_ROUTE = b"Host: sandbox.test\r\n"


def _unrouted(method, fields=b"", body=b""):
    """A well-framed request the router refuses with 400, because it names no sandbox."""
    return method + b" /unrouted HTTP/1.1\r\n" + _NO_ROUTE + fields + b"\r\n" + body


_LENGTH = b"Content-Length: %d\r\n" % len(SMUGGLED)
_CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
_B = get(target=b"/b")
_POST = post(b"Content-Length: 5\r\n", b"hello")

CASES = (
    case("pipe-two-gets", get() + _B, 200),
    case("pipe-ten-gets", b"".join(get(target=b"/%d" % n) for n in range(10)), 200),
    case("pipe-sixty-gets", b"".join(get(target=b"/%d" % n) for n in range(60)), 200),
    case("pipe-post-get", _POST + _B, 200),
    case("pipe-get-post", get() + _POST, 200),
    case("pipe-posts", _POST + post(b"Content-Length: 3\r\n", b"abc", b"/b") + _POST, 200),
    case("pipe-chunked-get", chunked(b"5\r\nhello\r\n0\r\n\r\n") + _B, 200),
    case("pipe-chunked-trailer-get", chunked(b"0\r\nX-T: 1\r\n\r\n") + _B, 200),
    case("pipe-head-get", get(method=b"HEAD") + _B, 200),
    case("pipe-heads", get(method=b"HEAD") + get(method=b"HEAD", target=b"/b") + get(target=b"/c"), 200),
    case("pipe-put-delete-get", post(b"Content-Length: 2\r\n", b"ab", method=b"PUT") + get(method=b"DELETE") + _B, 200),
    case("pipe-get-unfinished", get() + b"GET /b HTTP/1.1\r\nHost: sand", 200),
    case("pipe-get-unfinished-post", get() + post(b"Content-Length: 9\r\n", b"hello"), 200),
    # a bad request behind a good one
    case("pipe-get-bad-version", get() + get(version=b"HTTP/9.9") + SMUGGLED, 200),
    case("pipe-get-bad-line", get() + b"nonsense\r\n\r\n" + SMUGGLED, 200),
    case("pipe-get-no-host", get() + b"GET /b HTTP/1.1\r\nX-Sandbox-ID: lane@\r\n\r\n" + SMUGGLED, 200),
    case("pipe-get-cl-te", get() + post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                                        b"0\r\n\r\n" + SMUGGLED), 200),
    case("pipe-get-bad-chunk", get() + chunked(b"x\r\n" + SMUGGLED), 200),
    case("pipe-get-bare-lf", get() + get().replace(b"\r\n", b"\n") + SMUGGLED, 200),
    case("pipe-post-too-long", post(b"Content-Length: 5\r\n", b"hello!") + _B, 200),
    case("pipe-post-binary-behind", _POST + b"\x00\x01\x02" + _B, 200),
    case("pipe-chunked-binary-behind", chunked(b"0\r\n\r\n") + b"\xff\xfe" + _B, 200),
    case("pipe-get-tls-behind", get() + b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b", 200),
    # the end of the connection in the middle
    case("pipe-close-get", get(b"Connection: close\r\n") + SMUGGLED, 200),
    case("pipe-get-close-get", get() + get(b"Connection: close\r\n", b"/b") + SMUGGLED, 200),
    case("pipe-http10-get", get(version=b"HTTP/1.0") + SMUGGLED, 200),
    case("pipe-http10-keep-alive-get", get(b"Connection: keep-alive\r\n", version=b"HTTP/1.0") + _B, 200),
    case("pipe-http11-http10", get() + get(version=b"HTTP/1.0", target=b"/b") + SMUGGLED, 200),
    case("pipe-post-close-body-is-request", post(b"Connection: close\r\n" + _LENGTH, SMUGGLED) + SMUGGLED, 200),
    # octets between requests
    case("pipe-crlf-between", get() + b"\r\n" + _B, 200),
    case("pipe-crlf-crlf-between", get() + b"\r\n\r\n" + _B, 200),
    case("pipe-lf-between", get() + b"\n" + _B, 200),
    case("pipe-cr-between", get() + b"\r" + _B, 200),
    case("pipe-blank-between", get() + b" " + _B, 200),
    case("pipe-nul-between", get() + b"\x00" + _B, 200),
    case("pipe-crlf-after-body", _POST + b"\r\n" + _B, 200),
    case("pipe-crlf-after-chunked", chunked(b"0\r\n\r\n") + b"\r\n" + _B, 200),
    # refused, but well framed: the body is not the next request, and the connection goes on or ends
    case("refused-get-then-get", _unrouted(b"GET") + _B, 400),
    case("refused-body-is-request", _unrouted(b"POST", _LENGTH, SMUGGLED) + _B, 400),
    case("refused-chunked-body-is-request", _unrouted(b"POST", b"Transfer-Encoding: chunked\r\n", _CHUNK) + _B, 400),
    case("refused-bad-chunk", _unrouted(b"POST", b"Transfer-Encoding: chunked\r\n", b"x\r\n") + SMUGGLED, 400),
    case("refused-unfinished-body", _unrouted(b"POST", b"Content-Length: 900\r\n", SMUGGLED), 400),
    case("refused-expect-body-is-request",
         _unrouted(b"POST", b"Expect: 100-continue\r\n" + _LENGTH, SMUGGLED) + _B, 400),
    case("refused-bad-id-body-is-request",
         b"POST /a HTTP/1.1\r\nHost: sandbox.test\r\nX-Sandbox-ID: Not_A_Label\r\n" + _LENGTH + b"\r\n" + SMUGGLED + _B,
         400),
    case("refused-bad-port-body-is-request", post(b"X-Sandbox-Port: 0\r\n" + _LENGTH, SMUGGLED) + _B, 400),
    case("refused-trace-body-is-request", post(_LENGTH, SMUGGLED, method=b"TRACE") + _B, 405),
    case("refused-connect-then-get", get(method=b"CONNECT", target=b"sandbox.test:80") + _B, 405),
    case("refused-connect-body-is-request",
         post(_LENGTH, SMUGGLED, b"sandbox.test:80", method=b"CONNECT") + _B, 405),
    case("refused-options-star-then-get", b"OPTIONS * HTTP/1.1\r\n" + ROUTE + b"\r\n" + _B, 200),
    case("refused-star-body-is-request", post(_LENGTH, SMUGGLED, b"*") + _B, 400),
    case("refused-no-slash-body-is-request", post(_LENGTH, SMUGGLED, b"nothing") + _B, (400, 404)),
    case("refused-expectation-then-get", get(b"Expect: x\r\n") + _B, 417),
    case("refused-ten-then-get", _unrouted(b"GET") * 10 + _B, 400),
    case("refused-healthz-then-get", b"GET /healthz HTTP/1.1\r\n" + ROUTE + b"\r\n" + _B, 200),
)
