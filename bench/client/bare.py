"""What this machine itself needs for the bytes of a large file: bare.py SOURCE SINK

Three processes that do nothing else: one reads the file and sends it, one passes it on without looking at it (splice), one
receives it and writes it. No HTTP, no check, no limit: what carries files through a gateway can hardly be faster. Ends when
the sender has heard that all is written.
"""

import fcntl
import os
import socket
import sys

PIECE = 256 * 1024
PIPE = 1024 * 1024
F_SETPIPE_SZ = 1031


def listener():
    return socket.create_server(("127.0.0.1", 0), backlog=1)


def receive(listening, sink):
    sock = listening.accept()[0]
    memory = memoryview(bytearray(PIECE))
    file = os.open(sink, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    while got := sock.recv_into(memory):
        done = 0
        while done < got:
            done += os.write(file, memory[done:got])
    sock.sendall(b"k")


def relay(listening, onward):
    source, sink = listening.accept()[0], socket.create_connection(onward)
    out, into = os.pipe()
    fcntl.fcntl(into, F_SETPIPE_SZ, PIPE)
    while got := os.splice(source.fileno(), into, PIPE):
        while got:
            got -= os.splice(out, sink.fileno(), got)
    sink.shutdown(socket.SHUT_WR)
    source.sendall(sink.recv(1))


def send(onward, path):
    sock = socket.create_connection(onward)
    memory = memoryview(bytearray(PIECE))
    with open(path, "rb", buffering=0) as file:
        while got := file.readinto(memory):
            sock.sendall(memory[:got])
    sock.shutdown(socket.SHUT_WR)
    return 0 if sock.recv(1) == b"k" else 1


def main():
    source, sink = sys.argv[1:]
    first, second = listener(), listener()
    for work, words in ((receive, (second, sink)), (relay, (first, second.getsockname()))):
        if os.fork() == 0:
            work(*words)
            os._exit(0)
    status = send(first.getsockname(), source)
    for _ in range(2):
        status |= os.wait()[1]
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
