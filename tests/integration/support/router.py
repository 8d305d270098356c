"""A running `sandgate router`, its log, its metrics and its other listeners."""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from .origin import Origin
from .peer import PATIENCE, connect

ROOT = pathlib.Path(__file__).resolve().parents[3]
HEALTH_HOST = "127.0.0.2"
METRICS_HOST = "127.0.0.3"
DEFAULT_PORT = 8888  # of the static sandbox "box": requests name the test's own port


def program():
    named = os.environ.get("SANDGATE_BIN")
    if named:
        return named
    for preset in ("dev", "release"):
        path = ROOT / "build" / preset / "bin" / "sandgate"
        if path.exists():
            return str(path)
    raise FileNotFoundError("SANDGATE_BIN is not set and build/dev/bin/sandgate does not exist: ./dev build")


def clean_environment(extra):
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
                                                "LSAN_OPTIONS") if name in os.environ}
    return {**keep, **extra}


def run(*flags, env=None, timeout=PATIENCE):
    """Runs `sandgate router` to its end: for starts that are refused."""
    return subprocess.run([program(), "router", *flags], env=clean_environment(env or {}), capture_output=True, text=True,
                          timeout=timeout, check=False)


class Router:
    """Starts on ports of its own. `sandboxes`: lines of the static file; None: no file, names go to DNS."""

    def __init__(self, *flags, token=None, env=None, sandboxes=("box 127.0.0.1:%d" % DEFAULT_PORT,), loopback=True,
                 address="127.0.0.1:0", workers=1, admin=True):
        self.folder = tempfile.TemporaryDirectory()
        environment = {"ROUTER_AUTH_TOKEN": token} if token else {"ALLOW_UNAUTHENTICATED_ROUTER": "true"}
        arguments = [f"--workers={workers}"]
        if address:
            arguments.append(f"--http-bind-address={address}")
        arguments += [f"--health-probe-bind-address={HEALTH_HOST}:0" if admin else "--health-probe-bind-address=",
                      f"--metrics-bind-address={METRICS_HOST}:0" if admin else "--metrics-bind-address="]
        if loopback:
            arguments.append("--allow-loopback-pod-ip")
        self.sandboxes_file = pathlib.Path(self.folder.name) / "sandboxes"
        if sandboxes is not None:
            self.sandboxes_file.write_text("\n".join(sandboxes) + "\n")
            arguments.append(f"--static-sandboxes={self.sandboxes_file}")
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen([program(), "router", *arguments, *flags],
                                        env=clean_environment({**environment, **(env or {})}), stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        serving = self.wait_record(lambda r: r.get("msg") == "serving")
        self.port = int(serving["http"].rsplit(":", 1)[1])
        self.address = ("127.0.0.1", self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # --- log

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)  # the end
            self.changed.notify_all()

    def wait_line(self, wanted, start=0, within=PATIENCE):
        """The first line from `start` on for which `wanted(line)` is true."""
        limit = time.monotonic() + within
        at = start
        with self.changed:
            while True:
                while at < len(self.lines):
                    if self.lines[at] is None:
                        raise AssertionError("the router ended:\n" + self.log())
                    if wanted(self.lines[at]):
                        return self.lines[at]
                    at += 1
                left = limit - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError("no such line in\n" + self.log())

    def wait_record(self, wanted, start=0, within=PATIENCE):
        def matches(line):
            return line.startswith("{") and wanted(json.loads(line))
        return json.loads(self.wait_line(matches, start, within))

    def log(self):
        return "\n".join(line for line in self.lines if line is not None)

    def access(self, path, within=PATIENCE):
        """The access record of the request to `path`."""
        return self.wait_record(lambda r: r.get("msg") == "request" and r.get("path") == path, within=within)

    # --- other listeners

    def listening(self, host):
        """The port on which the process listens at `host`, from the kernel."""
        inodes = set()
        for entry in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(entry))
            except FileNotFoundError:  # closed meanwhile
                continue
            if found:
                inodes.add(found.group(1))
        wanted = "".join(f"{int(part):02X}" for part in reversed(host.split(".")))
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            address, port = words[1].split(":")
            if words[3] == "0A" and words[9] in inodes and address == wanted:
                return int(port, 16)
        return None

    def admin(self, host, target, method="GET"):
        with connect((host, self.listening(host))) as client:
            client.send(f"{method} {target} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n".encode())
            return client.response(method)

    def metrics(self):
        """{"name{labels}": value} of the whole process."""
        values = {}
        for line in self.admin(METRICS_HOST, "/metrics").body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values

    def metric(self, name, **labels):
        """The sum of the samples of `name` that carry these labels."""
        total = 0.0
        for sample, value in self.metrics().items():
            base, _, rest = sample.partition("{")
            if base == name and all(f'{key}="{wanted}"' in rest for key, wanted in labels.items()):
                total += value
        return total

    def limit_hits(self, limit):
        return self.metric("sandgate_limit_hits_total", limit=limit)

    # --- life

    def connect(self, **options):
        return connect(self.address, **options)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, within=PATIENCE):
        status = self.process.wait(within)
        self.reader.join(PATIENCE)
        self.process.stdout.close()
        return status

    def stop(self):
        """Kills it unless it has ended; a sanitizer's report is a failure of the test."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGTERM)  # the second one cuts what still runs
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait()
            raise AssertionError("the router did not stop:\n" + self.log()) from None
        finally:
            self.folder.cleanup()
        if status != 0:
            raise AssertionError(f"the router ended with {status}:\n" + self.log())


def eventually(check, within=PATIENCE):
    """Calls `check` until it is true; for what the router does a moment after the answer."""
    limit = time.monotonic() + within
    while True:
        value = check()
        if value or time.monotonic() > limit:
            return value
        time.sleep(0.01)


def request(origin, method="GET", target="/", fields=(), body=b"", host="client.example", version="1.1"):
    """A raw request for the static sandbox "box" at the port of `origin`; `fields` are "Name: value"."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += ["X-Sandbox-ID: box", f"X-Sandbox-Port: {origin.port}", *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class RouterCase(unittest.TestCase):
    """One router for a class of tests; `options` are Router's."""

    flags = ()
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.router = Router(*cls.flags, **cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.router.stop()

    def origin(self, script=None, **options):
        """A sandbox for this test; a mistake in its script fails the test."""
        origin = Origin(script, **options)
        self.addCleanup(origin.__exit__)
        return origin

    def client(self, **options):
        client = self.router.connect(**options)
        self.addCleanup(client.close)
        return client

    def ask(self, origin, method="GET", target="/", **options):
        """One request over a connection of its own, and its answer."""
        with self.router.connect() as client:
            client.send(request(origin, method, target, **options))
            return client.response(method)

    def ask_raw(self, data, method="GET"):
        with self.router.connect() as client:
            client.send(data)
            return client.response(method)

    def assert_error(self, response, status, detail, code=None, forwarded=False):
        """Contract 1.8: the bytes of an error answer."""
        self.assertEqual(response.status, status)
        self.assertEqual(response.body, b'{"detail":"' + detail.encode() + b'"}')
        self.assertEqual(response.all("content-type"), [b"application/json"])
        self.assertEqual(response.all("cache-control"), [b"no-store"])
        self.assertEqual(len(response.all("x-sandgate-error")), 1)
        if code:
            self.assertEqual(response.get("x-sandgate-error"), code.encode())
        self.assertEqual(response.all("x-sandgate-forwarded"), [] if forwarded else [b"no"])
