"""The start of a connection: methods, versions, what comes before a request, and what is no HTTP at all."""

from case import ANY, SMUGGLED, case, get, post

TITLE = "Start line"

_FIELDS = b"Host: sandbox.test\r\nX-Sandbox-ID: lane@\r\n\r\n"


def _line(name, line, status=400):
    return case(name, line + b"\r\n" + _FIELDS + SMUGGLED, status)


def _version(name, version, status=(400, 505)):
    return _line("version-" + name, b"GET /a " + version, status)


def _method(name, method, status=200):
    return case("method-" + name, get(method=method) + SMUGGLED, status)


_H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_H2_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
# The first bytes of a TLS 1.2 ClientHello: record header, handshake header, version, random, no session.
_TLS_HELLO = (b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + bytes(range(32)) + b"\x00\x00\x02\x13\x01\x01\x00")

CASES = (
    _method("head", b"HEAD"),
    _method("options", b"OPTIONS"),
    _method("put", b"PUT"),
    _method("patch", b"PATCH"),
    _method("delete", b"DELETE"),
    _method("unknown", b"FOO"),
    _method("lower-case", b"get"),
    _method("hyphen", b"M-SEARCH"),
    _method("digits", b"123"),
    _method("token-marks", b"G!#$%&'*+.^_`|~"),
    _method("30-letters", b"A" * 30),
    _method("5000-letters", b"A" * 5000, (200, 400, 405, 431, 501)),
    _method("trace", b"TRACE", 405),
    _method("connect-path", b"CONNECT", 405),
    case("method-connect-authority", get(method=b"CONNECT", target=b"sandbox.test:80") + SMUGGLED, 405),
    case("method-connect-other-host", get(method=b"CONNECT", target=b"169.254.169.254:80") + SMUGGLED, 405),
    case("method-trace-lower-case", get(method=b"trace") + SMUGGLED, (200, 405)),
    _method("colon", b"GE:T", 400),
    _method("slash", b"GE/T", 400),
    _method("quote", b'"GET"', 400),
    _method("nul", b"GE\x00T", 400),
    _method("high", b"G\xcbT", 400),
    _method("tab-after", b"GET\t", 400),
    _method("empty", b"", 400),
    _line("line-only-method", b"GET", 400),
    _line("line-method-and-blank", b"GET ", 400),
    _line("line-leading-blank", b" GET /a HTTP/1.1", 400),
    _line("line-leading-tab", b"\tGET /a HTTP/1.1", 400),
    _line("line-trailing-blank", b"GET /a HTTP/1.1 ", 400),
    _line("line-trailing-tab", b"GET /a HTTP/1.1\t", 400),
    _line("line-colon", b"GET: /a HTTP/1.1", 400),
    _line("line-is-a-response", b"HTTP/1.1 200 OK", 400),
    _line("line-is-a-field", b"Host: sandbox.test", 400),
    # versions
    case("version-0-9-simple", b"GET /a\r\n", 400),
    case("version-0-9-simple-then-request", b"GET /a\r\n" + SMUGGLED, 400),
    _version("0-9", b"HTTP/0.9"),
    case("version-1-0", get(version=b"HTTP/1.0"), 200),
    case("version-1-0-then-request", get(version=b"HTTP/1.0") + SMUGGLED, 200),
    case("version-1-0-keep-alive", get(b"Connection: keep-alive\r\n", version=b"HTTP/1.0") + SMUGGLED, 200),
    case("version-1-0-post", post(b"Content-Length: 5\r\n", b"hello", version=b"HTTP/1.0"), 200),
    case("version-1-0-post-no-length", post(b"", b"hello", version=b"HTTP/1.0"), ANY),
    case("version-1-0-post-no-length-smuggled", post(b"", SMUGGLED, version=b"HTTP/1.0"), ANY),
    _version("1-2", b"HTTP/1.2", (200, 400, 505)),
    _version("1-9", b"HTTP/1.9", (200, 400, 505)),
    _version("1-10", b"HTTP/1.10"),
    _version("1-01", b"HTTP/1.01"),
    _version("01-1", b"HTTP/01.1"),
    _version("1", b"HTTP/1"),
    _version("1-dot", b"HTTP/1."),
    _version("dot-1", b"HTTP/.1"),
    _version("2-0", b"HTTP/2.0"),
    _version("2", b"HTTP/2"),
    _version("3-0", b"HTTP/3.0"),
    _version("9-9", b"HTTP/9.9"),
    _version("11-1", b"HTTP/11.1"),
    _version("minus", b"HTTP/-1.1"),
    _version("plus", b"HTTP/+1.1"),
    _version("hex", b"HTTP/0x1.1"),
    _version("letters", b"HTTP/a.b"),
    _version("comma", b"HTTP/1,1"),
    _version("tail", b"HTTP/1.1x"),
    _version("third-number", b"HTTP/1.1.1"),
    _version("lower-case", b"http/1.1"),
    _version("mixed-case", b"Http/1.1"),
    _version("https", b"HTTPS/1.1"),
    _version("blank-inside", b"HTTP /1.1"),
    _version("blank-after-slash", b"HTTP/ 1.1"),
    _version("two-slashes", b"HTTP//1.1"),
    _version("other-protocol", b"ICAP/1.0"),
    _version("word", b"HTTP"),
    _version("nul", b"HTTP/1.1\x00"),
    _version("unicode-digit", b"HTTP/1.\xd9\xa1"),
    # before the request
    case("before-crlf", b"\r\n" + get(), 200),
    case("before-two-crlf", b"\r\n\r\n" + get(), (200, 400)),
    case("before-fifty-crlf", b"\r\n" * 50 + get(), (200, 400)),
    case("before-lf", b"\n" + get() + SMUGGLED, (200, 400)),
    case("before-cr", b"\r" + get() + SMUGGLED, 400),
    case("before-crcrlf", b"\r\r\n" + get() + SMUGGLED, 400),
    case("before-nul", b"\x00" + get() + SMUGGLED, 400),
    case("before-byte-order-mark", b"\xef\xbb\xbf" + get() + SMUGGLED, 400),
    case("before-blank-line", b" \r\n" + get() + SMUGGLED, 400),
    case("before-proxy-line", b"PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\r\n" + get() + SMUGGLED, 400),
    case("before-proxy-v2", b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00" + get() + SMUGGLED, 400),
    # no HTTP/1
    case("h2-preface", _H2_PREFACE + _H2_SETTINGS, (400, 505)),
    case("h2-preface-then-request", _H2_PREFACE + SMUGGLED, (400, 505)),
    case("h2-preface-fields", b"PRI * HTTP/2.0\r\n" + _FIELDS + b"SM\r\n\r\n", (400, 505)),
    case("pri-http-1-1", b"PRI * HTTP/1.1\r\n" + _FIELDS + SMUGGLED, 400),
    case("no-http-tls", _TLS_HELLO, (0, 400)),
    case("no-http-ssh", b"SSH-2.0-OpenSSH_9.2\r\n", 400),
    case("no-http-smtp", b"EHLO sandbox.test\r\n", 400),
    case("no-http-binary", bytes(range(256)) * 4, 400),
    case("no-http-empty-lines", b"\r\n\r\n\r\n", (0, 400)),
    case("no-http-only-cr", b"\r", (0, 400)),
)
