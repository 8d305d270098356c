"""A DNS server of a few lines over UDP: what a test wants to be true of a name, and what was asked."""
import socket
import struct
import threading

A, CNAME, AAAA = 1, 5, 28


def encode_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        out += bytes([len(label)]) + label.encode()
    return out + b"\0"


def decode_name(data, at):
    labels = []
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(labels).lower(), at + 1


class DnsServer:
    """`records[name]` is a list of (kind, value, ttl); a name that is not there does not exist."""

    def __init__(self, host="127.0.0.1"):
        self.records = {}
        self.silent = set()  # names that get no answer
        self.queries = []    # (name, kind) in the order they came
        self.closing = False
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.address = "%s:%d" % self.sock.getsockname()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.closing = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wake:
            wake.sendto(b"", self.sock.getsockname())
        self.thread.join()
        self.sock.close()

    def set(self, name, *records):
        self.records[name.lower()] = list(records)

    def asked(self, name, kind=A):
        return sum(1 for query in self.queries if query == (name, kind))

    def _run(self):
        while True:
            try:
                data, peer = self.sock.recvfrom(4096)
            except OSError:
                return
            if self.closing:
                return
            reply = self._answer(data)
            if reply:
                try:
                    self.sock.sendto(reply, peer)
                except OSError:
                    return

    def _answer(self, data):
        ident, flags = struct.unpack_from("!HH", data)
        name, end = decode_name(data, 12)
        kind, = struct.unpack_from("!H", data, end)
        question = data[12:end + 4]
        self.queries.append((name, kind))
        if name in self.silent:
            return None
        answers = []
        exists = name in self.records
        at = name
        for _ in range(8):
            alias = None
            for record_kind, value, ttl in self.records.get(at, ()):
                if record_kind == CNAME:
                    alias = value
                    answers.append((at, CNAME, ttl, encode_name(value)))
                elif record_kind == kind:
                    family = socket.AF_INET if kind == A else socket.AF_INET6
                    answers.append((at, kind, ttl, socket.inet_pton(family, value)))
            if alias is None:
                break
            at = alias.lower().rstrip(".")
        code = 0 if exists else 3
        out = struct.pack("!HHHHHH", ident, 0x8400 | (flags & 0x0100) | code, 1, len(answers), 0, 0) + question
        for owner, record_kind, ttl, value in answers:
            out += encode_name(owner) + struct.pack("!HHIH", record_kind, 1, ttl, len(value)) + value
        return out
