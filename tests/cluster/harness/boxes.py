"""Sandboxes of the tests' own: listeners on loopback addresses that nobody else uses, and what they answer."""
import hashlib
import json
import random
import socket

from support.origin import Origin

PORT = 8888
_random = random.Random()


def address():
    """A loopback address that nobody is likely to use."""
    return "127.%d.%d.%d" % (_random.randint(140, 250), _random.randint(0, 255), _random.randint(1, 254))


def tell(peer, name):
    """A script: answers each request with what came, as JSON, in a chunked or sized body as asked for by the path."""
    while True:
        request = peer.note(peer.request())
        body = json.dumps({
            "box": name, "method": request.method.decode(), "target": request.target.decode("latin-1"),
            "fields": [[k.decode("latin-1"), v.decode("latin-1")] for k, v in request.fields],
            "size": len(request.body), "sha256": hashlib.sha256(request.body).hexdigest()}).encode()
        head = [b"HTTP/1.1 200 OK", b"Content-Type: application/json", b"X-Box: " + name.encode(),
                b"Content-Length: %d" % len(body)]
        peer.send(b"\r\n".join(head) + b"\r\n\r\n" + (b"" if request.method == b"HEAD" else body))


def box(case, script=None, name="box", host=None, port=PORT):
    """A sandbox's program for the test `case`, on an address of its own unless one is named; `.ip` is it."""
    for _ in range(50):
        ip = host or address()
        try:
            origin = Origin(script or (lambda peer: tell(peer, name)), ip, port)
        except OSError:
            if host:
                raise
            continue
        origin.ip = ip
        case.addCleanup(origin.__exit__)
        return origin
    raise AssertionError("no free loopback address")


class Deaf:
    """An address where connecting waits for ever: the backlog is full and nobody accepts."""

    def __init__(self, case, port=PORT):
        self.ip = address()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.ip, port))
        self.listener.listen(0)
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            try:
                filler.connect((self.ip, port))
            except BlockingIOError:
                pass
            self.fillers.append(filler)
        case.addCleanup(self.close)

    def close(self):
        for one in (*self.fillers, self.listener):
            one.close()
