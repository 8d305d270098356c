#!/usr/bin/env python3
"""Drives the real sandgate-runtime over loopback. Usage: integration_test.py PATH_OF_SANDGATE_RUNTIME [unittest options]"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from urllib.parse import quote

BINARY = None
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
            [*prefix, binary or BINARY, "--bind-address", "127.0.0.1:0", "--base-dir", self.base, *flags],
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


class RoutesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.runtime = cls.enterClassContext(Runtime())

    def test_health(self):
        answer = self.runtime.get("/")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.body, b'{"status":"ok","message":"Sandbox Runtime is active."}')
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertIn("GMT", answer.headers["Date"])

    def test_unknown_paths(self):
        for target in ("/docs", "/openapi.json", "/executes", "/listing", "/execute/", "//", "/upload/x"):
            answer = self.runtime.get(target)
            self.assertEqual((answer.status, answer.json()), (404, {"detail": "Not Found"}), target)

    def test_wrong_methods(self):
        cases = [("HEAD", t, "GET") for t in ("/", "/list", "/list/", "/download/x", "/exists/x")]
        cases += [("POST", "/", "GET"), ("GET", "/execute", "POST"), ("GET", "/upload", "POST"), ("PUT", "/upload", "POST"),
                  ("DELETE", "/download/x", "GET"), ("OPTIONS", "/list", "GET")]
        for method, target, allowed in cases:
            answer = self.runtime.request(method, target)
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, allowed), (method, target))
            if method != "HEAD":
                self.assertEqual(answer.json(), {"detail": "Method Not Allowed"})

    def test_list_needs_no_redirect(self):
        for target in ("/list", "/list/", "/list/?x=1", "/list/%2E", "/list/%2e/", "/list/%252E"):
            answer = self.runtime.get(target)
            self.assertEqual((answer.status, answer.body), (200, b"[]"), target)

    def test_absolute_form(self):
        answer = self.runtime.get("http://elsewhere.example/exists/x?y")
        self.assertEqual(answer.json(), {"path": "x", "exists": False})

    def test_bad_requests_are_refused(self):
        for raw, status in ((b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
                            (b"rubbish\r\n\r\n", 400),
                            (b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
                            (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
                            (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70000 + b"\r\n\r\n", 431)):
            with contextlib.closing(self.runtime.connect()) as connection:
                connection.sendall(raw)
                response = http.client.HTTPResponse(connection)
                response.begin()
                self.assertEqual(response.status, status, raw[:60])
                self.assertIn("detail", json.loads(response.read()))
                self.assertEqual(connection.recv(1), b"", "and the connection is closed")
        with contextlib.closing(self.runtime.connect()) as connection:
            connection.sendall(b"POST /execute HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
            self.assertEqual(connection.recv(1), b"", "a body framed wrongly cuts the connection")

    def test_kept_connection_and_pipelining(self):
        with contextlib.closing(self.runtime.connect()) as connection:
            one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            body = b'{"command":"echo hi"}'
            two = (b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" %
                   len(body)) + body
            connection.sendall(one + two + one)
            stream = connection.makefile("rb")
            seen = []
            for _ in range(3):
                self.assertEqual(stream.readline(), b"HTTP/1.1 200 OK\r\n")
                length = 0
                while (line := stream.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                seen.append(json.loads(stream.read(length)))
            self.assertEqual(seen[0], seen[2])
            self.assertEqual(seen[1], {"stdout": "hi\n", "stderr": "", "exit_code": 0})


class ExecuteTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.runtime = cls.enterClassContext(Runtime("--output-bytes-max", "100KiB", "--exec-timeout", "10",
                                                    "--exec-concurrency-max", "12", "--execute-body-bytes-max", "8KiB"))

    def test_answer_is_exactly_the_contracts(self):
        answer = self.runtime.execute("sh -c 'echo out; echo err >&2; exit 3'")
        self.assertEqual(answer.body, b'{"stdout":"out\\n","stderr":"err\\n","exit_code":3}')
        self.assertEqual(answer.headers["Content-Type"], "application/json")

    def test_no_shell(self):
        self.assertEqual(self.runtime.run("echo $HOME; ls | cat && echo *")["stdout"], "$HOME; ls | cat && echo *\n")
        self.assertEqual(self.runtime.run("printf '%s,' 'a b' \"c d\" e\\ f ''")["stdout"], "a b,c d,e f,,")

    def test_runs_in_the_base_directory(self):
        self.assertEqual(self.runtime.run("pwd")["stdout"], self.runtime.base + "\n")

    def test_what_cannot_run_is_a_failed_run(self):
        for command, why in (("no-such-program x", "No such file or directory: 'no-such-program'"),
                             ("echo 'open", "No closing quotation"), ("echo \\", "No escaped character"),
                             ("", "the command is empty"), (" \n ", "the command is empty"), ("a\0b", "NUL byte"),
                             ("/", "Permission denied")):
            result = self.runtime.run(command)
            self.assertEqual((result["stdout"], result["exit_code"]), ("", 1), command)
            self.assertTrue(result["stderr"].startswith("Failed to execute command: "), result)
            self.assertIn(why, result["stderr"])
            self.assertNotIn("timed_out", result)

    def test_death_by_signal_is_negative(self):
        self.assertEqual(self.runtime.run("sh -c 'kill -9 $$'")["exit_code"], -9)

    def test_output_that_is_no_text(self):
        for redirect, name in (("", "stdout"), (" >&2", "stderr")):
            result = self.runtime.run("sh -c 'printf \"ab\\377\"%s'" % redirect)
            self.assertEqual(result["exit_code"], 1)
            self.assertIn("Failed to execute command: %s is not UTF-8: byte 0xff at position 2" % name, result["stderr"])
        self.assertEqual(self.runtime.run("printf '\\303\\251\\342\\202\\254'")["stdout"], "é€")

    def test_output_bound(self):
        result = self.runtime.run("yes")
        self.assertEqual((result["stdout"], result["exit_code"]), ("", 1))
        self.assertIn("wrote more than 102400 bytes to stdout and stderr (--output-bytes-max)", result["stderr"])
        self.assertEqual(len(self.runtime.run("head -c 102400 /dev/zero")["stdout"]), 102400)

    def test_timeout_of_the_request(self):
        begin = time.monotonic()
        result = self.runtime.run("sh -c 'sleep 60 & echo $! > grandchild; echo lost; wait'", timeout_seconds=0.5)
        self.assertLess(time.monotonic() - begin, 8)
        self.assertEqual(result, {"stdout": "", "stderr": "Failed to execute command: Command 'sh' timed out after 0.5 seconds",
                                  "exit_code": 1, "timed_out": True})
        grandchild = int(self.runtime.read("grandchild"))
        wait_until(lambda: not alive(grandchild), "the end of the grandchild")

    def test_a_background_child_that_keeps_the_output_ends_with_the_timeout_too(self):
        result = self.runtime.run("sh -c 'sleep 60 & echo $! > grandchild2'", timeout_seconds=0.5)
        self.assertTrue(result["timed_out"])
        grandchild = int(self.runtime.read("grandchild2"))
        wait_until(lambda: not alive(grandchild), "the end of the grandchild")

    def test_validation(self):
        def problem(body, content_type="application/json"):
            headers = {"Content-Type": content_type} if content_type else {}
            answer = self.runtime.request("POST", "/execute", body, headers)
            self.assertEqual(answer.status, 422, body)
            first = answer.json()["detail"][0]
            return first["type"], first["loc"][:2]

        self.assertEqual(problem(b""), ("missing", ["body"]))
        self.assertEqual(problem(b"{}"), ("missing", ["body", "command"]))
        self.assertEqual(problem(b'{"command":7}'), ("string_type", ["body", "command"]))
        self.assertEqual(problem(b'{"command":null}'), ("string_type", ["body", "command"]))
        self.assertEqual(problem(b'["ls"]'), ("model_attributes_type", ["body"]))
        self.assertEqual(problem(b"{"), ("json_invalid", ["body", 1]))
        self.assertEqual(problem(b'{"command":"ls"}', "text/plain"), ("model_attributes_type", ["body"]))
        self.assertEqual(problem(b'{"command":"ls"}', None), ("model_attributes_type", ["body"]))
        self.assertEqual(problem(b'{"command":"ls","timeout_seconds":0}'), ("greater_than", ["body", "timeout_seconds"]))
        self.assertEqual(problem(b"[" * 4000 + b"]" * 4000), ("json_invalid", ["body", 0]))

    def test_body_bound(self):
        big = json.dumps({"command": "echo " + "x" * 9000}).encode()
        headers = {"Content-Type": "application/json"}
        for framing, body in (({}, big), ({"Transfer-Encoding": "chunked", "Content-Length": ""}, None)):
            if body is None:
                with contextlib.closing(self.runtime.connect()) as connection:
                    connection.sendall(b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                       b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(big) + big + b"\r\n0\r\n\r\n")
                    response = http.client.HTTPResponse(connection)
                    response.begin()
                    status, text = response.status, response.read()
            else:
                answer = self.runtime.request("POST", "/execute", body, headers | framing)
                status, text = answer.status, answer.body
            self.assertEqual(status, 413)
            self.assertIn(b"larger than 8192 bytes (--execute-body-bytes-max)", text)

    def test_many_at_once_and_health_meanwhile(self):
        os.mkfifo(self.runtime.path("gate"))
        results = [None] * 12
        ready = self.runtime.path("ready")
        os.mkdir(ready)

        def one(i):
            results[i] = self.runtime.run("sh -c 'touch ready/%d; read x < gate; echo %d'" % (i, i))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(12)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(os.listdir(ready)) == 12, "the start of twelve commands")
        self.assertEqual(self.runtime.get("/").status, 200)
        refused = self.runtime.run("true")
        self.assertEqual(refused["exit_code"], 1)
        self.assertIn("12 commands are running already (--exec-concurrency-max)", refused["stderr"])
        with open(self.runtime.path("gate"), "r+b", buffering=0) as gate:
            gate.write(b"\n" * 12)
            for thread in threads:
                thread.join(WAIT_S)
        self.assertEqual([r and r["stdout"] for r in results], ["%d\n" % i for i in range(12)])

    def test_goes_on_when_the_client_leaves(self):
        os.mkfifo(self.runtime.path("gate2"))
        body = json.dumps({"command": "sh -c 'touch begun; read x < gate2; touch ended'"}).encode()
        with contextlib.closing(self.runtime.connect()) as connection:
            connection.sendall(b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                               b"Content-Length: %d\r\n\r\n" % len(body) + body)
            wait_until(lambda: os.path.exists(self.runtime.path("begun")), "the start of the command")
        with open(self.runtime.path("gate2"), "r+b", buffering=0) as gate:
            gate.write(b"\n")
            wait_until(lambda: os.path.exists(self.runtime.path("ended")), "the end of the command")


class FilesTest(unittest.TestCase):
    ODD_NAMES = ("plain.txt", "a b.txt", "100%.txt", "a%20b.txt", "50%25.txt", "é€𝄞.txt", "a+b&c=d?e#f", "quo\"te", "back\\slash",
                 "semi;colon", "it's", "-rf", "...", "dir/sub/x.txt", "./dotted", "trailing.", "~tilde", "new%0Aline", "x" * 255)

    def setUp(self):
        self.runtime = self.enterContext(Runtime())

    def test_round_trip_of_odd_names(self):
        data = bytes(range(256)) * 40
        for name in self.ODD_NAMES:
            answer = self.runtime.upload(name, name.encode() + data)
            shown = name.replace("%0A", "\n")  # the form escape of a newline, which is how the SDKs would send one
            self.assertEqual((answer.status, answer.json()), (200, {"message": "File '%s' uploaded successfully." % shown}), name)
        for name in self.ODD_NAMES:
            if name == "new%0Aline":
                name = "new\nline"
            encoded = quote(name, safe="")
            answer = self.runtime.get("/download/" + encoded)
            self.assertEqual(answer.status, 200, name)
            self.assertTrue(answer.body.endswith(data) and answer.body[:-len(data)].decode().replace("%0A", "\n") == name, name)
            self.assertEqual(self.runtime.get("/exists/" + encoded).json(), {"path": name, "exists": True})
        top = {n.split("/")[0] if not n.startswith("./") else n[2:] for n in self.ODD_NAMES} - {"new%0Aline"} | {"new\nline"}
        self.assertEqual({e["name"] for e in self.runtime.get("/list/").json()}, top)

    def test_double_encoded_paths_still_work(self):
        self.runtime.write("a b", b"1")
        for target in ("/download/a%20b", "/download/a%2520b", "/download//a%20b", "/download/%2Fa%20b"):
            self.assertEqual(self.runtime.get(target).body, b"1", target)
        self.assertEqual(self.runtime.get("/exists/a%2520b").json(), {"path": "a b", "exists": True})

    def test_hostile_paths(self):
        escapes = ["..", "../outside/secret", "..%2foutside%2fsecret", "%2e%2e/outside/secret", "%2E%2E%2Foutside%2Fsecret",
                   "%252e%252e%252foutside%252fsecret", "x/../../outside/secret", "/..", "//..//outside/secret", "%00",
                   "plain%00.txt", "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f" * 20 + "etc%2fpasswd"]
        for route in ("download", "list", "exists"):
            for escape in escapes:
                answer = self.runtime.get("/%s/%s" % (route, escape))
                self.assertEqual((answer.status, answer.json()), (403, {"message": "Access denied"}), (route, escape))
        # Percent signs the decoder leaves alone, encoded twice too deep, and backslashes are names that do not exist.
        for name in ("%25252e%25252e%25252foutside", "..%5c..%5coutside", "%2e%2e%2e", "..;/outside", "%c0%ae%c0%ae/outside"):
            self.assertEqual(self.runtime.get("/download/" + name).status, 404, name)

    def test_hostile_upload_names(self):
        for name in ("../outside/new", "..", "x/../../outside/new", "a/../..", "../../../../../../../../tmp/sandgate-escape"):
            answer = self.runtime.upload(name, b"x")
            self.assertEqual((answer.status, answer.json()), (403, {"message": "Access denied"}), name)
        answer = self.runtime.upload("/etc/sandgate-escape", b"x")
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.runtime.read("etc/sandgate-escape"), b"x", "a leading slash is dropped")
        self.assertEqual(os.listdir(os.path.join(self.runtime.world, "outside")), ["secret"])

    def test_links(self):
        os.symlink("../outside", self.runtime.path("out"))
        os.symlink("/etc", self.runtime.path("etc"))
        os.symlink("../outside/secret", self.runtime.path("secret"))
        os.symlink("../outside/new", self.runtime.path("dangling"))
        self.runtime.write("real/file", b"inside")
        os.symlink("real", self.runtime.path("in"))
        os.symlink(self.runtime.path("real/file"), self.runtime.path("absolute"))
        for target in ("/download/secret", "/download/out/secret", "/download/etc/passwd", "/list/out", "/list/etc",
                       "/exists/secret", "/exists/out/secret", "/exists/dangling"):
            self.assertEqual(self.runtime.get(target).status, 403, target)
        for name in ("out/new", "dangling", "secret"):
            self.assertEqual(self.runtime.upload(name, b"x").status, 403, name)
        self.assertEqual(os.listdir(os.path.join(self.runtime.world, "outside")), ["secret"])
        for target in ("/download/in/file", "/download/absolute"):
            self.assertEqual(self.runtime.get(target).body, b"inside", target)
        self.assertEqual(self.runtime.upload("in/file", b"changed").status, 200)
        self.assertEqual(self.runtime.read("real/file"), b"changed")
        listed = {e["name"]: e["type"] for e in self.runtime.get("/list").json()}
        self.assertEqual(listed, {"real": "directory", "in": "directory", "absolute": "file"})

    def test_links_exchanged_while_reading_never_lead_out(self):
        """A directory that keeps turning into a link that leads out: no answer may ever show the secret."""
        self.runtime.write("flip/secret", b"public")
        stop = threading.Event()

        flips = 0

        def flip():
            nonlocal flips
            real, link, spot = (self.runtime.path(n) for n in ("flip", "link", "swap"))
            os.symlink("../outside", link)
            while not stop.is_set():
                os.rename(real, spot)
                with contextlib.suppress(OSError):  # an upload has made the directory anew in between
                    os.rename(link, real)
                    os.rename(real, link)
                    flips += 1
                while True:
                    try:
                        os.rename(spot, real)
                        break
                    except OSError:  # likewise
                        shutil.rmtree(real, ignore_errors=True)

        flipper = threading.Thread(target=flip)
        flipper.start()
        try:
            seen = set()
            for _ in range(400):
                answer = self.runtime.get("/download/flip/secret")
                seen.add(answer.status)
                self.assertNotEqual(answer.body, b"secret")
                self.runtime.upload("flip/planted", b"x")
        finally:
            stop.set()
            flipper.join()
        self.assertGreater(flips, 100)
        self.assertLessEqual(seen, {200, 403, 404})
        self.assertEqual(os.listdir(os.path.join(self.runtime.world, "outside")), ["secret"])

    def test_download(self):
        self.runtime.write("dir/f.bin", b"0123456789")
        answer = self.runtime.get("/download/dir%2Ff.bin")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "application/octet-stream")
        self.assertEqual(answer.headers["Content-Disposition"], 'attachment; filename="f.bin"')
        self.assertEqual(answer.headers["Content-Length"], "10")
        self.assertEqual(answer.headers["Accept-Ranges"], "bytes")
        tag, modified = answer.headers["ETag"], answer.headers["Last-Modified"]
        self.assertRegex(tag, r'^"[^"]+"$')
        self.assertRegex(modified, r"^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$")
        self.assertEqual(self.runtime.get("/download/dir%2Ff.bin", If_None_Match=tag).status, 304)
        self.assertEqual(self.runtime.get("/download/dir%2Ff.bin", If_None_Match='"other"').status, 200)
        self.runtime.upload("dir/f.bin", b"other bytes")
        self.assertNotEqual(self.runtime.get("/download/dir%2Ff.bin").headers["ETag"], tag)
        self.runtime.write('odd é"', b"")
        self.assertEqual(self.runtime.get("/download/" + quote('odd é"')).headers["Content-Disposition"],
                         "attachment; filename*=utf-8''odd%20%C3%A9%22")
        for missing in ("nothing", "dir", "", "dir/f.bin/x"):
            answer = self.runtime.get("/download/" + missing)
            self.assertEqual((answer.status, answer.json()), (404, {"message": "File not found"}), missing)

    def test_ranges(self):
        self.runtime.write("f", b"0123456789")
        tag = self.runtime.get("/download/f").headers["ETag"]
        for field, status, body, content_range in (
                ("bytes=2-4", 206, b"234", "bytes 2-4/10"), ("bytes=7-", 206, b"789", "bytes 7-9/10"),
                ("bytes=-2", 206, b"89", "bytes 8-9/10"), ("bytes=0-100", 206, b"0123456789", "bytes 0-9/10"),
                ("bytes=0-1,3-4", 200, b"0123456789", None), ("lines=1-2", 200, b"0123456789", None),
                ("bytes=4-2", 200, b"0123456789", None)):
            answer = self.runtime.get("/download/f", Range=field)
            self.assertEqual((answer.status, answer.body, answer.headers["Content-Range"]), (status, body, content_range), field)
        answer = self.runtime.get("/download/f", Range="bytes=10-")
        self.assertEqual((answer.status, answer.headers["Content-Range"]), (416, "bytes */10"))
        self.assertEqual(self.runtime.get("/download/f", Range="bytes=2-4", If_Range=tag).status, 206)
        self.assertEqual(self.runtime.get("/download/f", Range="bytes=2-4", If_Range='"old"').body, b"0123456789")

    def test_a_file_that_shrinks_is_cut_visibly(self):
        self.runtime.write("f", b"x" * 30_000_000)
        with contextlib.closing(self.runtime.connect()) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            connection.sendall(b"GET /download/f HTTP/1.1\r\nHost: x\r\n\r\n")
            response = http.client.HTTPResponse(connection)
            response.begin()
            self.assertEqual(len(response.read(1000)), 1000)
            os.truncate(self.runtime.path("f"), 2000)
            with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
                response.read()

    def test_special_files(self):
        os.mkfifo(self.runtime.path("fifo"))
        self.assertEqual(self.runtime.get("/download/fifo").status, 404)
        self.assertEqual(self.runtime.get("/exists/fifo").json()["exists"], True)
        self.assertEqual(self.runtime.upload("fifo", b"x").status, 500)
        self.assertEqual([e["type"] for e in self.runtime.get("/list").json()], ["file"])

    def test_list(self):
        self.runtime.write("d/b", b"12345")
        os.mkdir(self.runtime.path("d/a"))
        os.utime(self.runtime.path("d/b"), ns=(0, 1_700_000_000_250_000_000))
        entries = self.runtime.get("/list/d").json()
        self.assertEqual([(e["name"], e["type"]) for e in entries], [("a", "directory"), ("b", "file")])
        self.assertEqual(entries[1], {"name": "b", "size": 5, "type": "file", "mod_time": 1_700_000_000.25})
        for missing in ("nothing", "d/b"):
            answer = self.runtime.get("/list/" + missing)
            self.assertEqual((answer.status, answer.json()), (404, {"message": "Path is not a directory"}))

    def test_list_bound(self):
        with Runtime("--list-entries-max", "3") as runtime:
            for i in range(4):
                runtime.write(str(i), b"")
            answer = runtime.get("/list")
            self.assertEqual(answer.status, 500)
            self.assertEqual(answer.json(),
                             {"message": "List files failed: the directory holds more than 3 entries (--list-entries-max)"})


class UploadTest(unittest.TestCase):
    def setUp(self):
        self.runtime = self.enterContext(Runtime("--upload-bytes-max", "1MiB"))

    def test_overwrites_and_makes_parents(self):
        for data in (b"first", b"2"):
            self.assertEqual(self.runtime.upload("x/y/z", data).status, 200)
            self.assertEqual(self.runtime.read("x/y/z"), data)
        self.assertEqual(self.runtime.tree(), ["x", "x/y", "x/y/z"])

    def test_keeps_permissions(self):
        self.runtime.write("script", b"old")
        os.chmod(self.runtime.path("script"), 0o755)
        self.runtime.upload("script", b"new")
        self.assertEqual(stat.S_IMODE(os.stat(self.runtime.path("script")).st_mode), 0o755)

    def test_chunked_as_the_sdk_streams(self):
        body, headers = multipart("f", b"abc" * 50_000)
        with contextlib.closing(self.runtime.connect()) as connection:
            connection.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: " +
                               headers["Content-Type"].encode() + b"\r\n\r\n")
            for at in range(0, len(body), 9999):
                piece = body[at:at + 9999]
                connection.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
            response = http.client.HTTPResponse(connection)
            response.begin()
            self.assertEqual(response.status, 200)
            response.read()
        self.assertEqual(self.runtime.read("f"), b"abc" * 50_000)

    def test_expect_100_continue(self):
        body, headers = multipart("f", b"data")
        with contextlib.closing(self.runtime.connect()) as connection:
            connection.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\nContent-Type: " %
                               len(body) + headers["Content-Type"].encode() + b"\r\n\r\n")
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 100 "))
            connection.sendall(body)
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 200 "))
        self.assertEqual(self.runtime.read("f"), b"data")

    def test_expect_is_not_answered_when_the_body_is_not_wanted(self):
        with contextlib.closing(self.runtime.connect()) as connection:
            connection.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n"
                               b"Content-Type: multipart/form-data; boundary=b\r\n\r\n")
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 413 "))

    def test_cut_uploads_leave_nothing_behind(self):
        self.runtime.write("old", b"old")
        body, headers = multipart("old", b"x" * 300_000)
        for fraction in (0.2, 0.9):
            for name in (b"old", b"new/dir/f"):
                with contextlib.closing(self.runtime.connect()) as connection:
                    message = body.replace(b'"old"', b'"' + name + b'"')
                    connection.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Type: " %
                                       len(message) + headers["Content-Type"].encode() + b"\r\n\r\n")
                    connection.sendall(message[:int(len(message) * fraction)])
                    wait_until(lambda: any(".sandgate-upload-" in n for n in self.runtime.tree()), "the temporary file")
                    self.assertEqual([e["name"] for e in self.runtime.get("/list").json()], ["old"], "it is not listed")
                wait_until(lambda: self.runtime.tree() == ["old"], "the removal of the temporary file")
                self.assertEqual(self.runtime.read("old"), b"old")

    def test_a_body_without_its_closing_delimiter_is_refused(self):
        body, headers = multipart("f", b"data")
        answer = self.runtime.request("POST", "/upload", body[:-6], headers)
        self.assertEqual(answer.status, 400)
        self.assertIn("ends before its closing delimiter", answer.json()["detail"])
        self.assertEqual(self.runtime.tree(), [])

    def test_bound(self):
        self.assertEqual(self.runtime.upload("exact", b"x" * 1024 * 1024).status, 200)
        for size in (1024 * 1024 + 1, 5 * 1024 * 1024):
            answer = self.runtime.upload("f", b"x" * size)
            self.assertEqual(answer.status, 413)
            self.assertEqual(answer.json(), {"message": "File upload failed: the file is larger than 1048576 bytes "
                                                        "(--upload-bytes-max)"})
        self.assertEqual(self.runtime.tree(), ["exact"])

    def test_refusals(self):
        os.mkdir(self.runtime.path("dir"))
        for name in ("dir", "", ".", "dir/"):
            answer = self.runtime.upload(name, b"x")
            self.assertEqual(answer.status, 500, name)
            self.assertTrue(answer.json()["message"].startswith("File upload failed: "))
            self.assertIn("Is a directory", answer.json()["message"])
        self.runtime.write("file", b"")
        self.assertIn("Not a directory", self.runtime.upload("file/x", b"x").json()["message"])
        self.assertIn("File name too long", self.runtime.upload("n" * 300, b"x").json()["message"])
        self.assertEqual(self.runtime.tree(), ["dir", "file"])

    def test_validation(self):
        def refused(body, content_type):
            answer = self.runtime.request("POST", "/upload", body, {"Content-Type": content_type} if content_type else {})
            return answer.status, answer.json()["detail"]

        missing = (422, [{"type": "missing", "loc": ["body", "file"], "msg": "Field required", "input": None}])
        self.assertEqual(refused(b"", None), missing)
        self.assertEqual(refused(b"{}", "application/json"), missing)
        form = "multipart/form-data; boundary=b"
        self.assertEqual(refused(b"--b--\r\n", form), missing)
        self.assertEqual(refused(b'--b\r\nContent-Disposition: form-data; name="other"; filename="x"\r\n\r\n1\r\n--b--\r\n', form),
                         missing)
        status, problems = refused(b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n1\r\n--b--\r\n', form)
        self.assertEqual((status, problems[0]["type"]), (422, "value_error"))
        self.assertEqual(refused(b"", "multipart/form-data")[0], 400)
        self.assertEqual(refused(b"--bb\r\n", form)[0], 400)
        part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n1\r\n'
        self.assertEqual(refused(part + part + b"--b--", form), (400, "More than one part is named 'file'"))
        self.assertEqual(self.runtime.tree(), [])

    def test_a_full_disk_is_an_error_and_leaves_nothing(self):
        limited = ("sh", "-c", 'ulimit -f 100; exec "$@"', "sh")  # a file-size limit stands in for the disk
        with Runtime(prefix=limited) as runtime:
            answer = runtime.upload("f", b"x" * 1_000_000)
            self.assertEqual(answer.status, 500)
            self.assertIn("File upload failed: [Errno 27] File too large", answer.json()["message"])
            self.assertEqual(runtime.tree(), [])
            self.assertEqual(runtime.upload("f", b"fits").status, 200)


class WeightTest(unittest.TestCase):
    def test_big_files_do_not_live_in_memory(self):
        with Runtime() as runtime:
            block = os.urandom(1 << 20)
            runtime.upload("warm", block)
            runtime.get("/download/warm")
            before = runtime.resident_bytes()
            body, headers = multipart("big", b"")
            cut = body.index(b"\r\n\r\n") + 4
            total = 200 << 20
            with contextlib.closing(runtime.connect()) as connection:
                connection.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Type: %s\r\n\r\n" %
                                   (len(body) + total, headers["Content-Type"].encode()) + body[:cut])
                for _ in range(200):
                    connection.sendall(block)
                connection.sendall(body[cut:])
                self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 200 "))
            self.assertEqual(os.path.getsize(runtime.path("big")), total)
            with contextlib.closing(runtime.connect()) as connection:
                connection.sendall(b"GET /download/big HTTP/1.1\r\nHost: x\r\n\r\n")
                response = http.client.HTTPResponse(connection)
                response.begin()
                received = 0
                while piece := response.read(1 << 20):
                    self.assertEqual(piece, block[:len(piece)])
                    received += len(piece)
            self.assertEqual(received, total)
            self.assertLess(runtime.resident_bytes() - before, 16 << 20)

    def test_connection_bound(self):
        with Runtime("--connections-max", "3") as runtime:
            with contextlib.ExitStack() as stack:
                for _ in range(3):
                    connection = stack.enter_context(contextlib.closing(runtime.connect()))
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 200 "))
                with self.assertRaises((ConnectionError, http.client.RemoteDisconnected)):
                    runtime.get("/")

            def answers():
                try:
                    return runtime.get("/").status == 200
                except (ConnectionError, http.client.RemoteDisconnected):
                    return False

            wait_until(answers, "room for new connections")


class StartTest(unittest.TestCase):
    def start(self, *flags, env=None, user=None, binary=None):
        done = subprocess.run([binary or BINARY, *flags], capture_output=True, text=True, timeout=WAIT_S, user=user,
                              extra_groups=[] if user is not None else None,
                              env={k: v for k, v in os.environ.items() if not k.startswith("SANDBOX_")} | (env or {}))
        return done.returncode, done.stdout, done.stderr

    def test_help_and_version(self):
        status, out, err = self.start("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("--upload-bytes-max", out)
        status, out, err = self.start("--version")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^sandgate-runtime \d+\.\d+\.\d+\n$")

    def test_bad_base_directory(self):
        with tempfile.TemporaryDirectory() as world:
            open(os.path.join(world, "file"), "w").close()
            for name, why in (("missing", "No such file or directory"), ("file", "Not a directory")):
                status, _, err = self.start("--bind-address", "127.0.0.1:0", "--base-dir", os.path.join(world, name))
                self.assertEqual(status, 2)
                self.assertIn("base directory '%s' cannot be used: %s" % (os.path.join(world, name), why), err)

    def test_unsearchable_base_directory(self):
        with tempfile.TemporaryDirectory() as world:
            os.chmod(world, 0o755)
            binary = shutil.copy(BINARY, world)
            closed = os.path.join(world, "closed")
            os.mkdir(closed)
            os.chmod(closed, 0o600)
            user = NOBODY if os.geteuid() == 0 else None
            if user is not None:
                os.chown(closed, user, user)
            status, _, err = self.start("--bind-address", "127.0.0.1:0", "--base-dir", closed, user=user, binary=binary)
            self.assertEqual(status, 2)
            self.assertIn("Permission denied", err)

    def test_taken_address(self):
        with Runtime() as runtime, tempfile.TemporaryDirectory() as other:
            address = "127.0.0.1:%d" % runtime.port
            status, _, err = self.start("--bind-address", address, "--base-dir", other)
            self.assertEqual(status, 2)
            self.assertIn("cannot listen on " + address, err)
            self.assertIn("Address already in use", err)

    def test_environment(self):
        with Runtime("--exec-timeout", "0.3", env={"SANDBOX_BASE_DIR": "/nonexistent", "SANDBOX_EXEC_TIMEOUT_SECONDS": "x"}) as r:
            self.assertIn("timed out after 0.3 seconds", r.run("sleep 60")["stderr"], "flags win")
        with Runtime(env={"SANDBOX_EXEC_TIMEOUT_SECONDS": "0.25"}) as r:
            self.assertIn("timed out after 0.25 seconds", r.run("sleep 60")["stderr"])
            self.assertIn("timed out after 0.25 seconds", r.run("sleep 60", timeout_seconds=9)["stderr"], "the operator's limit")
        with Runtime(env={"SANDBOX_EXEC_TIMEOUT_SECONDS": "-1"}) as r:
            self.assertIn("SANDBOX_EXEC_TIMEOUT_SECONDS is '-1'", "".join(r.log))
        with tempfile.TemporaryDirectory() as missing:
            status, _, err = self.start("--bind-address", "127.0.0.1:0",
                                        env={"SANDBOX_BASE_DIR": os.path.join(missing, "nothing")})
            self.assertEqual(status, 2)
            self.assertIn("nothing' cannot be used", err)

    def test_everything_works_without_root(self):
        user = NOBODY if os.geteuid() == 0 else None
        with tempfile.TemporaryDirectory() as place:
            os.chmod(place, 0o755)
            with Runtime(user=user, binary=shutil.copy(BINARY, place)) as runtime:
                self.assertNotIn("root", "".join(runtime.log))
                self.assertNotEqual(runtime.run("id -u")["stdout"], "0\n")
                self.assertEqual(runtime.upload("d/f", b"x").status, 200)
                self.assertEqual(runtime.get("/download/d%2Ff").body, b"x")
                os.mkdir(runtime.path("closed"), 0o700)
                if user is not None:
                    self.assertEqual(runtime.get("/exists/closed/x").json(), {"path": "closed/x", "exists": False})
                    answer = runtime.get("/list/closed")
                    self.assertEqual(answer.status, 500)
                    self.assertIn("List files failed: [Errno 13] Permission denied", answer.json()["message"])

    @unittest.skipUnless(os.geteuid() == 0, "says something only when run as root")
    def test_root_is_warned(self):
        with Runtime() as runtime:
            self.assertIn("running as root", "".join(runtime.log))


class StopTest(unittest.TestCase):
    def test_idle(self):
        with Runtime() as runtime:
            with contextlib.closing(runtime.connect()) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                connection.recv(1000)
                begin = time.monotonic()
                self.assertEqual(runtime.stop(), 0)
                self.assertLess(time.monotonic() - begin, 5)

    def in_background(self, runtime, command):
        result = {}

        def call():
            try:
                result["answer"] = runtime.run(command)
            except (OSError, http.client.HTTPException) as error:
                result["error"] = error

        thread = threading.Thread(target=call)
        thread.start()
        wait_until(lambda: os.path.exists(runtime.path("ready")), "the start of the command")
        return thread, result

    def test_commands_get_sigterm_and_their_answers_still_go_out(self):
        with Runtime() as runtime:
            thread, result = self.in_background(
                runtime, "sh -c 'trap \"echo told; exit 4\" TERM; touch ready; while :; do sleep 0.05; done'")
            self.assertEqual(runtime.stop(), 0)
            thread.join(WAIT_S)
            self.assertEqual(result["answer"], {"stdout": "told\n", "stderr": "", "exit_code": 4})

    def test_stubborn_commands_are_killed_in_the_end(self):
        with Runtime("--stop-timeout", "0.3") as runtime:
            thread, result = self.in_background(
                runtime, "sh -c 'trap \"\" TERM; echo $$ > pid; touch ready; while :; do sleep 0.05; done'")
            pid = int(runtime.read("pid"))
            begin = time.monotonic()
            self.assertEqual(runtime.stop(), 0)
            self.assertLess(time.monotonic() - begin, 5)
            thread.join(WAIT_S)
            self.assertIn("error", result)
            wait_until(lambda: not alive(pid), "the end of the command")

    def test_no_new_connections_while_stopping(self):
        with Runtime("--stop-timeout", "15") as runtime:
            thread, _ = self.in_background(runtime, "sh -c 'trap \"\" TERM; touch ready; until test -e go; do sleep 0.05; done'")
            runtime.process.send_signal(signal.SIGTERM)

            def refused():
                try:
                    with contextlib.closing(runtime.connect()):
                        return False
                except ConnectionRefusedError:
                    return True

            wait_until(refused, "the end of listening")
            runtime.write("go", b"")
            self.assertEqual(runtime.process.wait(WAIT_S), 0)
            thread.join(WAIT_S)


UNSHARE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
if os.geteuid() != 0:
    UNSHARE[1:1] = ["--user", "--map-root-user"]


def can_unshare():
    return shutil.which("unshare") and subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0


@unittest.skipUnless(can_unshare(), "this machine gives no PID namespaces; command_test proves reaping as a subreaper")
class ProcessOneTest(unittest.TestCase):
    def setUp(self):
        self.runtime = self.enterContext(Runtime(prefix=UNSHARE))
        children = "/proc/%d/task/%d/children" % (self.runtime.process.pid, self.runtime.process.pid)
        with open(children) as file:
            self.inner = int(file.read())

    def states(self):
        """{pid: state} of every process in the namespace but the one that asks."""
        out = self.runtime.run("sh -c 'cat /proc/[0-9]*/stat 2>/dev/null'")["stdout"]
        return {int(line.split()[0]): line.rsplit(")", 1)[1].split()[0] for line in out.splitlines()}

    def test_reaps_orphans(self):
        self.assertEqual(self.runtime.run("sh -c 'echo $PPID'")["stdout"], "1\n")
        for _ in range(20):
            self.runtime.run("sh -c '(sleep 0.01 & sleep 0.01 &) >/dev/null 2>&1'")

        def only_the_living():
            states = self.states()
            return "Z" not in states.values() and len(states) <= 3  # process 1, sh, cat

        wait_until(only_the_living, "the reaping of forty orphans")

    def test_forwards_sigterm_and_exits_with_0(self):
        self.runtime.run("sh -c '(trap \"echo told > mark; exit\" TERM; touch ready; while :; do sleep 0.05; done) "
                         ">/dev/null 2>&1 &'")
        wait_until(lambda: os.path.exists(self.runtime.path("ready")), "the start of the background process")
        os.kill(self.inner, signal.SIGTERM)
        self.assertEqual(self.runtime.process.wait(WAIT_S), 0)
        self.assertTrue(os.path.exists(self.runtime.path("mark")), "left in the background, it was told and could tidy up")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    BINARY = os.path.abspath(sys.argv.pop(1))
    unittest.main()
