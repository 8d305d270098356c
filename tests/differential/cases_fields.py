"""Field lines: folds, bare CR and LF, control octets, names, underscore twins, lists in Connection, repeats."""

from case import SMUGGLED, case, get, post

TITLE = "Field lines"

_SEPARATORS = (
    ("paren-open", b"("), ("paren-close", b")"), ("less", b"<"), ("greater", b">"), ("at", b"@"), ("comma", b","),
    ("semicolon", b";"), ("backslash", b"\\"), ("quote", b'"'), ("slash", b"/"), ("bracket-open", b"["),
    ("bracket-close", b"]"), ("question", b"?"), ("equals", b"="), ("brace-open", b"{"), ("brace-close", b"}"),
    ("blank", b" "), ("tab", b"\t"), ("nul", b"\x00"), ("control", b"\x01"), ("delete", b"\x7f"), ("high", b"\xe9"),
)

_CONTROLS = (
    ("nul", b"\x00"), ("soh", b"\x01"), ("bell", b"\x07"), ("backspace", b"\x08"), ("vertical-tab", b"\x0b"),
    ("form-feed", b"\x0c"), ("escape", b"\x1b"), ("unit-separator", b"\x1f"), ("delete", b"\x7f"),
)


def _raw(name, head, status=400):
    """A whole head given as it is, with a second request behind it."""
    return case(name, head + SMUGGLED, status)


_HOST = b"Host: sandbox.test\r\n"
_ID = b"X-Sandbox-ID: lane@\r\n"

