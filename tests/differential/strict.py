"""The strict reading of HTTP/1 requests: what a client has framed, byte by byte, by RFC 9110 and RFC 9112.

This is the yardstick of the differential tests: `read_all` says how many requests a run of bytes holds and where it
ends. A server behind the proxy may see fewer of them (the proxy refuses some for reasons of its own), never more and
never others. It is written for clearness, not speed, and shares no code with the programs under test.
"""

import dataclasses
import re

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_TARGET = re.compile(rb"[\x21\x22\x24-\x7e]+\Z")
_LENIENT_TARGET = re.compile(rb"[^\x00-\x20\x7f]+\Z")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
_VERSION = re.compile(rb"HTTP/1\.[0-9]\Z")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\Z")
# host[:port] of RFC 3986 without user information; a registered name may be empty.
_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|\[v[0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+\]"
    rb"|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?\Z")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?]*)(/[^?]*)?(\?.*)?\Z", re.S)
MAX_LENGTH = 2**63 - 1


class Violation(Exception):
    """The bytes are no request by the strict reading; the text says why."""


class Incomplete(Exception):
    """The bytes end before the message does. `head_complete` tells how far they got."""

    def __init__(self, head_complete):
        super().__init__("ends inside the %s" % ("body" if head_complete else "head"))
        self.head_complete = head_complete


@dataclasses.dataclass(frozen=True)
class Request:
    method: bytes
    target: bytes
    version: bytes
    fields: tuple
    body: bytes
    framing: str  # "none", "length" or "chunked"
    head: bytes
    trailers: tuple = ()

    def values(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    @property
    def origin_target(self):
        """The target as an origin server gets it: absolute-form reduced to path and query."""
        match = _ABSOLUTE.match(self.target)
        if match is None:
            return self.target
        return (match[2] or b"/") + (match[3] or b"")

    @property
    def closes(self):
        """No further request follows on the connection."""
        options = [o.strip(b" \t") for o in b",".join(self.values(b"connection")).lower().split(b",")]
        if b"close" in options:
            return True
        return self.version == b"HTTP/1.0" and b"keep-alive" not in options


@dataclasses.dataclass(frozen=True)
class Reading:
    """`end` is "complete", "incomplete" or "violation"; `reason` explains the last two."""
    requests: tuple
    end: str
    reason: str

    @property
    def closes(self):
        return self.end == "violation" or any(r.closes for r in self.requests)


def _lines(data, position, in_head):
    """Yields (line, position after it) up to and including the empty line."""
    while True:
        feed = data.find(b"\n", position)
        if feed < 0:
            if data.rfind(b"\r", position, len(data) - 1) >= 0:
                raise Violation("bare CR")
            raise Incomplete(not in_head)
        line = data[position:feed]
        position = feed + 1
        if not line.endswith(b"\r"):
            raise Violation("bare LF")
        line = line[:-1]
        if b"\r" in line:
            raise Violation("bare CR")
        yield line, position
        if not line:
            return


def _field(line):
    if line[:1] in (b" ", b"\t"):
        raise Violation("obs-fold")
    name, colon, value = line.partition(b":")
    if not colon:
        raise Violation("field line without colon")
    if not _TOKEN.match(name):
        raise Violation("field name is no token")
    if not _VALUE.match(value):
        raise Violation("control character in field value")
    return name, value.strip(b" \t")


def _length(values):
    items = [item.strip(b" \t") for value in values for item in value.split(b",")]
    for item in items:
        if not re.match(rb"[0-9]+\Z", item):
            raise Violation("Content-Length is not digits only")
        if int(item) > MAX_LENGTH:
            raise Violation("Content-Length is too large")
    if len({int(item) for item in items}) != 1:
        raise Violation("Content-Length differs")
    return int(items[0])


def _check_host(version, target, hosts):
    if len(hosts) > 1:
        raise Violation("more than one Host")
    if not hosts and version != b"HTTP/1.0":
        raise Violation("no Host")
    if hosts and not _HOST.match(hosts[0]):
        raise Violation("Host is no host[:port]")
    absolute = _ABSOLUTE.match(target)
    if absolute is not None and not (absolute[1] and _HOST.match(absolute[1])):
        raise Violation("authority of the target is no host[:port]")


def _chunked(data, position):
    """Reads a chunked body; returns (body, trailers, position after it)."""
    body = b""
    while True:
        lines = _lines(data, position, in_head=False)
        line, position = next(lines)
        match = _CHUNK_LINE.match(line)
        if match is None:
            raise Violation("chunk-size line")
        size = int(match[1], 16)
        if size > MAX_LENGTH:
            raise Violation("chunk size is too large")
        if size == 0:
            break
        if len(data) < position + size + 2:
            if len(data) > position + size and data[position + size:position + size + 1] != b"\r":
                raise Violation("chunk does not end in CRLF")
            raise Incomplete(True)
        body += data[position:position + size]
        position += size
        if data[position:position + 2] != b"\r\n":
            raise Violation("chunk does not end in CRLF")
        position += 2
    trailers = []
    for line, position in _lines(data, position, in_head=False):
        if line:
            trailers.append(_field(line))
    return body, tuple(trailers), position


def read_one(data, lenient_target=False):
    """Reads the first request; returns (Request, bytes used). Raises Violation or Incomplete."""
    position = 0
    while data.startswith(b"\r\n", position):
        position += 2  # RFC 9112 2.2: empty lines before a request are ignored
    start = position
    lines = _lines(data, position, in_head=True)
    line, position = next(lines)
    parts = line.split(b" ")
    if len(parts) != 3:
        raise Violation("request line has not three parts")
    method, target, version = parts
    if not _TOKEN.match(method):
        raise Violation("method is no token")
    if not (_LENIENT_TARGET if lenient_target else _TARGET).match(target):
        raise Violation("octet not allowed in target")
    if not _VERSION.match(version):
        raise Violation("version")
    fields = []
    for line, position in lines:
        if line:
            fields.append(_field(line))
    fields = tuple(fields)
    head = data[start:position]

    def values(name):
        return [value for field, value in fields if field.lower() == name]

    _check_host(version, target, values(b"host"))
    codings, lengths = values(b"transfer-encoding"), values(b"content-length")
    if codings and lengths:
        raise Violation("Content-Length and Transfer-Encoding")
    if codings:
        if version == b"HTTP/1.0":
            raise Violation("Transfer-Encoding in HTTP/1.0")
        if len(codings) != 1 or codings[0].lower() != b"chunked":
            raise Violation("transfer coding other than one chunked")
        body, trailers, position = _chunked(data, position)
        return Request(method, target, version, fields, body, "chunked", head, trailers), position
    if lengths:
        size = _length(lengths)
        if len(data) < position + size:
            raise Incomplete(True)
        body = data[position:position + size]
        return Request(method, target, version, fields, body, "length", head), position + size
    return Request(method, target, version, fields, b"", "none", head), position


def read_all(data):
    """The strict reading of everything a client sends on one connection."""
    requests = []
    while True:
        while data.startswith(b"\r\n"):
            data = data[2:]
        if not data:
            break
        try:
            request, used = read_one(data)
        except Violation as violation:
            return Reading(tuple(requests), "violation", str(violation))
        except Incomplete as incomplete:
            return Reading(tuple(requests), "incomplete", str(incomplete))
        requests.append(request)
        data = data[used:]
        if request.closes:
            break
    return Reading(tuple(requests), "complete", "")
