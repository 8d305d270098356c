"""A stand-in for the part of the Kubernetes API that the SDK uses: sandbox claims and sandboxes.

It plays the API server and the claim controller: a created claim is first not ready, then bound to a free sandbox
of the warm pool, then Ready, each step an event of its own for watchers. It keeps a log of requests, so that checks
can say what the SDK asked for. One thread a connection; state behind one condition variable.

Served: SandboxClaim create, get, list, watch, delete (`extensions.agents.x-k8s.io/v1beta1`) and Sandbox get, list
(`agents.x-k8s.io/v1beta1`). Everything else is 404, as a cluster without that resource answers.
"""

import http.server
import itertools
import json
import re
import threading
import time
import urllib.parse
import uuid

CLAIM_API = "extensions.agents.x-k8s.io/v1beta1"
SANDBOX_API = "agents.x-k8s.io/v1beta1"
_PATH = re.compile(r"^/apis/([^/]+/[^/]+)/namespaces/([^/]+)/(sandboxclaims|sandboxes)(?:/([^/]+))?$")
# Time between the steps of a claim: long enough that the SDK's watch really waits.
_STEP_S = 0.03


class KubeApi:
    """The API on a free loopback port. `pods` maps a sandbox name to its pod address, or None when unknown."""

    def __init__(self, pods, forbidden_sandboxes=()):
        self._pods = dict(pods)
        self._forbidden = set(forbidden_sandboxes)
        self._claims = {}
        self._bound = {}
        self._events = []
        self._version = itertools.count(1000)
        self._changed = threading.Condition()
        self.requests = []
        api = self

        class Handler(_Handler):
            kube = api

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="kube-api", daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def claim_names(self):
        with self._changed:
            return sorted(name for _, name in self._claims)

    def count(self, method, resource):
        """How many requests of a method were made for `sandboxclaims` or `sandboxes`."""
        with self._changed:
            return sum(1 for m, path in self.requests if m == method and "/%s" % resource in path)

    # --- the API ---------------------------------------------------------------------------------------------

    def note(self, method, path):
        with self._changed:
            self.requests.append((method, path))

    def create_claim(self, namespace, body):
        with self._changed:
            name = body["metadata"]["name"]
            if (namespace, name) in self._claims:
                return 409, _status(409, "AlreadyExists", 'sandboxclaims "%s" already exists' % name)
            claim = dict(body)
            claim["metadata"] = dict(body["metadata"], namespace=namespace, uid=str(uuid.uuid4()),
                                     creationTimestamp=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
            claim["status"] = {}
            self._claims[namespace, name] = claim
            self._publish("ADDED", claim)
            created = json.loads(json.dumps(claim))
        threading.Thread(target=self._make_ready, args=(namespace, name), daemon=True).start()
        return 201, created

    def get_claim(self, namespace, name):
        with self._changed:
            claim = self._claims.get((namespace, name))
            if claim is None:
                return 404, _status(404, "NotFound", 'sandboxclaims "%s" not found' % name)
            return 200, json.loads(json.dumps(claim))

    def list_claims(self, namespace, name):
        with self._changed:
            items = [c for (ns, n), c in self._claims.items() if ns == namespace and name in (None, n)]
            return 200, {"apiVersion": CLAIM_API, "kind": "SandboxClaimList",
                         "metadata": {"resourceVersion": str(next(self._version))},
                         "items": json.loads(json.dumps(items))}

    def delete_claim(self, namespace, name, body):
        with self._changed:
            claim = self._claims.get((namespace, name))
            if claim is None:
                return 404, _status(404, "NotFound", 'sandboxclaims "%s" not found' % name)
            wanted_uid = ((body or {}).get("preconditions") or {}).get("uid")
            if wanted_uid not in (None, claim["metadata"]["uid"]):
                return 409, _status(409, "Conflict", "the UID in the precondition does not match")
            del self._claims[namespace, name]
            self._bound.pop((namespace, name), None)
            self._publish("DELETED", claim)
            return 200, _status(200, "", "")

    def get_sandbox(self, namespace, name):
        with self._changed:
            if name in self._forbidden:
                return 403, _status(403, "Forbidden", 'sandboxes "%s" is forbidden' % name)
            if namespace != "default" or name not in self._pods:
                return 404, _status(404, "NotFound", 'sandboxes "%s" not found' % name)
            return 200, self._sandbox(namespace, name)

    def list_sandboxes(self, namespace):
        with self._changed:
            names = self._pods if namespace == "default" else ()
            return 200, {"apiVersion": SANDBOX_API, "kind": "SandboxList",
                         "metadata": {"resourceVersion": str(next(self._version))},
                         "items": [self._sandbox(namespace, n) for n in names]}

    def watch_claims(self, namespace, name, since, timeout_s):
        """Yields events newer than `since` ("0": the present state first) until the time is up."""
        deadline = time.monotonic() + timeout_s
        position = 0
        batch = []
        if since == 0:
            with self._changed:
                position = len(self._events)
                batch = [{"type": "ADDED", "object": json.loads(json.dumps(claim))}
                         for (ns, n), claim in self._claims.items() if ns == namespace and name in (None, n)]
        while True:
            yield from batch
            with self._changed:
                rest = deadline - time.monotonic()
                if position == len(self._events):
                    if rest <= 0:
                        return
                    self._changed.wait(rest)
                batch = []
                for version, event in self._events[position:]:
                    metadata = event["object"]["metadata"]
                    if version > since and metadata["namespace"] == namespace and name in (None, metadata["name"]):
                        batch.append(event)
                position = len(self._events)

    # --- the claim controller --------------------------------------------------------------------------------

    def _make_ready(self, namespace, name):
        pool = self._claims[namespace, name]["spec"]["warmPoolRef"]["name"]
        time.sleep(_STEP_S)
        if pool.startswith("missing"):
            self._update(namespace, name, {"conditions": [
                {"type": "Ready", "status": "False", "reason": "WarmPoolNotFound", "message": "no pool " + pool}]})
            return
        with self._changed:
            # A pool is named after the sandbox it hands out ("pool-NAME"); every other pool hands out free ones.
            wanted = pool[len("pool-"):] if pool.startswith("pool-") else None
            taken = set(self._bound.values())
            sandbox = wanted or next((s for s in self._pods if s not in taken), next(iter(self._pods)))
            self._bound[namespace, name] = sandbox
        waiting = [{"type": "Ready", "status": "False", "reason": "SandboxNotReady", "message": "starting"}]
        self._update(namespace, name, {"sandbox": {"name": sandbox}, "conditions": waiting})
        time.sleep(_STEP_S)
        ready = [{"type": "Ready", "status": "True", "reason": "DependenciesReady", "message": "Pod is Ready"}]
        self._update(namespace, name, {"sandbox": {"name": sandbox, "podIPs": self._pod_ips(sandbox)},
                                       "conditions": ready})

    def _update(self, namespace, name, status):
        with self._changed:
            claim = self._claims.get((namespace, name))
            if claim is not None:
                claim["status"] = status
                self._publish("MODIFIED", claim)

    def _publish(self, kind, claim):
        version = next(self._version)
        claim["metadata"]["resourceVersion"] = str(version)
        self._events.append((version, {"type": kind, "object": json.loads(json.dumps(claim))}))
        self._changed.notify_all()

    def _pod_ips(self, sandbox):
        address = self._pods.get(sandbox)
        return [address] if address else []

    def _sandbox(self, namespace, name):
        return {"apiVersion": SANDBOX_API, "kind": "Sandbox",
                "metadata": {"name": name, "namespace": namespace, "uid": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
                             "resourceVersion": str(next(self._version))},
                "spec": {"operatingMode": "Running"},
                "status": {"podIPs": self._pod_ips(name),
                           "conditions": [{"type": "Ready", "status": "True", "reason": "DependenciesReady",
                                           "message": "Pod is Ready"}]}}


def _status(code, reason, message):
    return {"apiVersion": "v1", "kind": "Status", "metadata": {}, "code": code, "reason": reason,
            "message": message, "status": "Success" if code < 400 else "Failure"}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kube = None

    def log_message(self, *arguments):
        pass

    def _route(self):
        """(api, namespace, resource, name, query) of the request; answers 404 and returns None otherwise."""
        target = urllib.parse.urlsplit(self.path)
        self.kube.note(self.command, self.path)
        match = _PATH.match(target.path)
        known = {"sandboxclaims": CLAIM_API, "sandboxes": SANDBOX_API}
        if match is None or match[1] != known[match[3]]:
            self._answer(404, _status(404, "NotFound", "the server could not find the requested resource"))
            return None
        return match[2], match[3], match[4], urllib.parse.parse_qs(target.query)

    def _body(self):
        length = int(self.headers.get("Content-Length") or 0)
        return json.loads(self.rfile.read(length)) if length else None

    def _answer(self, code, body):
        payload = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def do_POST(self):
        body = self._body()
        route = self._route()
        if route is None:
            return
        namespace, resource, name, _ = route
        if resource != "sandboxclaims" or name is not None:
            self._answer(405, _status(405, "MethodNotAllowed", "only claims can be created"))
            return
        self._answer(*self.kube.create_claim(namespace, body))

    def do_DELETE(self):
        body = self._body()
        route = self._route()
        if route is None:
            return
        namespace, resource, name, _ = route
        if resource != "sandboxclaims" or name is None:
            self._answer(405, _status(405, "MethodNotAllowed", "only claims can be deleted"))
            return
        self._answer(*self.kube.delete_claim(namespace, name, body))

    def do_GET(self):
        route = self._route()
        if route is None:
            return
        namespace, resource, name, query = route
        if resource == "sandboxes":
            self._answer(*(self.kube.get_sandbox(namespace, name) if name else self.kube.list_sandboxes(namespace)))
        elif name is not None:
            self._answer(*self.kube.get_claim(namespace, name))
        else:
            selector = query.get("fieldSelector", [""])[0]
            wanted = selector[len("metadata.name="):] if selector.startswith("metadata.name=") else None
            if query.get("watch", ["false"])[0].lower() == "true":
                self._watch(namespace, wanted, query)
            else:
                self._answer(*self.kube.list_claims(namespace, wanted))

    def _watch(self, namespace, name, query):
        since = int(query.get("resourceVersion", ["0"])[0])
        timeout_s = float(query.get("timeoutSeconds", ["60"])[0])
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for event in self.kube.watch_claims(namespace, name, since, timeout_s):
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the SDK closes a watch as soon as it has what it waits for
