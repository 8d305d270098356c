"""A recording origin: keeps the exact bytes it received and the requests it saw, and answers each with 200.

One listener a lane, so that everything a lane's origin sees belongs to the case that runs in that lane. The answer
carries `X-Seen: N`, the number of the request in the lane's record, by which the client side checks that each answer
belongs to its request.
"""

import asyncio
import dataclasses

import strict


@dataclasses.dataclass
class Record:
    """What a lane's origin saw during one case."""
    requests: list
    garbage: list  # (reason, bytes) of connections that sent something else than a request
    open_parts: int = 0  # connections that are in the middle of a request right now
    cut_parts: int = 0  # connections that ended in the middle of a request


class Origin:
    def __init__(self, address, port):
        self.address = address
        self.port = port
        self.record = Record([], [])
        self._server = None
        self._connections = set()

    async def start(self):
        self._server = await asyncio.start_server(self._serve, self.address, self.port, limit=1 << 22)

    async def stop(self):
        self._server.close()
        for writer in list(self._connections):
            writer.close()
        await self._server.wait_closed()

    def begin(self):
        """Starts a new record and returns it."""
        self.record = Record([], [])
        return self.record

    async def settle(self, record, timeout_s):
        """Waits until no connection is in the middle of a request, so that late bytes fall into the right record."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while record.open_parts and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.005)

    async def _serve(self, reader, writer):
        self._connections.add(writer)
        try:
            await self._serve_requests(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the proxy went away; what it sent is in the record
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _serve_requests(self, reader, writer):
        data = b""
        continued = False
        while True:
            if not data:
                data = await reader.read(1 << 20)
                if not data:
                    return
                continued = False
            record = self.record
            try:
                request, used = strict.read_one(data, lenient_target=True)
            except strict.Violation as violation:
                record.garbage.append((str(violation), data))
                return
            except strict.Incomplete as incomplete:
                if incomplete.head_complete and not continued and _expects_continue(data):
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    continued = True
                record.open_parts += 1
                try:
                    more = await reader.read(1 << 20)
                finally:
                    record.open_parts -= 1
                if not more:
                    record.cut_parts += 1
                    return
                data += more
                continue
            data = data[used:]
            record.requests.append(request)
            writer.write(_answer(request, len(record.requests)))
            await writer.drain()
            if request.closes:
                return


def _expects_continue(data):
    head = data.split(b"\r\n\r\n", 1)[0].lower()
    return any(line.replace(b" ", b"") == b"expect:100-continue" for line in head.split(b"\r\n"))


def _answer(request, number):
    body = b"%s %s %s %d\n" % (request.method, request.target, request.framing.encode(), len(request.body))
    head = (b"HTTP/1.1 200 OK\r\nX-Seen: %d\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
            % (number, len(body)))
    return head if request.method == b"HEAD" else head + body
