"""A reverse proxy that notes every request: method, target byte for byte, fields in order, body.

One thread a connection. `step` names what the driver is doing; every record carries it. Answers stream, so that watches
come through event by event. `rewrite` may change the answer of a request, which is then read whole.
"""

import dataclasses
import http.client
import http.server
import threading
import time

_HOP = ("connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection")
_PIECE = 65536
_BODY_MAX = 64 << 20


@dataclasses.dataclass
class Record:
    step: str
    method: str
    target: str
    fields: list
    body: bytes
    status: int = 0
    began: float = 0.0  # by the monotonic clock: when the request's head had come …
    last: float = 0.0  # … and when the last piece of the answer so far was passed on


class Recorder:
    """Listens on a free port of `address` and passes everything on to `upstream`, a (host, port)."""

    def __init__(self, upstream, address="127.0.0.1", rewrite=None):
        self.upstream = upstream
        self.rewrite = rewrite
        self.step = ""
        self._records = []
        self._lock = threading.Lock()
        recorder = self

        class Handler(_Handler):
            owner = recorder

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = "http://%s:%d" % (address, self.port)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def note(self, record):
        with self._lock:
            self._records.append(record)

    def take(self):
        """All records so far; they are forgotten here."""
        with self._lock:
            records, self._records = self._records, []
        return records


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner = None

    def log_message(self, *arguments):
        pass

    def do_any(self):
        # self.path folds slashes at its start, the request line is as it came.
        target = self.requestline.split(" ")[1]
        began = time.monotonic()
        record = Record(self.owner.step, self.command, target, list(self.headers.items()), self._read_body(), began=began)
        self.owner.note(record)
        connection = http.client.HTTPConnection(*self.owner.upstream, timeout=300)
        try:
            connection.putrequest(self.command, target, skip_host=True, skip_accept_encoding=True)
            for name, value in record.fields:
                if name.lower() not in _HOP and name.lower() != "content-length":
                    connection.putheader(name, value)
            if record.body or self.headers.get("Content-Length") or self.headers.get("Transfer-Encoding"):
                connection.putheader("Content-Length", str(len(record.body)))
            connection.endheaders(record.body)
            answer = connection.getresponse()
            record.status = answer.status
            self._pass_on(record, answer)
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # either side left; the other one notices by its connection
        finally:
            connection.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_any

    def _read_body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts, size = [], 0
        while True:
            length = int(self.rfile.readline().split(b";")[0], 16)
            if length == 0:
                while self.rfile.readline().strip():
                    pass
                return b"".join(parts)
            size += length
            if size > _BODY_MAX:
                raise ValueError("a body of more than %d bytes" % _BODY_MAX)
            parts.append(self.rfile.read(length))
            self.rfile.readline()

    def _pass_on(self, record, answer):
        whole = None
        if self.owner.rewrite is not None:
            whole = self.owner.rewrite(record, answer)
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP and (whole is None or name.lower() != "content-length"):
                self.send_header(name, value)
        bodiless = record.method == "HEAD" or answer.status in (204, 304)
        if whole is not None:
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole)
        elif bodiless or answer.getheader("Content-Length") is not None:
            self.end_headers()
            record.last = time.monotonic()
            while not bodiless and (piece := answer.read1(_PIECE)):
                record.last = time.monotonic()
                self.wfile.write(piece)
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while piece := answer.read1(_PIECE):
                record.last = time.monotonic()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
