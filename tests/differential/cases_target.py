"""Request targets: octets that are not allowed, fragments, forms, dots and escapes that must stay as they are."""

from case import SMUGGLED, case, get

TITLE = "Request targets"


def _target(name, target, status=200, method=b"GET"):
    """The second request behind it shows where a reader that cuts the target ends up."""
    return case(name, get(target=target, method=method) + SMUGGLED, status)


# Octets that RFC 3986 does not allow in a path but many clients send; taken as they are or refused, never changed.
_UNWISE = (
    ("quote", b'"'), ("less", b"<"), ("greater", b">"), ("backslash", b"\\"), ("caret", b"^"), ("backtick", b"`"),
    ("brace-open", b"{"), ("brace-close", b"}"), ("pipe", b"|"), ("bracket-open", b"["), ("bracket-close", b"]"),
)
_FORBIDDEN = (
    ("nul", b"\x00"), ("soh", b"\x01"), ("tab", b"\t"), ("vertical-tab", b"\x0b"), ("form-feed", b"\x0c"),
    ("bare-cr", b"\r"), ("bare-lf", b"\n"), ("escape", b"\x1b"), ("unit-separator", b"\x1f"), ("delete", b"\x7f"),
    ("high-80", b"\x80"), ("high-a0", b"\xa0"), ("utf-8", b"\xc3\xa9"), ("high-ff", b"\xff"), ("hash", b"#"),
    ("blank", b" "),
)

CASES = (
    _target("target-root", b"/"),
    _target("target-double-slash", b"//a//b"),
    _target("target-encoded-slash", b"/a%2Fb%2fc"),
    _target("target-dots", b"/a/../b/./c"),
    _target("target-dots-above-root", b"/../../etc/passwd"),
    _target("target-encoded-dots", b"/%2e%2e/%2E/x"),
    _target("target-empty-query", b"/a?"),
    _target("target-two-questions", b"/a??b"),
    _target("target-query", b"/a?x=%2F&y=a+b&z=%zz"),
    _target("target-query-url", b"/a?u=http://evil/?x"),
    _target("target-percent-end", b"/a%"),
    _target("target-percent-one-digit", b"/a%2"),
    _target("target-percent-not-hex", b"/a%zz"),
    _target("target-percent-nul", b"/a%00b"),
    _target("target-percent-crlf", b"/a%0d%0aX-Sandbox-ID:%20evil"),
    _target("target-percent-hash", b"/a%23b"),
    _target("target-percent-high", b"/%ff%fe"),
    _target("target-semicolon", b"/a;b=c/d"),
    _target("target-colon", b"/a:80"),
    _target("target-at", b"/@evil"),
    _target("target-slash-at", b"//evil@host/a"),
    _target("target-fragment", b"/a#b", 400),
    _target("target-fragment-in-query", b"/a?b#c", 400),
    _target("target-only-hash", b"#", 400),
    _target("target-empty", b"", 400),
    _target("target-star-get", b"*", 400),
    _target("target-star-options", b"*", 200, method=b"OPTIONS"),
    _target("target-star-path", b"*a", (400, 404)),
    _target("target-no-slash", b"a", (400, 404)),
    _target("target-no-slash-path", b"a/b", (400, 404)),
    _target("target-only-query", b"?a", (400, 404)),
    _target("target-dot", b".", (400, 404)),
    _target("target-backslash-first", b"\\a", (400, 404)),
    _target("target-authority", b"sandbox.test:80", (400, 404)),
    _target("target-percent-first", b"%2Fa", (400, 404)),
    _target("target-1000", b"/" + b"a" * 1000),
    _target("target-7000", b"/" + b"a" * 7000),
    _target("target-15000", b"/" + b"a" * 15_000),
    _target("target-17000", b"/" + b"a" * 17_000, (400, 414, 431)),
    _target("target-70000", b"/" + b"a" * 70_000, (400, 414, 431)),
    _target("target-query-15000", b"/a?" + b"b" * 15_000),
    _target("target-query-70000", b"/a?" + b"b" * 70_000, (400, 414, 431)),
    case("target-two-blanks", b"GET  /a HTTP/1.1\r\nHost: sandbox.test\r\nX-Sandbox-ID: lane@\r\n\r\n", 400),
    case("target-two-blanks-after", b"GET /a  HTTP/1.1\r\nHost: sandbox.test\r\nX-Sandbox-ID: lane@\r\n\r\n", 400),
    case("target-tab-before", b"GET\t/a HTTP/1.1\r\nHost: sandbox.test\r\nX-Sandbox-ID: lane@\r\n\r\n", 400),
    case("target-tab-after", b"GET /a\tHTTP/1.1\r\nHost: sandbox.test\r\nX-Sandbox-ID: lane@\r\n\r\n", 400),
    case("target-version-inside", b"GET /a HTTP/1.1 HTTP/1.1\r\nHost: sandbox.test\r\nX-Sandbox-ID: lane@\r\n\r\n", 400),
) + tuple(
    _target("target-path-" + name, b"/a" + octet + b"b", (200, 400)) for name, octet in _UNWISE
) + tuple(
    _target("target-query-" + name, b"/a?b" + octet + b"c", (200, 400)) for name, octet in _UNWISE
) + tuple(
    _target("target-path-" + name, b"/a" + octet + b"b", 400) for name, octet in _FORBIDDEN
) + tuple(
    _target("target-query-" + name, b"/a?b" + octet + b"c", 400) for name, octet in _FORBIDDEN
)
