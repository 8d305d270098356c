"""A server between a gateway and the API: it passes requests on, one a connection, and may swallow events of watches."""
import socket
import threading

from .peers import Closed, Peer, connect


class Between:
    def __init__(self, cluster):
        self.target = (cluster.url.hostname, cluster.url.port)
        self.swallow = None  # bytes: events that hold them are swallowed
        self.swallowed = 0
        self.requests = []   # targets, in the order they came
        self.peers = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in self.peers:
            try:
                peer.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.thread.join()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            peer = Peer(sock)
            self.peers.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer:
            try:
                request = peer.request()
                self.requests.append(request.target.decode())
                with connect(self.target) as api:
                    api.sock.settimeout(None)
                    self.peers.append(api)
                    api.send(request.raw)
                    head = api.head()
                    fields = [b"%s: %s" % field for field in head.fields if field[0].lower() != b"connection"]
                    peer.send(b"\r\n".join([head.line, *fields, b"Connection: close"]) + b"\r\n\r\n")
                    if b"watch=" in request.target and head.status == 200:
                        self._events(api, peer)
                    elif (head.get("transfer-encoding") or b"").lower() == b"chunked":
                        api.chunked(head)
                        peer.send(head.raw_body)
                    else:
                        peer.send(api.exactly(int(head.get("content-length") or 0)))
            except (Closed, OSError):
                pass

    def _events(self, api, peer):
        text = b""
        while True:
            size = int(api.until(b"\r\n").split(b";")[0], 16)
            text += api.exactly(size + 2)[:-2]
            lines = text.split(b"\n")
            text = lines.pop()
            for line in lines:
                if self.swallow and self.swallow in line:
                    self.swallowed += 1
                else:
                    peer.send(b"%x\r\n%s\n\r\n" % (len(line) + 1, line))
            if size == 0:
                peer.send(b"0\r\n\r\n")
                return
