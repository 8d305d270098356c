"""What the integration tests of sandgate-devcluster share: the program under test (or a real API server), requests,
watches, waiting with a bound."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

WAIT_S = 20.0
_ANY_CERTIFICATE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_ANY_CERTIFICATE.check_hostname, _ANY_CERTIFICATE.verify_mode = False, ssl.CERT_NONE  # a test server's own
_SETUP = {}

AGENTS = "/apis/agents.x-k8s.io/v1beta1"
EXTENSIONS = "/apis/extensions.agents.x-k8s.io/v1beta1"
BATCH = "/apis/sandbox.opensandbox.io/v1alpha1"
CORE = "/api/v1"
KINDS = {"sandboxes": "Sandbox", "sandboxclaims": "SandboxClaim", "sandboxtemplates": "SandboxTemplate",
         "sandboxwarmpools": "SandboxWarmPool", "batchsandboxes": "BatchSandbox", "pods": "Pod", "services": "Service",
         "configmaps": "ConfigMap", "namespaces": "Namespace", "serviceaccounts": "ServiceAccount",
         "tokenreviews": "TokenReview", "subjectaccessreviews": "SubjectAccessReview",
         "selfsubjectaccessreviews": "SelfSubjectAccessReview"}


def wait_until(condition, what, bound=WAIT_S):
    """Polls until `condition` gives something true, which is returned; the bound turns a hang into a failure."""
    deadline = time.monotonic() + bound
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("%s did not happen within %g s" % (what, bound))
        time.sleep(0.01)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Api:
    """An API server by its URL."""

    def __init__(self, url, token=None):
        self.url, self.token = urllib.parse.urlsplit(url), token

    def connect(self, timeout=WAIT_S):
        if self.url.scheme == "https":
            return http.client.HTTPSConnection(self.url.hostname, self.url.port, timeout=timeout, context=_ANY_CERTIFICATE)
        return http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=timeout)

    def headers(self, more=None):
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        headers.update(more or {})
        return headers

    def request(self, method, path, body=None, headers=None, **query):
        if method == "POST":
            body = self.typed(path, body)
        if query:
            path += "?" + urllib.parse.urlencode(query)
        headers = self.headers(headers)
        if body is not None and "Content-Type" not in headers:
            headers["Content-Type"] = "application/json"
        connection = self.connect()
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def typed(self, path, body):
        """The body with the apiVersion and kind that this collection wants."""
        parts = path.split("/")
        kind = KINDS.get(parts[-1])
        if kind is None or not isinstance(body, dict):
            return body
        version = parts[2] if parts[1] == "api" else "/".join(parts[2:4])
        return {"apiVersion": version, "kind": kind, **body}

    def get(self, path, **query):
        return self.request("GET", path, **query)

    def create(self, path, body, status=201, **query):
        answer = self.request("POST", path, body, **query)
        assert answer.status == status, (answer.status, answer.body)
        return answer.json()

    def patch(self, path, body, kind="merge-patch", status=200):
        answer = self.request("PATCH", path, body, {"Content-Type": "application/%s+json" % kind})
        assert answer.status == status, (answer.status, answer.body)
        return answer.json()

    def delete(self, path, body=None):
        return self.request("DELETE", path, body)

    def watch(self, path, headers=None, **query):
        return Watch(self, path, headers, query)


class Watch:
    """An open watch; iterating gives its events, bounded in time."""

    def __init__(self, api, path, headers, query):
        self.connection = api.connect()
        self.connection.request("GET", path + "?" + urllib.parse.urlencode({"watch": "true", **query}), None,
                                api.headers(headers))
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.connection.close()

    def next(self):
        """The next event as (type, object); None at the end."""
        line = self.response.readline()
        if not line:
            return None
        event = json.loads(line)
        return event["type"], event["object"]

    def take(self, count):
        return [self.next() for _ in range(count)]

    def until(self, wanted):
        while True:
            event = self.next()
            assert event is not None, "the watch ended first"
            if wanted(*event):
                return event


class DevCluster:
    """A running sandgate-devcluster."""

    def __init__(self, *flags):
        self.world = tempfile.mkdtemp(prefix="sandgate-devcluster-test-")
        os.chmod(self.world, 0o711)
        ready = os.path.join(self.world, "ready")
        self.kubeconfig = os.path.join(self.world, "kubeconfig")
        self.log = open(os.path.join(self.world, "log"), "w+b")
        self.process = subprocess.Popen(
            [program(), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--dns-listen", "127.0.0.1:0",
             "--ready-file", ready, "--kubeconfig-out", self.kubeconfig, *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log,
            env={**os.environ, "TMPDIR": self.world})
        wait_until(lambda: os.path.exists(ready) or self.process.poll() is not None, "the start")
        if self.process.poll() is not None:
            raise AssertionError("the program did not start: " + self.messages())
        with open(ready) as file:
            self.addresses = json.load(file)
        self.api = Api(self.addresses["server"])
        self.admin = Api(self.addresses["admin"])

    def messages(self):
        self.log.flush()
        with open(self.log.name) as file:
            return file.read()

    def fault(self, kind, **query):
        answer = self.admin.request("POST", "/faults/" + kind, **query)
        assert answer.status == 200, (answer.status, answer.body)

    def state(self):
        return self.admin.get("/state").json()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        try:
            self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.log.close()
            shutil.rmtree(self.world, ignore_errors=True)


def condition(thing, kind):
    for one in thing.get("status", {}).get("conditions", []):
        if one["type"] == kind:
            return one
    return {}


def is_ready(thing):
    return condition(thing, "Ready").get("status") == "True"


def template(name, **spec):
    return {"metadata": {"name": name},
            "spec": {"podTemplate": {"spec": {"containers": [
                {"name": "python-runtime", "image": "python-runtime", "ports": [{"containerPort": 8888}]}]}}, **spec}}


def alive(pid):
    """Does this process exist and still run (a zombie does not)?"""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def program():
    """Path of the program under test."""
    return _SETUP["program"]


def use(**setup):
    """From now on the tests run on program=PATH_OF_SANDGATE_DEVCLUSTER, or on server=URL with token=TOKEN."""
    _SETUP.clear()
    _SETUP.update(setup)


def real_api():
    """The API server named on the command line, or None: then the tests start a stand-in."""
    return Api(_SETUP["server"], _SETUP.get("token")) if "server" in _SETUP else None


def main(usage, real=False):
    """Runs the tests of the calling script: PATH_OF_SANDGATE_DEVCLUSTER [unittest options], and where `real` says so
    also: --server URL [--token TOKEN] [unittest options]."""
    while len(sys.argv) > 1 and sys.argv[1] in ("--server", "--token") and real:
        flag = sys.argv.pop(1)
        _SETUP[flag[2:]] = sys.argv.pop(1)
    if "server" not in _SETUP:
        if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
            sys.exit(usage)
        _SETUP["program"] = os.path.abspath(sys.argv.pop(1))
    unittest.main()
