"""What the integration tests of sandgate-runtime share: the program under test, requests, waiting with a bound."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

_BINARY = None
WAIT_S = 20.0
NOBODY = 65534


def wait_until(condition, what):
    """Polls until `condition` holds; the bound turns a hang into a failure with a name."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("%s did not happen within %g s" % (what, WAIT_S))
        time.sleep(0.01)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Runtime:
    """A running sandgate-runtime with a base directory of its own inside a directory that also holds what is outside."""

    def __init__(self, *flags, env=None, prefix=(), binary=None, user=None):
        self.world = tempfile.mkdtemp(prefix="sandgate-runtime-test-")
        self.base = os.path.join(self.world, "base")
        os.mkdir(self.base)
        os.mkdir(os.path.join(self.world, "outside"))
        self.write("../outside/secret", b"secret")
        if user is not None:
            os.chown(self.world, user, user)
            os.chown(self.base, user, user)
        variables = {k: v for k, v in os.environ.items() if not k.startswith("SANDBOX_")}
        variables.update(env or {})
        self.process = subprocess.Popen(
            [*prefix, binary or program(), "--bind-address", "127.0.0.1:0", "--base-dir", self.base, *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=variables, user=user, group=user,
            extra_groups=[] if user is not None else None)
        self.log = []
        self.port = None
        for line in self.process.stderr:
            self.log.append(line.decode())
            if " listening on 127.0.0.1:" in self.log[-1]:
                self.port = int(self.log[-1].split(" listening on 127.0.0.1:")[1].split(",")[0])
                break
        if self.port is None:
            self.process.wait()
            raise AssertionError("the runtime did not start: " + "".join(self.log))
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self):
        for line in self.process.stderr:
            self.log.append(line.decode())

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stderr.close()
        shutil.rmtree(self.world, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.base, name)

    def write(self, name, data):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def tree(self):
        """Every name beneath the base: nothing left behind goes unseen."""
        names = []
        for folder, directories, files in os.walk(self.base):
            names += [os.path.relpath(os.path.join(folder, n), self.base) for n in directories + files]
        return sorted(names)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.settimeout(WAIT_S)
        return connection

    def request(self, method, target, body=None, headers=None):
        """One request on a connection of its own; the target goes out exactly as given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        with contextlib.closing(connection):
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None and "Content-Length" not in (headers or {}):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def get(self, target, **headers):
        return self.request("GET", target, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def execute(self, command, **fields):
        return self.request("POST", "/execute", json.dumps({"command": command, **fields}).encode(),
                            {"Content-Type": "application/json"})

    def run(self, command, **fields):
        answer = self.execute(command, **fields)
        assert answer.status == 200, (answer.status, answer.body)
        return answer.json()

    def upload(self, name, data):
        body, headers = multipart(name, data)
        return self.request("POST", "/upload", body, headers)

    def resident_bytes(self):
        with open("/proc/%d/statm" % self.process.pid) as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def open_files(self):
        """Paths behind the program's descriptors."""
        folder = "/proc/%d/fd" % self.process.pid
        paths = []
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                paths.append(os.readlink(os.path.join(folder, name)))
        return paths

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)


def multipart(name, data, boundary="----sandgate7MA4YWxk"):
    """As urllib3 writes it: raw UTF-8, the quote escaped."""
    head = '--%s\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n' % (boundary, name.replace('"', "%22"))
    body = head.encode() + data + ("\r\n--%s--\r\n" % boundary).encode()
    return body, {"Content-Type": "multipart/form-data; boundary=" + boundary}


def alive(pid):
    """Does this process exist and still run (a zombie does not)?"""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def program():
    """Path of the program under test."""
    return _BINARY


def main(usage):
    """Runs the tests of the calling script: PATH_OF_SANDGATE_RUNTIME [unittest options]."""
    global _BINARY
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(usage)
    _BINARY = os.path.abspath(sys.argv.pop(1))
    unittest.main()
