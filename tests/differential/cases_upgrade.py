"""Upgrade, Expect and what else asks a proxy to leave the ordinary path."""

from case import ANY, SMUGGLED, case, get, post

TITLE = "Upgrade and Expect"

_H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
_WS = (b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
       b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")

CASES = (
    case("upgrade-h2c", get(_H2C), 200, watch=("upgrade", "http2-settings"), forbid=(b"h2c", b"AAMAAABk")),
    case("upgrade-h2c-then-request", get(_H2C) + SMUGGLED, 200, watch=("upgrade",)),
    case("upgrade-h2c-then-preface", get(_H2C) + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 200, watch=("upgrade",)),
    case("upgrade-h2c-body", post(_H2C + b"Content-Length: 5\r\n", b"hello"), 200, watch=("upgrade",)),
    case("upgrade-h2c-not-in-connection", get(b"Upgrade: h2c\r\n"), 200, watch=("upgrade",)),
    case("upgrade-h2c-upper-case", get(b"Connection: UPGRADE\r\nUpgrade: H2C\r\n"), 200, watch=("upgrade",)),
    case("upgrade-h2c-among-others", get(b"Connection: Upgrade\r\nUpgrade: foo, h2c\r\n"), 200, watch=("upgrade",)),
    case("upgrade-unknown", get(b"Connection: Upgrade\r\nUpgrade: foo/1\r\n"), 200, watch=("upgrade",)),
    case("upgrade-tls", get(b"Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n"), 200, watch=("upgrade",)),
    case("upgrade-connection-only", get(b"Connection: Upgrade\r\n"), 200, watch=("upgrade", "connection")),
    case("upgrade-empty", get(b"Connection: Upgrade\r\nUpgrade:\r\n"), (200, 400), watch=("upgrade",)),
    case("upgrade-http10", get(b"Connection: Upgrade\r\nUpgrade: websocket\r\n", version=b"HTTP/1.0"), ANY,
         watch=("upgrade",)),
    # WebSocket, refused by an origin that answers 200
    case("websocket-answered-200", get(_WS), 200),
    case("websocket-answered-200-then-request", get(_WS) + SMUGGLED, 200),
    case("websocket-then-frames", get(_WS) + b"\x81\x85\x00\x00\x00\x00hello", ANY),
    case("websocket-post", post(_WS + b"Content-Length: 5\r\n", b"hello"), ANY),
    case("websocket-body", post(_WS + b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED, method=b"GET"), ANY),
    case("websocket-version-8", get(_WS.replace(b"13", b"8")), 426),
    case("websocket-version-8-then-request", get(_WS.replace(b"13", b"8")) + SMUGGLED, 426),
    case("websocket-no-version", get(_WS.replace(b"Sec-WebSocket-Version: 13\r\n", b"")), (400, 426)),
    case("websocket-no-key", get(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"), 400),
    case("websocket-short-key", get(_WS.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"c2hvcnQ=")), (200, 400)),
    case("websocket-two-keys", get(_WS + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"), (200, 400)),
    case("websocket-and-h2c", get(_WS.replace(b"Upgrade: websocket", b"Upgrade: websocket, h2c")), ANY,
         watch=("http2-settings",)),
    # Expect
    case("expect-continue", post(b"Expect: 100-continue\r\nContent-Length: 5\r\n", b"hello"), 200),
    case("expect-continue-upper-case", post(b"Expect: 100-Continue\r\nContent-Length: 5\r\n", b"hello"), 200),
    case("expect-continue-chunked",
         post(b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"), 200),
    case("expect-continue-no-body", get(b"Expect: 100-continue\r\n"), 200),
    case("expect-continue-get-then-request", get(b"Expect: 100-continue\r\n") + SMUGGLED, 200),
    case("expect-continue-body-is-request",
         post(b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(SMUGGLED), SMUGGLED), 200),
    case("expect-continue-then-request",
         post(b"Expect: 100-continue\r\nContent-Length: 5\r\n", b"hello") + SMUGGLED, 200),
    case("expect-continue-http10",
         post(b"Expect: 100-continue\r\nContent-Length: 5\r\n", b"hello", version=b"HTTP/1.0"), 200),
    case("expect-continue-twice",
         post(b"Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n", b"hello"), (200, 417)),
    case("expect-other", get(b"Expect: something\r\n"), 417),
    case("expect-other-body-is-request",
         post(b"Expect: something\r\nContent-Length: %d\r\n" % len(SMUGGLED), SMUGGLED), 417),
    case("expect-list", post(b"Expect: 100-continue, x\r\nContent-Length: 5\r\n", b"hello"), 417),
    case("expect-obfuscated", post(b"Expect: x 100-continue\r\nContent-Length: 5\r\n", b"hello"), 417),
    case("expect-empty", get(b"Expect:\r\n"), (200, 417)),
    case("expect-bad-length", post(b"Expect: 100-continue\r\nContent-Length: x\r\n", b"hello" + SMUGGLED), 400),
    case("expect-cl-te", post(b"Expect: 100-continue\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                              b"0\r\n\r\n" + SMUGGLED), 400),
    # others that ask for another path
    case("method-override", post(b"X-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n"), 200,
         watch=("x-http-method-override",)),
    case("max-forwards", get(b"Max-Forwards: 0\r\n", method=b"OPTIONS"), 200),
    case("range", get(b"Range: bytes=0-1\r\n"), 200, watch=("range",)),
)
