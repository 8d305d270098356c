#!/usr/bin/env python3
"""Drives the real sandgate-runtime over loopback: routes, commands, start and stop.

Usage: integration_test.py PATH_OF_SANDGATE_RUNTIME [unittest options]
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import integration_support as support
from integration_support import NOBODY, WAIT_S, Runtime, alive, program, wait_until


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
                            (b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                             400),
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


class StartTest(unittest.TestCase):
    def start(self, *flags, env=None, user=None, binary=None):
        done = subprocess.run([binary or program(), *flags], capture_output=True, text=True, timeout=WAIT_S, user=user,
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
            binary = shutil.copy(program(), world)
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
            with Runtime(user=user, binary=shutil.copy(program(), place)) as runtime:
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

    def test_only_root_is_warned(self):
        with Runtime() as runtime:
            self.assertEqual("running as root" in "".join(runtime.log), os.geteuid() == 0)


class SlowClientTest(unittest.TestCase):
    def ask(self, runtime, raw):
        connection = self.enterContext(contextlib.closing(runtime.connect()))
        connection.sendall(raw)
        return connection

    def test_a_head_that_does_not_end(self):
        with Runtime("--head-timeout", "0.2") as runtime:
            connection = self.ask(runtime, b"GET / HTTP/1.1\r\nHost:")
            self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 408 "))

    def test_an_idle_connection(self):
        with Runtime("--idle-timeout", "0.2") as runtime:
            connection = self.ask(runtime, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 200 "))
            self.assertEqual(connection.recv(1), b"")

    def test_a_body_that_drips(self):
        with Runtime("--body-rate-min", "1000", "--body-rate-grace", "0.3") as runtime:
            for target in (b"/upload", b"/execute"):
                connection = self.ask(runtime, b"POST " + target + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
                                               b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n")
                answer = b""
                deadline = time.monotonic() + WAIT_S
                connection.settimeout(0.05)
                while not answer and time.monotonic() < deadline:
                    connection.sendall(b"x")
                    with contextlib.suppress(TimeoutError):
                        answer = connection.recv(100)
                self.assertTrue(answer.startswith(b"HTTP/1.1 408 "), (target, answer))

    def test_an_answer_nobody_reads(self):
        with Runtime("--write-timeout", "0.3") as runtime:
            runtime.write("f", b"")
            os.truncate(runtime.path("f"), 100 << 20)
            connection = self.ask(runtime, b"GET /download/f HTTP/1.1\r\nHost: x\r\n\r\n")

            def file_is_closed():
                return runtime.path("f") not in runtime.open_files()

            wait_until(lambda: not file_is_closed(), "the opening of the file")
            wait_until(file_is_closed, "the end of the exchange")
            received = 0
            with contextlib.suppress(ConnectionError):
                while piece := connection.recv(1 << 20):
                    received += len(piece)
            self.assertLess(received, 100 << 20)


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
            self.assertEqual((result["answer"]["stdout"], result["answer"]["exit_code"]), ("told\n", 4))

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

    def test_a_second_signal_skips_the_wait(self):
        with Runtime("--stop-timeout", "600") as runtime:
            thread, _ = self.in_background(runtime, "sh -c 'trap \"\" TERM; touch ready; while :; do sleep 0.05; done'")
            runtime.process.send_signal(signal.SIGTERM)
            with self.assertRaises(subprocess.TimeoutExpired):
                runtime.process.wait(0.3)
            self.assertEqual(runtime.stop(), 0)
            thread.join(WAIT_S)

    def test_no_new_connections_while_stopping(self):
        with Runtime("--stop-timeout", "15") as runtime:
            thread, _ = self.in_background(runtime, "sh -c 'trap \"\" TERM; touch ready; until test -e go; do sleep 0.05; done'")
            runtime.process.send_signal(signal.SIGTERM)

            def refused():
                try:
                    with contextlib.closing(runtime.connect()):
                        return False
                except (ConnectionRefusedError, ConnectionResetError):  # reset: it waited in a queue that was closed
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
    support.main(__doc__)
