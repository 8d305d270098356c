"""Kept HTTP/1.1 connections on one event loop: one request at a time, as little work for each as Python allows."""
import asyncio
import json

PATIENCE = 10.0  # seconds for one answer: a hang becomes a failure


class WireError(Exception):
    """No answer, or one that cannot be read."""


class Connection(asyncio.Protocol):
    def __init__(self):
        self.transport, self.waiting, self.bytes = None, None, b""

    @classmethod
    async def open(cls, address):
        _, self = await asyncio.get_running_loop().create_connection(cls, *address)
        return self

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, exc):
        self.transport = None
        if self.waiting and not self.waiting.done():
            self.waiting.set_exception(WireError(f"the connection ended in the middle: {exc or 'closed'}"))

    def data_received(self, data):
        self.bytes += data
        head = self.bytes.find(b"\r\n\r\n")
        if head < 0 or self.waiting is None or self.waiting.done():
            return
        fields = self.bytes[:head].lower()
        at = fields.find(b"\r\ncontent-length:")
        if at >= 0:
            length = int(fields[at + 17:].split(b"\r\n", 1)[0])
            if len(self.bytes) < head + 4 + length:
                return
        elif b"\r\ntransfer-encoding: chunked" in fields:
            if not self.bytes.endswith(b"0\r\n\r\n"):
                return
        elif fields[9:12] != b"204":
            self.waiting.set_exception(WireError(f"an answer without a length: {fields[:200]!r}"))
            return
        answer, self.bytes = (int(fields[9:12]), self.bytes[head + 4:]), b""
        self.waiting.set_result(answer)

    async def ask(self, request):
        """(status, body) of one request."""
        if self.transport is None:
            raise WireError("the connection has ended")
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        alarm = asyncio.get_running_loop().call_later(PATIENCE, self.give_up)
        try:
            return await self.waiting
        finally:
            alarm.cancel()

    def give_up(self):
        if not self.waiting.done():
            self.waiting.set_exception(WireError(f"no answer within {PATIENCE:g} s"))

    def close(self):
        if self.transport:
            self.transport.close()


class Pool:
    """A few connections to one address. Who comes when all are busy waits; one that ended is opened again."""

    def __init__(self, address, count):
        self.address, self.free, self.all = address, asyncio.Queue(), set()
        for _ in range(count):
            self.free.put_nowait(None)

    async def ask(self, request):
        connection = await self.free.get()
        try:
            if connection is None or connection.transport is None:
                self.all.discard(connection)
                connection = await Connection.open(self.address)
                self.all.add(connection)
            return await connection.ask(request)
        finally:
            self.free.put_nowait(connection)

    def close(self):
        for connection in self.all:
            connection.close()


def request(method, target, fields=(), body=None):
    """The bytes of a request; `body` is sent as JSON."""
    lines = [f"{method} {target} HTTP/1.1", "Host: bench.example", "Accept: application/json", *fields]
    text = b"" if body is None else json.dumps(body).encode()
    if body is not None:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(text)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + text
