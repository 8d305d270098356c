"""Transfer-Encoding: with Content-Length (CL.TE, TE.CL), obfuscated (TE.TE), repeated, folded, in HTTP/1.0."""

from case import ANY, SMUGGLED, case, chunked, get, post

TITLE = "Transfer-Encoding"

# Ends by the chunked reading before the second request starts; by the length of 4 it ends inside the first line.
_CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"

# Values of Transfer-Encoding that some server takes for "chunked" and another does not.
_OBFUSCATED = (
    ("prefix", b" xchunked"), ("suffix", b" chunkedx"), ("two-words", b" x chunked"), ("word-after", b" chunked x"),
    ("quality", b" chunked;q=1"), ("parameter", b" chunked; a=b"), ("semicolon", b" chunked;"),
    ("double-quotes", b' "chunked"'), ("single-quotes", b" 'chunked'"), ("trailing-comma", b" chunked,"),
    ("leading-comma", b" , chunked"), ("twice-in-list", b" chunked, chunked"), ("identity-after", b" chunked, identity"),
    ("identity-before", b" identity, chunked"), ("identity", b" identity"), ("gzip", b" gzip"),
    ("gzip-chunked", b" gzip, chunked"), ("chunked-gzip", b" chunked, gzip"), ("unknown-chunked", b" cow, chunked"),
    ("chunked-unknown", b" chunked, cow"), ("unknown", b" cow"), ("trailers", b" trailers"), ("empty", b""),
    ("blanks", b"   "), ("cut", b" chunke"), ("split", b" chun ked"), ("vertical-tab-before", b" \x0bchunked"),
    ("vertical-tab-after", b" chunked\x0b"), ("form-feed", b" \x0cchunked"), ("nul-before", b" \x00chunked"),
    ("nul-after", b" chunked\x00"), ("nbsp", b" \xa0chunked"), ("high-after", b" chunked\xff"),
    ("bare-cr-after", b" chunked\r"), ("bare-cr-before", b" \rchunked"), ("kelvin", b" chun\xe2\x84\xaaed"),
    ("backspace", b" chunkedd\x08"), ("hash", b" chunked#"), ("bracket", b" [chunked]"), ("zero", b" 0"),
)

# Lines that resemble Transfer-Encoding; the request has a Content-Length too.
_LINES = (
    ("blank-before-colon", b"Transfer-Encoding : chunked", 400),
    ("tab-before-colon", b"Transfer-Encoding\t: chunked", 400),
    ("leading-blank", b" Transfer-Encoding: chunked", 400),
    ("leading-tab", b"\tTransfer-Encoding: chunked", 400),
    ("nul-in-name", b"Transfer-Encoding\x00: chunked", 400),
    ("vertical-tab-in-name", b"Transfer-Encoding\x0b: chunked", 400),
    ("high-in-name", b"Transfer-Encoding\xff: chunked", 400),
    ("blank-in-name", b"Transfer Encoding: chunked", 400),
    ("unicode-hyphen", b"Transfer\xe2\x80\x90Encoding: chunked", 400),
    ("no-colon", b"Transfer-Encoding chunked", 400),
    ("equals", b"Transfer-Encoding=chunked", 400),
    ("quoted-name", b'"Transfer-Encoding": chunked', 400),
    ("after-bare-lf", b"X-A: b\nTransfer-Encoding: chunked", 400),
    ("after-bare-cr", b"X-A: b\rTransfer-Encoding: chunked", 400),
    ("after-cr-cr-lf", b"X-A: b\r\r\nTransfer-Encoding: chunked", 400),
    ("folded-line", b"X-A: b\r\n Transfer-Encoding: chunked", 400),
    ("after-empty-name", b": x\r\nTransfer-Encoding: chunked", 400),
    ("underscore", b"Transfer_Encoding: chunked", 200),
    ("x-name", b"X-Transfer-Encoding: chunked", 200),
    ("te-field", b"TE: chunked", 200),
    ("content-encoding", b"Content-Encoding: chunked", 200),
)

