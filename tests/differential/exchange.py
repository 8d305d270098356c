"""Runs one case against one server and describes what happened: an Outcome, and its short form, the signature."""

import asyncio
import dataclasses
import re

# How long a server that has answered gets to close the connection or to say more.
QUIET_S = 0.05
# How long to wait for an answer that may not come.
ANSWER_S = 0.7
MARKER_TARGET = b"/marker"
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[^\r\n]*\r?\n")


@dataclasses.dataclass(frozen=True)
class Response:
    status: int
    seen: int  # X-Seen of the origin, 0 when the answer is the server's own
    body: bytes


@dataclasses.dataclass
class Outcome:
    """`end` is "kept" (the marker was answered), "closed", or "waits" (neither closed nor answered)."""
    responses: list  # to the case
    marker_responses: list  # after the marker was sent
    end: str
    requests: list  # seen by the origin, the marker left out
    at_origin: list  # all the origin saw; Response.seen counts these from 1
    garbage: list
    junk: bytes = b""  # bytes from the server that are no response

    def signature(self, watch=()):
        """The comparison's short form: statuses -> requests at the origin with framing; end of the connection."""
        statuses = " ".join(str(r.status) for r in self.responses) or ("junk" if self.junk else "-")
        seen = ["%s %d" % (r.framing, len(r.body)) if r.framing != "none" else "none" for r in self.requests]
        text = "%s -> %s" % (statuses, " + ".join(seen) or "0")
        if self.garbage:
            text += " + garbage"
        if self.requests:
            for name in watch:
                values = [_shown(v) for v in self.requests[0].values(name)]
                text += ", %s=%s" % (name.decode(), "&".join(values) if values else "absent")
        return "%s, %s" % (text, self.end)


def _shown(value):
    """A field value as printable text that can stand in a table cell."""
    return value.decode("latin-1").encode("unicode_escape").decode().replace("|", "\\x7c")


class _Reader:
    """Takes responses apart as they come; knows which answers have no body because the request was HEAD."""

    def __init__(self, reader, methods):
        self._reader = reader
        self._methods = list(methods)
        self._data = b""
        self.closed = False
        self.responses = []
        self.junk = b""

    async def fill(self, timeout_s):
        """Waits for bytes; returns False when the time is up. Sets `closed` at the end of the stream."""
        try:
            more = await asyncio.wait_for(self._reader.read(1 << 18), timeout_s)
        except asyncio.TimeoutError:
            return False
        except ConnectionError:
            more = b""
        if not more:
            self.closed = True
            return True
        self._data += more
        while self._take():
            pass
        return True

    def _take(self):
        end = self._data.find(b"\r\n\r\n")
        if not _STATUS_LINE.match(self._data):
            # A partial status line may still become one; anything else is no response (as an HTTP/0.9 answer is).
            if self._data and not b"HTTP/1.1 ".startswith(self._data[:9]):
                self.junk += self._data
                self._data = b""
            return False
        if end < 0:
            return False
        head, rest = self._data[:end + 4], self._data[end + 4:]
        status = int(_STATUS_LINE.match(head)[1])
        if 100 <= status < 200:
            self._data = rest
            return True
        body_length = self._body_length(head, status, rest)
        if body_length is None or len(rest) < body_length:
            return False
        seen = re.search(rb"(?im)^x-seen: *([0-9]+)", head)
        body = rest[:body_length]
        self.responses.append(Response(status, int(seen[1]) if seen else 0, body))
        self._data = rest[body_length:]
        return True

    def _body_length(self, head, status, rest):
        method = self._methods[len(self.responses)] if len(self.responses) < len(self._methods) else b""
        if method == b"HEAD" or status in (204, 304):
            return 0
        length = re.search(rb"(?im)^content-length: *([0-9]+)", head)
        if length:
            return int(length[1])
        if re.search(rb"(?im)^transfer-encoding: *chunked", head):
            end = rest.find(b"0\r\n\r\n")
            return None if end < 0 else end + 5
        return len(rest) if self.closed else None

    def finish(self):
        """At the end of the stream: a response delimited by the close is complete now."""
        while self.closed and self._data and self._take():
            pass
        if self.closed and self._data:
            self.junk += self._data
            self._data = b""


def marker_for(lane):
    """The request that follows a case, by which a desynchronised connection shows."""
    return b"GET %s HTTP/1.1\r\nHost: sandbox.test\r\nX-Sandbox-ID: lane%d\r\n\r\n" % (MARKER_TARGET, lane)


async def run_case(raw, reading, server, lane, marker=b"", patience=1.0):
    """Sends `raw`, whose strict reading is `reading`; with a marker, sends that once everything is answered.

    `patience` stretches all waiting times, for a second look at a doubtful result.
    """
    origin = server.origins[lane]
    record = origin.begin()
    reader, writer = await asyncio.open_connection(*server.fronts[lane], limit=1 << 20)
    methods = [r.method for r in reading.requests]
    if reading.end != "complete":
        methods.append(b"")
    responses = _Reader(reader, methods)
    try:
        await _send(writer, raw)
        end, count = await _converse(responses, writer, len(methods), marker, patience)
    finally:
        writer.close()
    await origin.settle(record, 0.5)
    at_origin = list(record.requests)
    requests = [r for r in at_origin if not (marker and r.target == MARKER_TARGET)]
    return Outcome(responses.responses[:count], responses.responses[count:], end, requests, at_origin,
                   list(record.garbage), responses.junk)


async def _send(writer, data):
    writer.write(data)
    try:
        await writer.drain()
    except ConnectionError:
        pass  # refused while it was still sent; the answer, if any, is read by the caller


async def _converse(responses, writer, wanted, marker, patience):
    """Reads what comes, sends the marker once all is answered; returns (end, answers to the case itself)."""
    while not responses.closed and len(responses.responses) < wanted and not responses.junk:
        if not await responses.fill(ANSWER_S * patience):
            break
    if not responses.closed:
        while await responses.fill(QUIET_S * patience) and not responses.closed:
            pass
    responses.finish()
    count = len(responses.responses)
    if responses.closed:
        return "closed", count
    if count < wanted and not responses.junk:
        return "waits", count
    if not marker:
        return "kept", count
    await _send(writer, marker)
    while not responses.closed and len(responses.responses) == count:
        if not await responses.fill(ANSWER_S * patience):
            return "waits", count
    responses.finish()
    return ("kept" if len(responses.responses) > count else "closed"), count
