"""Load MEM200: long bodies past a side that stalls, and how much the proxy's memory grows meanwhile.

A side that reads nothing for a while is what tells a proxy that holds back from one that takes everything in: over
loopback a fast reader would hide the difference.
"""
from __future__ import annotations

import socket
import threading
import time

from peers import TOKEN
from process import Proxy, memory_kib

BODY_BYTES = 200_000_000
STALL_MS = 700
_PIECE = b"x" * (1 << 20)
_CHUNK = b"%x\r\n%s\r\n" % (len(_PIECE), _PIECE)


class _Watch(threading.Thread):
    """Reads the memory of the proxy every few milliseconds and keeps the highest."""

    def __init__(self, proxy: Proxy):
        super().__init__(daemon=True)
        self._pids = proxy.pids()
        self._ended = threading.Event()
        self.peak_kib = memory_kib(self._pids)

    def run(self) -> None:
        while not self._ended.wait(0.01):
            self.peak_kib = max(self.peak_kib, memory_kib(self._pids))

    def finish(self) -> int:
        self._ended.set()
        self.join()
        return self.peak_kib


def growth(proxy: Proxy) -> dict[str, float]:
    """Growth of the memory above that of a proxy that has served one small request, in bytes: peak and what stays."""
    _download(proxy, 100, stall_ms=0)
    before_kib = memory_kib(proxy.pids())
    watch = _Watch(proxy)
    watch.start()
    peaks = {}
    for name, transfer in (("up", _upload), ("up_chunked", _upload_chunked), ("down", _download)):
        transfer(proxy)
        peaks[name] = (watch.peak_kib - before_kib) * 1024
    peak_kib = watch.finish()
    after_kib = memory_kib(proxy.pids())
    return {"before_kib": before_kib, "memory_kib": after_kib, "peak_kib": peak_kib, "peaks": peaks,
            "growth_bytes": (peak_kib - before_kib) * 1024, "stays_bytes": (after_kib - before_kib) * 1024}


def _request(proxy: Proxy, line: str, *fields: str) -> tuple[socket.socket, bytes]:
    head = [line + " HTTP/1.1", "Host: gateway.example.internal", f"Authorization: Bearer {TOKEN}", "X-Sandbox-ID: sb1",
            "X-Sandbox-Namespace: default", "X-Sandbox-Port: 9000", "X-Sandbox-Pod-IP: 127.1.0.1", *fields, "", ""]
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=60), "\r\n".join(head).encode()


def _read_head(connection: socket.socket) -> bytes:
    """Reads up to the end of the head of a 200 answer; returns what came after it."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError(f"closed after {got[:200]!r}")
        got += piece
    if b" 200 " not in got.split(b"\r\n", 1)[0]:
        raise ConnectionError(f"answer {got[:200]!r}")
    return got.split(b"\r\n\r\n", 1)[1]


def _upload(proxy: Proxy) -> None:
    connection, head = _request(proxy, f"POST /stall/{STALL_MS}", f"Content-Length: {BODY_BYTES}")
    with connection:
        connection.sendall(head)
        for left in range(BODY_BYTES, 0, -len(_PIECE)):
            connection.sendall(_PIECE[:left])
        _read_head(connection)


def _upload_chunked(proxy: Proxy) -> None:
    connection, head = _request(proxy, f"POST /stall/{STALL_MS}", "Transfer-Encoding: chunked")
    with connection:
        connection.sendall(head)
        for _ in range(BODY_BYTES // len(_PIECE)):
            connection.sendall(_CHUNK)
        connection.sendall(b"0\r\n\r\n")
        _read_head(connection)


def _download(proxy: Proxy, size: int = BODY_BYTES, stall_ms: int = STALL_MS) -> None:
    connection, head = _request(proxy, f"GET /b/{size}")
    with connection:
        connection.sendall(head)
        time.sleep(stall_ms / 1000)
        got = len(_read_head(connection))
        buffer = bytearray(1 << 20)
        while got < size:
            count = connection.recv_into(buffer)
            if not count:
                raise ConnectionError(f"body ends after {got} of {size} bytes")
            got += count
