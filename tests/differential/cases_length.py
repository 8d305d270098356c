"""Content-Length: duplicates, lists, signs, blanks, bases, huge numbers, names that look like it, bodies with CL.0."""

from case import ANY, SMUGGLED, case, get, post

TITLE = "Content-Length"


def _length(name, value, status, body=b"hello"):
    """A POST with `Content-Length:` followed by exactly `value`, and a second request behind the body."""
    return case(name, post(b"Content-Length:" + value + b"\r\n", body + SMUGGLED), status)


def _name(name, line, status):
    """A POST whose only framing field is a line that merely resembles Content-Length."""
    return case(name, post(line + b"\r\n", SMUGGLED), status)


_SIZE = b"%d" % len(SMUGGLED)

CASES = (
    case("cl-exact", post(b"Content-Length: 5\r\n", b"hello"), 200),
    case("cl-zero", post(b"Content-Length: 0\r\n"), 200),
    case("cl-none-post", post(b""), 200),
    case("cl-none-put", post(b"", method=b"PUT"), 200),
    case("cl-get-with-body", post(b"Content-Length: 5\r\n", b"hello", method=b"GET"), 200),
    case("cl-short-body", post(b"Content-Length: 9\r\n", b"hello"), 0),
    case("cl-lower-case", post(b"content-length: 5\r\n", b"hello"), 200),
    case("cl-upper-case", post(b"CONTENT-LENGTH: 5\r\n", b"hello"), 200),
    _length("cl-then-request", b" 5", 200),
    # duplicates and lists
    case("cl-twice-same", post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"), (200, 400)),
    case("cl-twice-differ", post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello" + SMUGGLED), 400),
    case("cl-twice-differ-zero-last", post(b"Content-Length: 5\r\nContent-Length: 0\r\n", b"hello" + SMUGGLED), 400),
    case("cl-twice-differ-zero-first", post(b"Content-Length: 0\r\nContent-Length: 5\r\n", b"hello" + SMUGGLED), 400),
    case("cl-twice-padded", post(b"Content-Length: 5\r\nContent-Length: 05\r\n", b"hello"), (200, 400)),
    case("cl-twice-one-empty", post(b"Content-Length: 5\r\nContent-Length:\r\n", b"hello"), 400),
    case("cl-twice-one-bad", post(b"Content-Length: 5\r\nContent-Length: x\r\n", b"hello"), 400),
    case("cl-three-differ", post(b"Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 0\r\n", b"hello"), 400),
    case("cl-apart-differ", post(b"Content-Length: 5\r\nX-A: 1\r\nContent-Length: 6\r\n", b"hello" + SMUGGLED), 400),
    _length("cl-list-same", b" 5, 5", (200, 400)),
    _length("cl-list-differ", b" 5, 6", 400),
    _length("cl-list-differ-tight", b" 5,6", 400),
    _length("cl-list-trailing-comma", b" 5,", 400),
    _length("cl-list-leading-comma", b" ,5", 400),
    _length("cl-list-only-comma", b" ,", 400),
    # signs
    _length("cl-plus", b" +5", 400),
    _length("cl-minus", b" -5", 400),
    _length("cl-minus-zero", b" -0", 400, b""),
    _length("cl-plus-zero", b" +0", 400, b""),
    # blanks
    _length("cl-no-blank", b"5", 200),
    _length("cl-blanks-around", b" \t 5 \t ", 200),
    _length("cl-blank-inside", b" 1 5", 400),
    _length("cl-two-numbers", b" 5 5", 400),
    _length("cl-vertical-tab", b" \x0b5", 400),
    _length("cl-form-feed", b" 5\x0c", 400),
    _length("cl-nbsp", b" \xa05", 400),
    _length("cl-nul-after", b" 5\x00", 400),
    _length("cl-nul-before", b" \x005", 400),
    _length("cl-bare-cr-after", b" 5\r", 400),
    _length("cl-empty", b"", 400, b""),
    _length("cl-only-blanks", b"   ", 400, b""),
    # other ways to write a number
    _length("cl-hex-prefix", b" 0x5", 400),
    _length("cl-hex-digit", b" a", 400),
    _length("cl-octal-prefix", b" 0o5", 400),
    _length("cl-exponent", b" 5e0", 400),
    _length("cl-fraction", b" 5.0", 400),
    _length("cl-underscore", b" 0_5", 400),
    _length("cl-quoted", b' "5"', 400),
    _length("cl-parameter", b" 5;q=1", 400),
    _length("cl-letter-after", b" 5a", 400),
    _length("cl-word", b" five", 400),
    _length("cl-arabic-digit", b" \xd9\xa5", 400),
    _length("cl-superscript", b" \xb2", 400),
    _length("cl-leading-zeros", b" 005", (200, 400)),
    _length("cl-many-leading-zeros", b" " + b"0" * 40 + b"5", (200, 400)),
    # huge
    case("cl-2-31", post(b"Content-Length: 2147483653\r\n", b"hello" + SMUGGLED), 0),
    case("cl-2-32-plus-5", post(b"Content-Length: 4294967301\r\n", b"hello" + SMUGGLED), 0),
    case("cl-2-63-less-1", post(b"Content-Length: 9223372036854775807\r\n", b"hello" + SMUGGLED), (0, 400, 413)),
    case("cl-2-63", post(b"Content-Length: 9223372036854775808\r\n", b"hello" + SMUGGLED), (400, 413)),
    case("cl-2-64", post(b"Content-Length: 18446744073709551616\r\n", b"hello" + SMUGGLED), (400, 413)),
    case("cl-2-64-plus-5", post(b"Content-Length: 18446744073709551621\r\n", b"hello" + SMUGGLED), (400, 413)),
    case("cl-forty-nines", post(b"Content-Length: " + b"9" * 40 + b"\r\n", b"hello" + SMUGGLED), (400, 413)),
    case("cl-1000-digits", post(b"Content-Length: " + b"1" * 1000 + b"\r\n", b"hello" + SMUGGLED), (400, 413)),
    # names that resemble it
    _name("cl-name-blank-before-colon", b"Content-Length : 5", 400),
    _name("cl-name-tab-before-colon", b"Content-Length\t: 5", 400),
    _name("cl-name-leading-blank", b" Content-Length: 5", 400),
    _name("cl-name-nul", b"Content-Length\x00: 5", 400),
    _name("cl-name-nul-inside", b"Content-\x00Length: 5", 400),
    _name("cl-name-vertical-tab", b"\x0bContent-Length: 5", 400),
    _name("cl-name-nbsp", b"Content-Length\xa0: 5", 400),
    _name("cl-name-underscore", b"Content_Length: 5", 200),
    _name("cl-name-blank-inside", b"Content Length: 5", 400),
    _name("cl-name-no-colon", b"Content-Length 5", 400),
    _name("cl-name-two-colons", b"Content-Length:: 5", 400),
    _name("cl-name-unicode-hyphen", b"Content\xe2\x80\x90Length: 5", 400),
    _name("cl-name-x", b"X-Content-Length: 5", 200),
    # folds
    case("cl-folded-value", post(b"Content-Length:\r\n 5\r\n", b"hello" + SMUGGLED), 400),
    case("cl-folded-second", post(b"Content-Length: 5\r\n 0\r\n", b"hello" + SMUGGLED), 400),
    case("cl-in-folded-line", post(b"X-A: b\r\n Content-Length: 5\r\n", SMUGGLED), 400),
    case("cl-after-bare-lf", post(b"X-A: b\nContent-Length: 5\r\n", b"hello" + SMUGGLED), 400),
    case("cl-after-bare-cr", post(b"X-A: b\rContent-Length: 5\r\n", b"hello" + SMUGGLED), 400),
    # CL.0: the body is a request; whoever ignores the length executes it
    case("cl0-get", post(b"Content-Length: " + _SIZE + b"\r\n", SMUGGLED, method=b"GET"), 200),
    case("cl0-post", post(b"Content-Length: " + _SIZE + b"\r\n", SMUGGLED), 200),
    case("cl0-head", post(b"Content-Length: " + _SIZE + b"\r\n", SMUGGLED, method=b"HEAD"), 200),
    case("cl0-options", post(b"Content-Length: " + _SIZE + b"\r\n", SMUGGLED, method=b"OPTIONS"), 200),
    case("cl0-delete", post(b"Content-Length: " + _SIZE + b"\r\n", SMUGGLED, method=b"DELETE"), 200),
    case("cl0-unknown-method", post(b"Content-Length: " + _SIZE + b"\r\n", SMUGGLED, method=b"FOO"), 200),
    case("cl0-healthz", post(b"Content-Length: " + _SIZE + b"\r\n", SMUGGLED, b"/healthz", method=b"GET"), ANY),
    case("cl0-trace", post(b"Content-Length: " + _SIZE + b"\r\n", SMUGGLED, method=b"TRACE"), 405),
    case("cl0-options-star", post(b"Content-Length: " + _SIZE + b"\r\n", SMUGGLED, b"*", method=b"OPTIONS"), 200),
    case("cl0-connection-lists-cl",
         post(b"Connection: Content-Length\r\nContent-Length: " + _SIZE + b"\r\n", SMUGGLED), (200, 400)),
    case("cl0-http10", post(b"Content-Length: " + _SIZE + b"\r\n", SMUGGLED, version=b"HTTP/1.0"), 200),
    case("cl0-connection-close", post(b"Connection: close\r\nContent-Length: " + _SIZE + b"\r\n", SMUGGLED), 200),
    case("cl0-then-request", post(b"Content-Length: " + _SIZE + b"\r\n", SMUGGLED) + get(target=b"/b"), 200),
)
