"""A sandbox made of a script: it does with each connection exactly what the test says and keeps every byte."""
import queue
import socket
import threading

from .peer import PATIENCE, Closed, Peer


def answer(body=b"ok", status=b"200 OK", fields=()):
    """A whole answer with a length. `fields` are bytes "Name: value"."""
    lines = [b"HTTP/1.1 " + status, *fields, b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def answering(*answers):
    """A script: these answers in turn, the last one again and again, over kept connections."""
    left = list(answers)
    lock = threading.Lock()

    def script(peer):
        while True:
            peer.note(peer.request())
            with lock:
                data = left.pop(0) if len(left) > 1 else left[0]
            peer.send(data)

    return script


def closing_after(data):
    """A script: reads one request, sends `data`, closes."""
    def script(peer):
        peer.note(peer.request())
        peer.send(data)
        peer.shut_down()
        peer.ended()
    return script


class OriginPeer(Peer):
    def __init__(self, sock, origin, number):
        super().__init__(sock)
        self.origin = origin
        self.number = number  # 0 for the first connection
        self.how_ended = None

    def note(self, request):
        """Shows a request to the test."""
        request.connection = self.number
        self.origin.requests.put(request)
        return request


class Origin:
    """Listens at once, one thread a connection. `script(peer)` runs in it; Closed and socket errors just end it."""

    def __init__(self, script=None, host="127.0.0.1", port=0):
        self.script = script or answering(answer())
        self.requests = queue.Queue()
        self.saw = None  # what a script wants to show its test
        self.peers = []
        self.faults = []
        self.listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.address = self.listener.getsockname()[:2]
        self.port = self.address[1]
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        if self.faults:
            raise self.faults[0]

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            peer = OriginPeer(sock, self, len(self.peers))
            self.peers.append(peer)
            thread = threading.Thread(target=self._run, args=(peer,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _run(self, peer):
        try:
            self.script(peer)
        except (Closed, OSError):
            pass
        except Exception as fault:  # a mistake in a script must not look like a sandbox that closed
            self.faults.append(fault)
        finally:
            peer.close()

    def request(self, within=PATIENCE):
        """The next request a script has noted."""
        return self.requests.get(timeout=within)

    def nothing_asked(self):
        return self.requests.empty()

    @property
    def connections(self):
        return len(self.peers)

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for peer in self.peers:
            try:
                peer.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(PATIENCE)