CASES = (
    # folds
    case("fold-blank", get(b"X-A: b\r\n c\r\n"), 400, watch=("x-a",)),
    case("fold-tab", get(b"X-A: b\r\n\tc\r\n"), 400, watch=("x-a",)),
    case("fold-several", get(b"X-A: b\r\n c\r\n d\r\n"), 400),
    case("fold-empty-value", get(b"X-A:\r\n c\r\n"), 400),
    case("fold-only-blanks", get(b"X-A: b\r\n   \r\n"), 400),
    case("fold-looks-like-field", get(b"X-A: b\r\n X-C: d\r\n"), 400),
    _raw("fold-first-line", b"GET /a HTTP/1.1\r\n X-A: b\r\n" + _HOST + _ID + b"\r\n"),
    _raw("fold-host", b"GET /a HTTP/1.1\r\nHost: sandbox.test\r\n evil\r\n" + _ID + b"\r\n"),
    _raw("fold-routing", b"GET /a HTTP/1.1\r\n" + _HOST + b"X-Sandbox-ID:\r\n lane@\r\n\r\n"),
    _raw("fold-end-of-head", b"GET /a HTTP/1.1\r\n" + _HOST + _ID + b" \r\n\r\n"),
    # line ends
    _raw("lf-everywhere", get().replace(b"\r\n", b"\n")),
    _raw("lf-after-request-line", get().replace(b"HTTP/1.1\r\n", b"HTTP/1.1\n")),
    _raw("lf-after-field", get().replace(b"sandbox.test\r\n", b"sandbox.test\n")),
    _raw("lf-end-of-head", get()[:-2] + b"\n"),
    _raw("lf-lf-end-of-head", get()[:-4] + b"\n\n"),
    _raw("lf-crlf-end-of-head", get()[:-4] + b"\n\r\n"),
    _raw("cr-after-request-line", get().replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r")),
    _raw("cr-after-field", get().replace(b"sandbox.test\r\n", b"sandbox.test\r")),
    _raw("cr-cr-end-of-head", get()[:-4] + b"\r\r"),
    _raw("crcrlf-after-field", get(b"X-A: b\r\r\n")),
    _raw("crcrlf-end-of-head", get()[:-2] + b"\r\r\n"),
    case("lf-in-value", get(b"X-A: b\nX-C: d\r\n"), 400, watch=("x-a", "x-c")),
    case("cr-in-value", get(b"X-A: b\rX-C: d\r\n"), 400, watch=("x-a", "x-c")),
    case("cr-ends-value", get(b"X-A: b\r\r\n"), 400),
    case("cr-in-name", get(b"X\rA: b\r\n"), 400),
    case("lf-in-name", get(b"X\nA: b\r\n"), 400),
    case("lf-makes-routing", get(b"X-A: b\nX-Sandbox-ID: lane@\r\n"), 400),
    case("lf-makes-end-of-head", get(b"X-A: b\n\n"), 400),
    # values
    case("value-empty", get(b"X-A:\r\n"), 200, watch=("x-a",)),
    case("value-tab-inside", get(b"X-A: b\tc\r\n"), 200, watch=("x-a",)),
    case("value-blanks-around", get(b"X-A: \t b c \t \r\n"), 200, watch=("x-a",)),
    case("value-high", get(b"X-A: \xe9\xff\x80\r\n"), 200, watch=("x-a",)),
    case("value-utf-8", get(b"X-A: \xe6\x97\xa5\r\n"), 200, watch=("x-a",)),
    case("value-colon", get(b"X-A: b: c\r\n"), 200, watch=("x-a",)),
    case("value-no-blank", get(b"X-A:b\r\n"), 200, watch=("x-a",)),
    # names
    case("name-empty", get(b": b\r\n"), 400),
    case("name-empty-before-host", b"GET /a HTTP/1.1\r\n: b\r\n" + _HOST + _ID + b"\r\n" + SMUGGLED, 400),
    case("name-no-colon", get(b"X-A\r\n"), 400),
    case("name-no-colon-first", b"GET /a HTTP/1.1\r\nX-A\r\n" + _HOST + _ID + b"\r\n", 400),
    case("name-blank-before-colon", get(b"X-A : b\r\n"), 400),
    case("name-tab-before-colon", get(b"X-A\t: b\r\n"), 400),
    case("name-all-token-marks", get(b"X!#$%&'*+-.^~: b\r\n"), 200, watch=("x!#$%&'*+-.^~",)),
    case("name-digits", get(b"123: b\r\n"), 200, watch=("123",)),
    case("name-dot", get(b"X.A: b\r\n"), 200, watch=("x.a",)),
    # underscore twins
    case("underscore-plain", get(b"X_Custom: b\r\n"), 200, watch=("x_custom",)),
    case("underscore-routing", get(b"X_Sandbox_ID: other\r\n"), 200, watch=("x_sandbox_id",), forbid=(b"other",)),
    case("underscore-routing-mixed", get(b"X_Sandbox-ID: other\r\n"), 200, watch=("x_sandbox-id",), forbid=(b"other",)),
    case("underscore-pod-ip", get(b"X_Sandbox_Pod_IP: 169.254.169.254\r\n"), 200,
         watch=("x_sandbox_pod_ip",), forbid=(b"169.254",)),
    case("underscore-forwarded", get(b"X_Forwarded_For: 1.2.3.4\r\n"), 200, watch=("x_forwarded_for",), forbid=(b"1.2.3.4",)),
    case("underscore-real-ip", get(b"X_Real_IP: 1.2.3.4\r\n"), 200, watch=("x_real_ip",), forbid=(b"1.2.3.4",)),
    case("underscore-twin-with-length", post(b"Content_Length: 0\r\nContent-Length: 5\r\n", b"hello"), 200,
         watch=("content_length",)),
    case("underscore-twin-with-coding", post(
        b"Transfer_Encoding: identity\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 200,
        watch=("transfer_encoding",)),
    # Connection
    case("connection-close", get(b"Connection: close\r\n"), 200),
    case("connection-close-then-request", get(b"Connection: close\r\n") + SMUGGLED, 200),
    case("connection-close-upper", get(b"Connection: CLOSE\r\n"), 200),
    case("connection-close-in-list", get(b"Connection: x-a, close\r\nX-A: b\r\n"), 200, watch=("x-a",)),
    case("connection-close-second-line", get(b"Connection: keep-alive\r\nConnection: close\r\n"), 200),
    case("connection-keep-alive", get(b"Connection: keep-alive\r\nKeep-Alive: 300\r\n"), 200,
         watch=("connection", "keep-alive")),
    case("connection-empty-items", get(b"Connection: ,, close ,\r\n"), 200),
    case("connection-bad-token", get(b"Connection: clo se\r\n"), (200, 400)),
    case("connection-lists-field", get(b"Connection: X-A\r\nX-A: b\r\nX-C: d\r\n"), 200, watch=("x-a", "x-c")),
    case("connection-lists-two", get(b"Connection: X-A\r\nConnection: X-C\r\nX-A: b\r\nX-C: d\r\n"), 200,
         watch=("x-a", "x-c")),
    case("connection-lists-host", get(b"Connection: Host\r\n"), (200, 400)),
    case("connection-lists-routing", get(b"Connection: X-Sandbox-ID\r\n"), (200, 400)),
    case("connection-lists-forwarded", get(b"Connection: X-Forwarded-For\r\n"), (200, 400)),
    case("connection-lists-length", post(b"Connection: Content-Length\r\nContent-Length: 5\r\n", b"hello"), (200, 400)),
    case("connection-lists-authorization", get(b"Connection: Authorization\r\nAuthorization: Bearer x\r\n"), (200, 400)),
    case("proxy-connection", get(b"Proxy-Connection: keep-alive\r\n"), 200, watch=("proxy-connection",)),
    case("proxy-authorization", get(b"Proxy-Authorization: Basic eDp5\r\n"), 200,
         watch=("proxy-authorization",), forbid=(b"eDp5",)),
    # repeats
    case("repeat-cookie", get(b"Cookie: a=1\r\nCookie: b=2\r\n"), 200, watch=("cookie",)),
    case("repeat-plain", get(b"X-A: 1\r\nX-A: 2\r\n"), 200, watch=("x-a",)),
    case("repeat-routing-same", get(b"X-Sandbox-ID: lane@\r\n"), 200),
    case("repeat-routing-differs", get(b"X-Sandbox-ID: other\r\n"), 400),
    case("repeat-routing-port-differs", get(b"X-Sandbox-Port: 8888\r\nX-Sandbox-Port: 22\r\n"), 400),
    case("repeat-routing-in-list", get(b"X-Sandbox-Namespace: default, default\r\n"), 400),
    case("forwarded-spoofed", get(b"X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n"), 200,
         watch=("x-forwarded-for", "forwarded"), forbid=(b"1.2.3.4",)),
    case("forwarded-host-spoofed", get(b"X-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\n"), 200,
         watch=("x-forwarded-host", "x-forwarded-proto"), forbid=(b"evil",)),
    case("real-ip-spoofed", get(b"X-Real-IP: 1.2.3.4\r\n"), 200, watch=("x-real-ip",), forbid=(b"1.2.3.4",)),
    case("routing-is-not-passed", get(b"X-Sandbox-Namespace: default\r\nX-Sandbox-Port: 8888\r\n"), 200,
         watch=("x-sandbox-namespace", "x-sandbox-port"), forbid=(b"lane", b"Sandbox", b"sandbox-")),
) + tuple(
    case("name-with-" + name, get(b"X" + octet + b"A: b\r\n"), 400) for name, octet in _SEPARATORS
) + tuple(
    case("value-with-" + name, get(b"X-A: b" + octet + b"c\r\n"), 400) for name, octet in _CONTROLS
)
