"""The chunked coding: sizes, extensions, line ends, terminators, oversized numbers, trailers."""

from case import SMUGGLED, case, chunked

TITLE = "Chunked bodies"

_END = b"0\r\n\r\n"


def _size(name, line, status=400):
    """A body whose first chunk-size line is `line`, of five bytes, with a second request behind the body."""
    return case(name, chunked(line + b"\r\nhello\r\n" + _END + SMUGGLED), status)


def _body(name, body, status=400):
    return case(name, chunked(body + SMUGGLED), status)


def _trailer(name, lines, status=400):
    return case(name, chunked(b"5\r\nhello\r\n0\r\n" + lines + b"\r\n" + SMUGGLED), status)


_SMUGGLED_CHUNK = b"%x\r\n%s\r\n" % (len(SMUGGLED), SMUGGLED)

CASES = (
    # sizes that are right
    _size("chunk-plain", b"5", 200),
    _size("chunk-leading-zero", b"05", 200),
    _size("chunk-16-digits", b"0000000000000005", (200, 400)),
    _size("chunk-40-digits", b"0" * 39 + b"5", (200, 400)),
    _body("chunk-upper-hex", b"A\r\n0123456789\r\n" + _END, 200),
    _body("chunk-lower-hex", b"a\r\n0123456789\r\n" + _END, 200),
    _body("chunk-only-end", _END, 200),
    _body("chunk-end-of-zeros", b"5\r\nhello\r\n00000\r\n\r\n", 200),
    _body("chunk-holds-a-request", _SMUGGLED_CHUNK + _END, 200),
    _body("chunk-holds-an-end", b"7\r\n\r\n0\r\n\r\n\r\n" + _END, 200),
    _body("chunk-2000-of-one-byte", b"1\r\nx\r\n" * 2000 + _END, 200),
    _body("chunk-64-kib", b"10000\r\n" + b"x" * 65536 + b"\r\n" + _END, 200),
    # sizes that are not
    _size("chunk-size-empty", b""),
    _size("chunk-size-plus", b"+5"),
    _size("chunk-size-minus", b"-5"),
    _size("chunk-size-hex-prefix", b"0x5"),
    _size("chunk-size-hex-suffix", b"5h"),
    _size("chunk-size-not-hex", b"g"),
    _size("chunk-size-letter-after", b"5g"),
    _size("chunk-size-comma", b"5,5"),
    _size("chunk-size-fraction", b"5.0"),
    _size("chunk-size-underscore", b"0_5"),
    _size("chunk-size-quoted", b'"5"'),
    _size("chunk-size-leading-blank", b" 5"),
    _size("chunk-size-leading-tab", b"\t5"),
    _size("chunk-size-trailing-blank", b"5 "),
    _size("chunk-size-trailing-tab", b"5\t"),
    _size("chunk-size-two", b"5 5"),
    _size("chunk-size-nul", b"5\x00"),
    _size("chunk-size-vertical-tab", b"5\x0b"),
    _size("chunk-size-high", b"5\xff"),
    _size("chunk-size-arabic-digit", b"\xd9\xa5"),
    # too large, or wrapping round
    _size("chunk-size-32-bit-wrap", b"100000005", 0),
    _size("chunk-size-ffffffff", b"ffffffff", 0),
    _size("chunk-size-2-63-less-1", b"7fffffffffffffff", (0, 400, 413)),
    _size("chunk-size-2-63", b"8000000000000000", (400, 413)),
    _size("chunk-size-all-f", b"ffffffffffffffff", (400, 413)),
    _size("chunk-size-64-bit-wrap", b"10000000000000005", (400, 413)),
    _size("chunk-size-128-bit-wrap", b"100000000000000000000000000000005", (400, 413)),
    _size("chunk-size-1000-digits", b"1" * 1000, (400, 413)),
    # line ends
    _body("chunk-lf-after-size", b"5\nhello\r\n" + _END),
    _body("chunk-cr-after-size", b"5\rhello\r\n" + _END),
    _body("chunk-crcrlf-after-size", b"5\r\r\nhello\r\n" + _END),
    _body("chunk-lfcr-after-size", b"5\n\rhello\r\n" + _END),
    _body("chunk-lf-after-data", b"5\r\nhello\n" + _END),
    _body("chunk-cr-after-data", b"5\r\nhello\r" + _END),
    _body("chunk-nothing-after-data", b"5\r\nhello" + _END),
    _body("chunk-other-after-data", b"5\r\nhelloXX" + _END),
    _body("chunk-blank-after-data", b"5\r\nhello \r\n" + _END),
    _body("chunk-data-too-long", b"5\r\nhello!\r\n" + _END),
    _body("chunk-data-too-short", b"5\r\nhell\r\n" + _END),
    _body("chunk-all-lf", b"5\nhello\n0\n\n"),
    _body("chunk-empty-line-between", b"5\r\nhello\r\n\r\n" + _END),
    # the end
    _body("chunk-end-lf-lf", b"5\r\nhello\r\n0\n\n"),
    _body("chunk-end-crlf-lf", b"5\r\nhello\r\n0\r\n\n"),
    _body("chunk-end-lf-crlf", b"5\r\nhello\r\n0\n\r\n"),
    _body("chunk-end-cr-cr", b"5\r\nhello\r\n0\r\r"),
    _body("chunk-end-crcrlf", b"5\r\nhello\r\n0\r\r\n\r\n"),
    _body("chunk-end-without-empty-line", b"5\r\nhello\r\n0\r\n"),
    _body("chunk-end-blank", b"5\r\nhello\r\n0 \r\n\r\n"),
    _body("chunk-end-minus", b"5\r\nhello\r\n-0\r\n\r\n"),
    _body("chunk-end-hex-prefix", b"5\r\nhello\r\n0x0\r\n\r\n"),
    _body("chunk-end-letter", b"5\r\nhello\r\n0z\r\n\r\n"),
    _body("chunk-end-then-crlf", b"5\r\nhello\r\n0\r\n\r\n\r\n", 200),
    _body("chunk-end-then-lf", b"5\r\nhello\r\n0\r\n\r\n\n", 200),
    # extensions
    _size("chunk-ext-name", b"5;a", 200),
    _size("chunk-ext-value", b"5;a=b", 200),
    _size("chunk-ext-quoted", b'5;a="b c"', 200),
    _size("chunk-ext-escaped-quote", b'5;a="b\\"c"', 200),
    _size("chunk-ext-quoted-semicolon", b'5;a="b;c"', 200),
    _size("chunk-ext-several", b"5;a=b;c;d=e", 200),
    _size("chunk-ext-blank-before", b"5 ;a=b", (200, 400)),
    _size("chunk-ext-blanks-inside", b"5; a = b", (200, 400)),
    _size("chunk-ext-empty", b"5;", (200, 400)),
    _size("chunk-ext-empty-name", b"5;=b", (200, 400)),
    _size("chunk-ext-open-quote", b'5;a="b', (200, 400)),
    _size("chunk-ext-high", b"5;a=\xff", (200, 400)),
    _size("chunk-ext-nul", b"5;a=\x00b"),
    _size("chunk-ext-control", b"5;a=\x01b"),
    _size("chunk-ext-delete", b"5;a=\x7f"),
    _size("chunk-ext-bare-cr", b"5;a\rb"),
    _size("chunk-ext-bare-lf", b"5;a\n0\r\n\r\nx"),
    _size("chunk-ext-bare-lf-quoted", b'5;a="\nhello\r\n0\r\n\r\n"'),
    _size("chunk-ext-8-kb", b"5;a=" + b"x" * 8000, (200, 400)),
    _size("chunk-ext-100-kb", b"5;a=" + b"x" * 100_000, (400, 413, 431)),
    _body("chunk-ext-on-end", b"5\r\nhello\r\n0;a=b\r\n\r\n", 200),
    _body("chunk-ext-bare-lf-on-end", b"5\r\nhello\r\n0;\n\r\n"),
    _body("chunk-ext-each-of-500", b"1;a=" + b"y" * 50 + b"\r\nx\r\n" + (b"1;a=bbbbbbbb\r\nx\r\n" * 500) + _END,
          (200, 400, 413)),
    # trailers
    _trailer("trailer-one", b"X-T: 1\r\n", 200),
    _trailer("trailer-several", b"X-T: 1\r\nX-U: 2\r\nX-T: 3\r\n", 200),
    _trailer("trailer-content-length", b"Content-Length: 5\r\n", (200, 400)),
    _trailer("trailer-transfer-encoding", b"Transfer-Encoding: chunked\r\n", (200, 400)),
    _trailer("trailer-host", b"Host: evil\r\n", (200, 400)),
    _trailer("trailer-routing", b"X-Sandbox-ID: other\r\n", (200, 400)),
    _trailer("trailer-connection", b"Connection: close\r\n", (200, 400)),
    _trailer("trailer-folded", b"X-T: 1\r\n 2\r\n"),
    _trailer("trailer-leading-blank", b" X-T: 1\r\n"),
    _trailer("trailer-bare-lf", b"X-T: 1\nX-U: 2\r\n"),
    _trailer("trailer-bare-cr", b"X-T: 1\rX-U: 2\r\n"),
    _trailer("trailer-nul", b"X-T: \x00\r\n"),
    _trailer("trailer-no-colon", b"X-T\r\n"),
    _trailer("trailer-empty-name", b": 1\r\n"),
    _trailer("trailer-blank-before-colon", b"X-T : 1\r\n"),
    _trailer("trailer-is-a-request-line", b"GET /smuggled HTTP/1.1\r\n"),
    _trailer("trailer-100-kb", b"X-T: " + b"x" * 100_000 + b"\r\n", (400, 413, 431)),
    _trailer("trailer-2000-lines", b"X-T: 1\r\n" * 2000, (200, 400, 413, 431)),
)
