"""One end of a TCP connection, byte by byte: nothing is added and nothing is repaired."""
import socket
import struct
import time

PATIENCE = 10.0  # seconds until a read that nothing answers is a failure


class Closed(Exception):
    """The other side ended the connection before what was wanted had come."""


class Message:
    """A parsed head and, once read, its body. `raw` is every byte of it as it came."""

    def __init__(self, raw_head):
        lines = raw_head[:-4].split(b"\r\n")
        self.raw_head = raw_head
        self.line = lines[0]
        self.fields = []
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            self.fields.append((name, value.strip(b" \t")))
        self.body = b""
        self.raw_body = b""
        self.trailers = []
        self.interim = []

    def all(self, name):
        name = name.lower().encode()
        return [value for key, value in self.fields if key.lower() == name]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    @property
    def names(self):
        return [key.lower().decode("latin-1") for key, _ in self.fields]

    @property
    def raw(self):
        return self.raw_head + self.raw_body

    # a response
    @property
    def version(self):
        return self.line.split(b" ")[0]

    @property
    def status(self):
        return int(self.line.split(b" ")[1])

    # a request
    @property
    def method(self):
        return self.line.split(b" ")[0]

    @property
    def target(self):
        return self.line.split(b" ")[1]


class Peer:
    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()  # what came and nobody has read yet
        self.last = b""            # the end of what came, for messages

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- sending

    def send(self, data):
        self.sock.sendall(data)
        return self

    def shut_down(self):
        """FIN: nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def reset(self):
        """RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    # --- reading

    def more(self):
        """Waits for some bytes. Raises Closed at a FIN or RST."""
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionResetError as error:
            raise Closed(f"reset after {self.last!r}") from error
        if not data:
            raise Closed(f"closed after {self.last!r}")
        self.last = (self.last + data[-200:])[-200:]
        self.buffer += data

    def take(self, count):
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        return self.take(count)

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        return self.take(self.buffer.find(mark) + len(mark))

    def to_end(self):
        """Everything up to the FIN. A reset raises."""
        try:
            while True:
                self.more()
        except Closed as end:
            if isinstance(end.__cause__, ConnectionResetError):
                raise
        return self.take(len(self.buffer))

    def ended(self, within=PATIENCE):
        """"fin", "reset" or None when the connection is still open after so long. Drops bytes that come."""
        limit = time.monotonic() + within
        while True:
            left = limit - time.monotonic()
            if left <= 0:
                self.sock.settimeout(PATIENCE)
                return None
            self.sock.settimeout(left)
            try:
                self.more()
            except Closed as end:
                return "reset" if isinstance(end.__cause__, ConnectionResetError) else "fin"
            except TimeoutError:
                self.sock.settimeout(PATIENCE)
                return None

    # --- messages

    def head(self):
        return Message(self.until(b"\r\n\r\n"))

    def chunked(self, message):
        raw, body = [], []
        while True:
            raw.append(self.until(b"\r\n"))
            size = int(raw[-1].split(b";")[0], 16)
            if size == 0:
                break
            raw.append(self.exactly(size + 2))
            body.append(raw[-1][:-2])
        while True:
            raw.append(self.until(b"\r\n"))
            if raw[-1] == b"\r\n":
                break
            name, _, value = raw[-1][:-2].partition(b":")
            message.trailers.append((name, value.strip()))
        message.raw_body, message.body = b"".join(raw), b"".join(body)

    def request(self):
        message = self.head()
        if (message.get("transfer-encoding") or b"").lower() == b"chunked":
            self.chunked(message)
        elif message.get("content-length"):
            message.body = message.raw_body = self.exactly(int(message.get("content-length")))
        return message

    def response(self, method="GET"):
        """The final answer; 1xx before it are in `.interim`. A 101 ends at its head."""
        interim = []
        while True:
            message = self.head()
            if message.status >= 200 or message.status == 101:
                break
            interim.append(message)
        message.interim = interim
        if message.status in (101, 204, 304) or method == "HEAD":
            return message
        if (message.get("transfer-encoding") or b"").lower() == b"chunked":
            self.chunked(message)
        elif message.get("content-length") is not None:
            message.body = message.raw_body = self.exactly(int(message.get("content-length")))
        else:
            message.body = message.raw_body = self.to_end()
        return message


def connect(address, receive_buffer=None, source=None):
    """A client to (host, port)."""
    sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    sock.settimeout(PATIENCE)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        sock.bind((source, 0))
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return Peer(sock)
