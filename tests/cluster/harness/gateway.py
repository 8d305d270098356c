"""The gateway programs on a cluster stand-in, their metrics and health, and requests to them."""
import json

from support.peer import connect

from .process import START_PATIENCE, Process, binary, eventually


def raw(method, target, fields=(), body=b"", host="client.example"):
    """The bytes of a request; `fields` are "Name: value"."""
    lines = [f"{method} {target} HTTP/1.1"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += fields
    if body and not any(field.lower().startswith(("content-length", "transfer-encoding")) for field in fields):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Gateway:
    """`product` is router, proxy or ingress. `wait`: until it is ready, only until it "serves", or not at all (False)."""

    def __init__(self, product, cluster, *flags, env=None, workers=1, wait=True, kubeconfig=None, loopback=True):
        self.product = product
        command = [binary("sandgate"), product, "--kubeconfig", kubeconfig or cluster.kubeconfig, f"--workers={workers}",
                   "--http-bind-address=127.0.0.1:0", "--metrics-bind-address=127.0.0.1:0",
                   "--health-probe-bind-address=127.0.0.1:0",
                   # Tests often meet a refused port on purpose: no second of theirs goes into waiting for it.
                   "--upstream-retry-initial-delay=1ms", "--upstream-retry-max-delay=1ms"]
        if loopback:
            command.append("--allow-loopback-pod-ip")
        if product == "router":
            command.append("--cache-enabled")
            env = {"ALLOW_UNAUTHENTICATED_ROUTER": "true", **(env or {})}
        self.program = Process(command + list(flags), env=env)
        try:
            if wait:
                self.wait_serving()
            if wait is True:
                eventually(lambda: self.probe().status == 200, "readiness", START_PATIENCE)
        except BaseException:  # nobody else knows of the process yet
            self.program.process.kill()
            self.program.wait()
            raise

    def wait_serving(self):
        serving = self.program.wait_record(lambda record: record.get("msg") == "serving", within=START_PATIENCE)
        split = lambda text: (text.rsplit(":", 1)[0], int(text.rsplit(":", 1)[1]))
        self.address, self.health, self.metrics_address = (split(serving[key]) for key in ("http", "health", "metrics"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.program.stop()

    # --- requests

    def connect(self):
        return connect(self.address)

    def ask(self, method, target, fields=(), body=b"", host="client.example", client=None):
        """One request over `client` or a connection of its own, and its answer."""
        if client is not None:
            client.send(raw(method, target, fields, body, host))
            return client.response(method)
        with self.connect() as own:
            own.send(raw(method, target, fields, body, host))
            return own.response(method)

    def get(self, target, *fields, client=None):
        return self.ask("GET", target, fields, client=client)

    def box(self, name, target="/", *fields, method="GET", client=None, ns=None, port=None, body=b""):
        """A request to the router for sandbox `name`."""
        named = [f"X-Sandbox-ID: {name}"] if name is not None else []
        if ns is not None:
            named.append(f"X-Sandbox-Namespace: {ns}")
        if port is not None:
            named.append(f"X-Sandbox-Port: {port}")
        return self.ask(method, target, [*named, *fields], body, client=client)

    def probe(self, target="/readyz"):
        with connect(self.health) as client:
            client.send(raw("GET", target, ["Connection: close"]))
            return client.response()

    def metrics(self):
        """{"name{labels}": value}."""
        with connect(self.metrics_address) as client:
            client.send(raw("GET", "/metrics", ["Connection: close"]))
            text = client.response().body.decode()
        values = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values

    def events(self):
        """How many changes of objects it was told of."""
        return self.metrics()["sandgate_discovery_events_total"]

    def wait_events(self, before, pod=True):
        """Until it was told of all that Cluster.sandbox() does. Sandboxes and Pods are watched on two streams: a Sandbox
        may be ready before its Pod is heard of, and then, for a moment, is not."""
        eventually(lambda: self.events() - before >= (4 if pod else 2), "the events of a sandbox and its Pod")


def told(response):
    """What `boxes.tell` answered."""
    if response.status != 200:
        raise AssertionError(f"status {response.status}: {response.body[:300]!r}")
    return json.loads(response.body)


def fields_of(answer, name):
    """The values of a request's field, from `boxes.tell`'s answer."""
    return [value for key, value in answer["fields"] if key.lower() == name.lower()]
