"""A real redis-server without persistence, on a port of its own, and questions to it by a small client."""
import signal
import socket
import subprocess
import tempfile

from .process import START_PATIENCE, clean_environment, eventually


class RedisServer:
    def __init__(self, *arguments, password=None):
        self.password = password
        self.folder = tempfile.TemporaryDirectory(prefix="sandgate-redis-test-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.arguments = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no", "--dir",
                          self.folder.name, *(["--requirepass", password] if password else []), *arguments]
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(["redis-server", *self.arguments], env=clean_environment({}), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self._answers, "redis-server's answer", START_PATIENCE)

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"redis-server ended with {self.process.returncode}")
        try:
            return self.ask("PING") == "PONG"
        except OSError:
            return False

    def signal(self, number):
        self.process.send_signal(number)

    def halt(self):
        """Ends it; start() begins again, with nothing in it."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.halt()
        self.folder.cleanup()

    def dsn(self, db=0, options=""):
        login = f":{self.password}@" if self.password else ""
        return f"redis://{login}127.0.0.1:{self.port}/{db}{options}"

    def ask(self, *words, db=0):
        """The answer to one command: a text, a number, None, or a list of these. An error is raised."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=START_PATIENCE) as sock, sock.makefile("rwb") as stream:
            if self.password:
                self._exchange(stream, "AUTH", self.password)
            if db:
                self._exchange(stream, "SELECT", db)
            return self._exchange(stream, *words)

    def _exchange(self, stream, *words):
        parts = [str(word).encode() for word in words]
        stream.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        stream.flush()
        return self._read(stream)

    def _read(self, stream):
        line = stream.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("redis-server closed the connection")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self._read(stream) for _ in range(int(rest))]
        raise AssertionError("redis-server answers " + line.decode("utf-8", "replace"))
