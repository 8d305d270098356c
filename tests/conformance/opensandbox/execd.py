"""What the OpenSandbox SDK expects inside a sandbox, as a Pod of the cluster stand-in runs it: execd's commands with streamed
output, its files, its health, and beside it a small web application on another port that tells what reached it.

Usage: execd.py ADDRESS PORT DIR APP_PORT. With EXECD_ACCESS_TOKEN in its environment, execd wants X-EXECD-ACCESS-TOKEN.
Nothing but the standard library: the Pod's user may not read the virtual environment.
"""

import datetime
import email.parser
import fnmatch
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid


class BadRequest(Exception):
    """Becomes an answer: (status, code, message)."""


def now_ms():
    return int(time.time() * 1000)


def time_text(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat()


class Command:
    """One command: its process, and its output as lines for whoever reads."""

    def __init__(self, body, folder):
        self.id = uuid.uuid4().hex
        self.content = body.get("command") or " ".join(body.get("argv") or [])
        self.started = time.time()
        self.finished = None
        self.lines = []  # (kind, text)
        self.changed = threading.Condition()
        words = body["argv"] if body.get("argv") else ["/bin/sh", "-c", body["command"]]
        self.process = subprocess.Popen(
            words, cwd=body.get("cwd") or folder, env={**os.environ, **(body.get("envs") or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        readers = [threading.Thread(target=self._read, args=one, daemon=True)
                   for one in (("stdout", self.process.stdout), ("stderr", self.process.stderr))]
        for reader in readers:
            reader.start()
        if body.get("timeout"):
            timer = threading.Timer(body["timeout"] / 1000, self.process.kill)
            timer.daemon = True
            timer.start()
        threading.Thread(target=self._wait, args=(readers,), daemon=True).start()

    def _read(self, kind, stream):
        for line in stream:
            with self.changed:
                self.lines.append((kind, line.decode("utf-8", "replace").rstrip("\n")))
                self.changed.notify_all()

    def _wait(self, readers):
        self.process.wait()
        for reader in readers:
            reader.join()
        with self.changed:
            self.finished = time.time()
            self.changed.notify_all()

    def output(self):
        """(kind, text) as they come, until the command ended."""
        seen = 0
        while True:
            with self.changed:
                self.changed.wait_for(lambda: len(self.lines) > seen or self.finished is not None)
                fresh = self.lines[seen:]
                ended = self.finished is not None
            yield from fresh
            seen += len(fresh)
            if ended and not fresh:
                return


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = "."
    commands = {}

    # --- what is common

    def log_message(self, format, *arguments):
        print(format % arguments, flush=True)

    def parts(self):
        url = urllib.parse.urlsplit(self.path)
        return url.path, urllib.parse.parse_qs(url.query)

    def body(self):
        """All of the request's body, sized or chunked."""
        if (self.headers.get("Transfer-Encoding") or "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            data += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return data

    def reply(self, status, body=b"", kind="application/json", **fields):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        data = self.body()
        path, query = self.parts()
        try:
            self.route(path, query, data)
        except BadRequest as error:
            status, code, message = error.args
            self.reply(status, {"code": code, "message": message})
        except FileNotFoundError as error:
            self.reply(404, {"code": "FILE_NOT_FOUND", "message": str(error)})
        except OSError as error:
            if isinstance(error, ConnectionError):
                raise
            self.reply(500, {"code": "RUNTIME_ERROR", "message": str(error)})

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = serve

    def route(self, path, query, data):
        raise NotImplementedError


class Execd(Handler):
    token = os.environ.get("EXECD_ACCESS_TOKEN", "")

    def route(self, path, query, data):
        if self.token and self.headers.get("X-EXECD-ACCESS-TOKEN") != self.token:
            raise BadRequest(401, "UNAUTHORIZED", "X-EXECD-ACCESS-TOKEN is wrong or missing")
        name = (self.command, path)
        if path.startswith("/command/"):
            self.one_command(path, query)
        elif name in ROUTES:
            ROUTES[name](self, query, data)
        else:
            raise BadRequest(404, "NOT_FOUND", "%s %s is not played here" % name)

    def ping(self, query, data):
        self.reply(200, b"pong", "text/plain")

    def metrics(self, query, data):
        self.reply(200, {"cpu_count": os.cpu_count(), "cpu_used_pct": 1.5, "mem_total_mib": 1024.0, "mem_used_mib": 64.0,
                         "timestamp": now_ms()})

    # --- commands

    def run(self, query, data):
        body = json.loads(data)
        command = Command(body, self.folder)
        self.commands[command.id] = command
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.event({"type": "init", "text": command.id})
        if not body.get("background"):
            for kind, text in command.output():
                self.event({"type": kind, "text": text})
            code = command.process.returncode
            if code != 0:
                self.event({"type": "error", "error": {
                    "ename": "CommandExecError", "evalue": str(code), "traceback": ["exit status %d" % code]}})
        self.event({"type": "execution_complete", "execution_time": int((time.time() - command.started) * 1000)})
        self.wfile.write(b"0\r\n\r\n")

    def event(self, event):
        # execd's own framing: the bare JSON and an empty line.
        text = json.dumps({**event, "timestamp": now_ms()}).encode() + b"\n\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.flush()

    def interrupt(self, query, data):
        self.find_command(query["id"][0]).process.terminate()
        self.reply(200)

    def find_command(self, name):
        if name not in self.commands:
            raise BadRequest(404, "NOT_FOUND", "no command " + name)
        return self.commands[name]

    def one_command(self, path, query):
        words = path.strip("/").split("/")
        if words[1] == "status" and len(words) == 3:
            command = self.find_command(words[2])
            running = command.finished is None
            self.reply(200, {"id": command.id, "content": command.content, "running": running,
                             "exit_code": None if running else command.process.returncode,
                             "started_at": time_text(command.started),
                             "finished_at": None if running else time_text(command.finished)})
        elif len(words) == 3 and words[2] == "logs":
            lines = self.find_command(words[1]).lines
            start = int(query.get("cursor", ["0"])[0])
            text = "".join(line + "\n" for _, line in lines[start:])
            self.reply(200, text.encode(), "text/plain; charset=utf-8", EXECD_COMMANDS_TAIL_CURSOR=str(len(lines)))
        else:
            raise BadRequest(404, "NOT_FOUND", path)

    # --- files

    def place(self, path):
        return os.path.join(self.folder, path)

    def info(self, path):
        found = os.stat(path)
        return {"path": path, "size": found.st_size if os.path.isfile(path) else 0, "modified_at": time_text(found.st_mtime),
                "created_at": time_text(found.st_ctime), "owner": str(found.st_uid), "group": str(found.st_gid),
                "mode": int("%o" % (found.st_mode & 0o777)), "type": "directory" if os.path.isdir(path) else "file"}

    def upload(self, query, data):
        kind = self.headers["Content-Type"]
        boundary = ("--" + email.parser.Parser().parsestr("Content-Type: " + kind).get_boundary()).encode()
        metadata = None
        for part in data.split(boundary)[1:]:
            if part.startswith(b"--"):
                break
            head, _, content = part[2:].partition(b"\r\n\r\n")
            content = content[:-2]
            if b'name="metadata"' in head:
                metadata = json.loads(content)
            elif metadata is None:
                raise BadRequest(400, "INVALID_FILE", "a file before its metadata")
            else:
                path = self.place(metadata["path"])
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as out:
                    out.write(content)
                if metadata.get("mode"):
                    os.chmod(path, int(str(metadata["mode"]), 8))
                metadata = None
        self.reply(200)

    def download(self, query, data):
        with open(self.place(query["path"][0]), "rb") as file:
            content = file.read()
        asked = self.headers.get("Range")
        if "offset" in query or "limit" in query:
            lines = content.splitlines(keepends=True)
            first = int(query.get("offset", ["1"])[0]) - 1
            count = int(query.get("limit", [str(len(lines))])[0])
            content = b"".join(lines[first:first + count])
        elif asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            end = min(int(last) + 1 if last else len(content), len(content))
            if int(first) >= len(content):
                raise BadRequest(416, "INVALID_RANGE", asked)
            self.reply(206, content[int(first):end], "application/octet-stream",
                       Content_Range="bytes %s-%d/%d" % (first, end - 1, len(content)))
            return
        self.reply(200, content, "application/octet-stream")

    def infos(self, query, data):
        self.reply(200, {path: self.info(self.place(path)) for path in query["path"]})

    def list(self, query, data):
        root = self.place(query["path"][0])
        depth = int(query.get("depth", ["1"])[0])
        found = []
        if not os.path.isdir(root):
            raise FileNotFoundError(root)
        for folder, folders, files in os.walk(root):
            found += [self.info(os.path.join(folder, name)) for name in sorted(folders + files)]
            if len(os.path.relpath(folder, root).split(os.sep)) + (folder != root) >= depth:
                folders.clear()
        self.reply(200, found)

    def search(self, query, data):
        root, pattern = self.place(query["path"][0]), query.get("pattern", ["**"])[0]
        self.reply(200, [self.info(os.path.join(folder, name)) for folder, _, files in os.walk(root)
                         for name in sorted(files) if fnmatch.fnmatch(name, pattern)])

    def remove(self, query, data):
        for path in query["path"]:
            os.unlink(self.place(path))
        self.reply(200)

    def make_folders(self, query, data):
        for path, how in json.loads(data).items():
            os.makedirs(self.place(path), exist_ok=True)
            os.chmod(self.place(path), int(str(how.get("mode") or 755), 8))
        self.reply(200)

    def remove_folders(self, query, data):
        for path in query["path"]:
            shutil.rmtree(self.place(path))
        self.reply(200)

    def move(self, query, data):
        for one in json.loads(data):
            os.rename(self.place(one["src"]), self.place(one["dest"]))
        self.reply(200)

    def permissions(self, query, data):
        for path, how in json.loads(data).items():
            os.chmod(self.place(path), int(str(how["mode"]), 8))
        self.reply(200)

    def replace(self, query, data):
        counts = {}
        for path, how in json.loads(data).items():
            with open(self.place(path), encoding="utf-8") as file:
                text = file.read()
            counts[path] = {"replacedCount": text.count(how["old"])}
            with open(self.place(path), "w", encoding="utf-8") as file:
                file.write(text.replace(how["old"], how["new"]))
        self.reply(200, counts if query.get("verbose") == ["true"] else b"")


ROUTES = {
    ("GET", "/ping"): Execd.ping, ("GET", "/metrics"): Execd.metrics,
    ("POST", "/command"): Execd.run, ("DELETE", "/command"): Execd.interrupt,
    ("POST", "/files/upload"): Execd.upload, ("GET", "/files/download"): Execd.download,
    ("GET", "/files/info"): Execd.infos, ("GET", "/files/search"): Execd.search, ("DELETE", "/files"): Execd.remove,
    ("POST", "/files/mv"): Execd.move, ("POST", "/files/permissions"): Execd.permissions,
    ("POST", "/files/replace"): Execd.replace, ("GET", "/directories/list"): Execd.list,
    ("POST", "/directories"): Execd.make_folders, ("DELETE", "/directories"): Execd.remove_folders,
}


class App(Handler):
    """A user's application: it tells method, target, header fields and body size of what reached it."""

    def route(self, path, query, data):
        self.reply(200, {"app": os.environ.get("OPENSANDBOX_ID"), "method": self.command, "target": self.path,
                         "fields": [[name.lower(), value] for name, value in self.headers.items()], "size": len(data)})


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A client that left is no error; anything else is printed into the Pod's log."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def main(address, port, folder, app_port):
    Handler.folder = folder
    app = Server((address, int(app_port)), App)
    threading.Thread(target=app.serve_forever, daemon=True).start()
    Server((address, int(port)), Execd).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
