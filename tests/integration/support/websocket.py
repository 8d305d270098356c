"""WebSocket frames (RFC 6455) made and read by hand, for a client and for a sandbox."""
import base64
import hashlib
import os
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def frame(opcode, payload=b"", fin=True, masked=False, rsv=0):
    first = (0x80 if fin else 0) | (rsv << 4) | opcode
    bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        out = bytes([first, bit | size])
    elif size < 65536:
        out = bytes([first, bit | 126]) + struct.pack("!H", size)
    else:
        out = bytes([first, bit | 127]) + struct.pack("!Q", size)
    if not masked:
        return out + payload
    mask = os.urandom(4)
    return out + mask + apply_mask(payload, mask)


def apply_mask(payload, mask):
    whole = mask * (len(payload) // 4 + 1)
    return (int.from_bytes(payload, "big") ^ int.from_bytes(whole[:len(payload)], "big")).to_bytes(len(payload), "big")


def close_frame(code=None, reason=b"", masked=False):
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason, masked=masked)


class Frame:
    def __init__(self, peer):
        first, second = peer.exactly(2)
        self.fin = bool(first & 0x80)
        self.rsv = first >> 4 & 7
        self.opcode = first & 15
        self.masked = bool(second & 0x80)
        size = second & 127
        if size == 126:
            size, = struct.unpack("!H", peer.exactly(2))
        elif size == 127:
            size, = struct.unpack("!Q", peer.exactly(8))
        mask = peer.exactly(4) if self.masked else None
        payload = peer.exactly(size)
        self.payload = apply_mask(payload, mask) if mask else payload

    @property
    def close(self):
        """(code, reason) of a close frame; code None when it has none."""
        if self.opcode != CLOSE:
            raise AssertionError(f"opcode {self.opcode}, payload {self.payload[:60]!r}, not a close frame")
        if not self.payload:
            return None, b""
        return struct.unpack("!H", self.payload[:2])[0], self.payload[2:]


def handshake_fields(key=KEY, version="13"):
    fields = ["Connection: Upgrade", "Upgrade: websocket"]
    if version is not None:
        fields.append(f"Sec-WebSocket-Version: {version}")
    if key is not None:
        fields.append(f"Sec-WebSocket-Key: {key}")
    return fields


def accept(peer, fields=()):
    """A sandbox's side: reads the handshake, answers 101."""
    request = peer.note(peer.request())
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade",
             b"Sec-WebSocket-Accept: " + accept_of(request.get("sec-websocket-key") or b""), *fields]
    peer.send(b"\r\n".join(lines) + b"\r\n\r\n")
    return request


def echo(peer):
    """A script: accepts, sends every data frame back, answers pings and a close."""
    accept(peer)
    while True:
        got = Frame(peer)
        if got.opcode == PING:
            peer.send(frame(PONG, got.payload))
        elif got.opcode == CLOSE:
            peer.send(frame(CLOSE, got.payload))
            peer.shut_down()
            peer.ended()
            return
        elif got.opcode != PONG:
            peer.send(frame(got.opcode, got.payload, fin=got.fin, rsv=got.rsv))