CASES = (
    case("te-chunked", chunked(_CHUNKS), 200),
    case("te-upper-case", post(b"TRANSFER-ENCODING: CHUNKED\r\n", _CHUNKS), 200),
    case("te-mixed-case", post(b"Transfer-encoding: Chunked\r\n", _CHUNKS), 200),
    case("te-no-blank", post(b"Transfer-Encoding:chunked\r\n", _CHUNKS), 200),
    case("te-tabs-around", post(b"Transfer-Encoding:\t chunked \t\r\n", _CHUNKS), 200),
    case("te-get", post(b"Transfer-Encoding: chunked\r\n", _CHUNKS, method=b"GET"), 200),
    case("te-head", post(b"Transfer-Encoding: chunked\r\n", _CHUNKS, method=b"HEAD"), 200),
    case("te-delete", post(b"Transfer-Encoding: chunked\r\n", _CHUNKS, method=b"DELETE"), 200),
    case("te-then-request", chunked(_CHUNKS) + get(target=b"/b"), 200),
    case("te-unfinished", chunked(b"5\r\nhello\r\n"), 0),
    # with a length
    case("cl-te", post(b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nG" + SMUGGLED), 400),
    case("cl-te-smuggled", post(b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % (5 + len(SMUGGLED)),
                                b"0\r\n\r\n" + SMUGGLED), 400),
    case("te-cl", post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", _CHUNKS + SMUGGLED), 400),
    case("te-cl-smuggled", post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
                                b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)), 400),
    case("te-cl-zero", post(b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", _CHUNKS + SMUGGLED), 400),
    case("te-cl-right-length", post(b"Transfer-Encoding: chunked\r\nContent-Length: 15\r\n", _CHUNKS), 400),
    case("te-cl-bad-length", post(b"Transfer-Encoding: chunked\r\nContent-Length: x\r\n", _CHUNKS), 400),
    case("te-cl-apart", post(b"Content-Length: 4\r\nX-A: 1\r\nX-B: 2\r\nTransfer-Encoding: chunked\r\n", _CHUNKS), 400),
    case("te-cl-get", post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", _CHUNKS, method=b"GET"), 400),
    case("te-identity-cl", post(b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n", b"hello" + SMUGGLED), 400),
    case("te-cl-connection-lists-te", post(
        b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n", _CHUNKS), 400),
    case("te-connection-lists-te", post(
        b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", _CHUNKS + SMUGGLED), (200, 400)),
    # repeated and folded
    case("te-twice", post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", _CHUNKS + SMUGGLED), 400),
    case("te-chunked-unknown-lines",
         post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n", _CHUNKS + SMUGGLED), (400, 501)),
    case("te-unknown-chunked-lines",
         post(b"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n", _CHUNKS + SMUGGLED), (400, 501)),
    case("te-identity-chunked-lines",
         post(b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", _CHUNKS + SMUGGLED), (400, 501)),
    case("te-chunked-identity-lines",
         post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", _CHUNKS + SMUGGLED), (400, 501)),
    case("te-chunked-empty-lines",
         post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", _CHUNKS + SMUGGLED), (400, 501)),
    case("te-folded", post(b"Transfer-Encoding:\r\n chunked\r\n", _CHUNKS + SMUGGLED), 400),
    case("te-folded-tab", post(b"Transfer-Encoding:\r\n\tchunked\r\n", _CHUNKS + SMUGGLED), 400),
    case("te-folded-list", post(b"Transfer-Encoding: chunked\r\n , identity\r\n", _CHUNKS + SMUGGLED), 400),
    case("te-folded-cl", post(b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n", _CHUNKS + SMUGGLED), 400),
    # HTTP/1.0 has no transfer codings
    case("te-http10", post(b"Transfer-Encoding: chunked\r\n", _CHUNKS + SMUGGLED, version=b"HTTP/1.0"), 400),
    case("te-http10-keep-alive", post(
        b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n", _CHUNKS + SMUGGLED, version=b"HTTP/1.0"), 400),
    case("te-cl-http10", post(
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", _CHUNKS + SMUGGLED, version=b"HTTP/1.0"), 400),
    # the TE field itself
    case("te-field-trailers", get(b"TE: trailers\r\n"), 200, watch=("te",)),
    case("te-field-gzip", get(b"TE: gzip, trailers;q=0.5\r\n"), 200, watch=("te",)),
) + tuple(
    case("te-value-" + name, post(b"Transfer-Encoding:" + value + b"\r\n", _CHUNKS + SMUGGLED), (400, 501))
    for name, value in _OBFUSCATED
) + tuple(
    case("te-cl-value-" + name, post(b"Transfer-Encoding:" + value + b"\r\nContent-Length: 15\r\n",
                                     _CHUNKS + SMUGGLED), (400, 501))
    for name, value in _OBFUSCATED
) + tuple(
    case("te-line-" + name, post(line + b"\r\nContent-Length: 15\r\n", _CHUNKS), status)
    for name, line, status in _LINES
) + (
    # no framing field at all but one that resembles: the chunks are then a broken second request
    case("te-line-underscore-alone", post(b"Transfer_Encoding: chunked\r\n", _CHUNKS + SMUGGLED), ANY),
)
