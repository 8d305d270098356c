"""Host and absolute-form: missing, repeated, malformed, with user information, against the target's authority."""

from case import SMUGGLED, case

TITLE = "Host and absolute-form"

_ID = b"X-Sandbox-ID: lane@\r\n"


def _host(name, value, status=400):
    return case(name, b"GET /a HTTP/1.1\r\nHost:" + value + b"\r\n" + _ID + b"\r\n", status)


def _lines(name, lines, status=400, version=b"HTTP/1.1", target=b"/a"):
    return case(name, b"GET " + target + b" " + version + b"\r\n" + lines + _ID + b"\r\n", status)


def _absolute(name, target, status=200, host=b"Host: sandbox.test\r\n"):
    return _lines(name, host, status, target=target)


CASES = (
    _host("host-plain", b" sandbox.test", 200),
    _host("host-upper-case", b" SANDBOX.Test", 200),
    _host("host-no-blank", b"sandbox.test", 200),
    _host("host-port", b" sandbox.test:8080", 200),
    _host("host-empty-port", b" sandbox.test:", (200, 400)),
    _host("host-ipv4", b" 127.0.0.1:80", 200),
    _host("host-ipv6", b" [::1]", 200),
    _host("host-ipv6-port", b" [::1]:8080", 200),
    _host("host-trailing-dot", b" sandbox.test.", 200),
    _host("host-percent", b" sand%62ox.test", (200, 400)),
    _host("host-sub-delims", b" a!$&'()*+;=b", (200, 400)),
    _host("host-underscore", b" sand_box.test", 200),
    _host("host-empty", b"", (200, 400)),
    _host("host-blanks", b"   ", (200, 400)),
    _host("host-comma-list", b" sandbox.test,evil", (200, 400)),
    _host("host-comma-blank-list", b" sandbox.test, evil"),
    _host("host-two-words", b" sandbox.test evil"),
    _host("host-user", b" user@sandbox.test"),
    _host("host-user-password", b" user:secret@sandbox.test"),
    _host("host-empty-user", b" @sandbox.test"),
    _host("host-path", b" sandbox.test/path"),
    _host("host-query", b" sandbox.test?q"),
    _host("host-fragment", b" sandbox.test#f"),
    _host("host-scheme", b" http://sandbox.test"),
    _host("host-backslash", b" sandbox.test\\evil"),
    _host("host-port-letters", b" sandbox.test:http"),
    _host("host-port-minus", b" sandbox.test:-1"),
    _host("host-port-99999", b" sandbox.test:99999", (200, 400)),
    _host("host-port-0", b" sandbox.test:0", (200, 400)),
    _host("host-port-huge", b" sandbox.test:99999999999999999999", (200, 400)),
    _host("host-two-ports", b" sandbox.test:80:80"),
    _host("host-only-port", b" :80", (200, 400)),
    _host("host-bracket-open", b" [::1"),
    _host("host-bracket-close", b" ::1]"),
    _host("host-ipv6-bare", b" ::1"),
    _host("host-ipv6-zone", b" [fe80::1%25eth0]"),
    _host("host-ipv6-tail", b" [::1]evil"),
    _host("host-ipv6-empty", b" []"),
    _host("host-bad-percent", b" sand%zzbox.test"),
    _host("host-cut-percent", b" sandbox.test%2"),
    _host("host-quote", b' "sandbox.test"'),
    _host("host-angle", b" <sandbox.test>"),
    _host("host-pipe", b" sandbox|test"),
    _host("host-caret", b" sandbox^test"),
    _host("host-nul", b" sandbox.test\x00evil"),
    _host("host-control", b" sandbox.test\x01"),
    _host("host-tab-inside", b" sandbox\ttest"),
    _host("host-high", b" s\xe4ndbox.test"),
    _host("host-delete", b" sandbox\x7ftest"),
    _host("host-300-octets", b" " + b"a" * 300, (200, 400)),
    _host("host-20000-octets", b" " + b"a" * 20_000, (200, 400, 431)),
    # missing and repeated
    _lines("host-missing", b""),
    _lines("host-missing-then-request", b"", 400),
    _lines("host-twice-same", b"Host: sandbox.test\r\nHost: sandbox.test\r\n"),
    _lines("host-twice-differ", b"Host: sandbox.test\r\nHost: evil\r\n"),
    _lines("host-twice-one-empty", b"Host: sandbox.test\r\nHost:\r\n"),
    _lines("host-twice-case", b"Host: sandbox.test\r\nhOST: evil\r\n"),
    _lines("host-three", b"Host: sandbox.test\r\nHost: sandbox.test\r\nHost: evil\r\n"),
    _lines("host-blank-before-colon", b"Host : sandbox.test\r\n"),
    _lines("host-and-blank-before-colon", b"Host: sandbox.test\r\nHost : evil\r\n"),
    _lines("host-and-leading-blank", b"Host: sandbox.test\r\n Host: evil\r\n"),
    _lines("host-and-underscore", b"Host: sandbox.test\r\nHost_: evil\r\n", 200),
    _lines("host-and-x-forwarded-host", b"Host: sandbox.test\r\nX-Forwarded-Host: evil\r\n", 200),
    _lines("host-last", b"X-A: 1\r\nX-B: 2\r\nHost: sandbox.test\r\n", 200),
    _lines("host-http10-missing", b"", 200, version=b"HTTP/1.0"),
    _lines("host-http10", b"Host: sandbox.test\r\n", 200, version=b"HTTP/1.0"),
    _lines("host-http10-twice", b"Host: sandbox.test\r\nHost: evil\r\n", version=b"HTTP/1.0"),
    _lines("host-http10-bad", b"Host: user@sandbox.test\r\n", version=b"HTTP/1.0"),
    # absolute-form
    _absolute("absolute-same", b"http://sandbox.test/a?q=1"),
    _absolute("absolute-upper-scheme", b"HTTP://sandbox.test/a"),
    _absolute("absolute-port", b"http://sandbox.test:80/a", (200, 400)),
    _absolute("absolute-differs", b"http://evil/a", (200, 400)),
    _absolute("absolute-no-path", b"http://sandbox.test"),
    _absolute("absolute-query-only", b"http://sandbox.test?q=1", (200, 400)),
    _absolute("absolute-dots", b"http://sandbox.test/../b"),
    _absolute("absolute-double-slash", b"http://sandbox.test//b"),
    _absolute("absolute-https", b"https://sandbox.test/a", (200, 400)),
    _absolute("absolute-user", b"http://user@sandbox.test/a", 400),
    _absolute("absolute-user-password", b"http://user:secret@sandbox.test/a", 400),
    _absolute("absolute-empty-authority", b"http:///a", 400),
    _absolute("absolute-only-scheme", b"http://", 400),
    _absolute("absolute-one-slash", b"http:/sandbox.test/a", (400, 404)),
    _absolute("absolute-bad-port", b"http://sandbox.test:x/a", 400),
    _absolute("absolute-bad-host", b"http://sand[box/a", 400),
    _absolute("absolute-fragment", b"http://sandbox.test/a#f", 400),
    _absolute("absolute-ftp", b"ftp://sandbox.test/a", (400, 404)),
    _absolute("absolute-file", b"file:///etc/passwd", (400, 404)),
    _absolute("absolute-javascript", b"javascript:alert(1)", (400, 404)),
    _absolute("absolute-no-host-field", b"http://sandbox.test/a", 400, host=b""),
    _absolute("absolute-two-host-fields", b"http://sandbox.test/a", 400, host=b"Host: sandbox.test\r\nHost: b\r\n"),
    _absolute("absolute-bad-host-field", b"http://sandbox.test/a", 400, host=b"Host: user@evil\r\n"),
    _absolute("absolute-empty-host-field", b"http://sandbox.test/a", (200, 400), host=b"Host:\r\n"),
    case("absolute-http10", b"GET http://sandbox.test/a HTTP/1.0\r\n" + _ID + b"\r\n", 200),
    case("absolute-then-request", b"GET http://sandbox.test/a HTTP/1.1\r\nHost: sandbox.test\r\n" + _ID + b"\r\n"
         + SMUGGLED, 200),
)
