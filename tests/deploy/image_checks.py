"""What a built image must do when it is started the way the manifests start it."""

import ctypes
import dataclasses
import fcntl
import http.client
import http.server
import json
import multiprocessing
import os
import pathlib
import re
import signal
import socket
import stat
import struct
import sys
import threading
import time

import contract_table as contract
import manifests
import rootfs

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
BUILD_TOOLS = re.compile(r"(?:.*-dev|g\+\+.*|gcc|gcc-\d+|cmake|ninja-build|make|binutils|git|python3.*)")
REFUSAL_SECONDS = 2
START_SECONDS = 15
INGRESS_MANIFEST = manifests.REPOSITORY / "deploy" / "opensandbox-ingress" / "ingress.yaml"
STOP_SECONDS = 10


class CheckFailed(Exception):
    """An image that does not do what it must."""


def expect(condition, text):
    if not condition:
        raise CheckFailed(text)


@dataclasses.dataclass
class Image:
    name: str
    root: pathlib.Path
    state: dict

    def command(self):
        return self.state["entry_point"] + self.state["arguments"]

    def user(self):
        """The numeric user and group; Kubernetes cannot check runAsNonRoot with a name."""
        match = re.fullmatch(r"(\d+):(\d+)", self.state["user"])
        expect(match, f"{self.name}: USER must be two numbers, not {self.state['user']!r}")
        return int(match[1]), int(match[2])

    def start(self, work, environment, arguments=()):
        """Started with a Deployment's `args`, which are added to the entry point."""
        state = self.state
        return rootfs.Container(self.root, [*self.command(), *arguments], {**state["environment"], **environment}, state["cwd"],
                                self.user(), state["volumes"], work)

    def size_mib(self):
        blocks = sum(path.lstat().st_blocks for path in self.root.rglob("*"))
        return blocks * 512 // (1 << 20)

    def has_program(self, name):
        """Whether a program is found on the image's PATH and may be executed by everybody."""
        path = self.state["environment"].get("PATH", rootfs.DEFAULT_PATH)
        places = [self.root / folder.strip("/") / name for folder in path.split(":")]
        return any(place.exists() and place.stat().st_mode & stat.S_IXOTH for place in places)


# ---- asking ----

def ask(port, path, method="GET", headers=None, body=None):
    """Status, headers and body text of one request over loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode("utf-8")
    finally:
        connection.close()


def wait_until_answers(container, port, path):
    end = time.monotonic() + START_SECONDS
    while True:
        code = container.process.poll()
        expect(code is None, f"ended with status {code} instead of serving; it said:\n{container.log()}")
        try:
            if ask(port, path)[0] == 200:
                return
        except OSError:
            pass
        expect(time.monotonic() < end, f"no 200 for {path} on port {port} in {START_SECONDS} s; it said:\n{container.log()}")
        time.sleep(0.05)


def expect_answer(found, status, body, what):
    expect(found[0] == status, f"{what}: status {found[0]}, expected {status}; body {found[2][:300]!r}")
    expect(body in found[2], f"{what}: body {found[2][:300]!r}, expected {body!r} in it")


def check_process(container, image):
    """Process 1 runs as the image's user, without capabilities, and cannot gain any; its root cannot be written."""
    pid = container.pid()
    expect(pid is not None, f"{image.name}: no process 1 to look at")
    fields = dict(re.findall(r"(?m)^(\w+):\s*(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")))
    user, group = image.user()
    expect(user != 0, f"{image.name}: runs as root")
    expect(fields["Uid"].split() == [str(user)] * 4, f"{image.name}: runs as users {fields['Uid']}")
    expect(fields["Gid"].split() == [str(group)] * 4, f"{image.name}: runs as groups {fields['Gid']}")
    for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        expect(int(fields[name], 16) == 0, f"{image.name}: {name} is {fields[name]}")
    expect(fields["NoNewPrivs"] == "1", f"{image.name}: could gain privileges")
    expect(fields["NSpid"].split()[-1] == "1", f"{image.name}: is not process 1")
    expect(os.statvfs(f"/proc/{pid}/root/usr").f_flag & os.ST_RDONLY, f"{image.name}: its root can be written")


def check_contents(image, work, deadline):
    """Only what runs: no build tools, and every package the stage installs has a library that the program links."""
    query = ["dpkg-query", "-W", "-f", "${Package}\\n"]
    packages = rootfs.run_in(image.root, query, {}, "/", work, deadline).split()
    tools = [name for name in packages if BUILD_TOOLS.fullmatch(name)]
    expect(not tools, f"{image.name}: build tools in the image: {' '.join(tools)}")
    linked = rootfs.run_in(image.root, ["ldd", image.command()[0]], {}, "/", work, deadline)
    expect("not found" not in linked, f"{image.name}: a library is missing:\n{linked}")
    libraries = re.findall(r"=> (/\S+)", linked)
    # Debian's package lists name a library by /lib or by /usr/lib, which are the same folder.
    names = [name for path in libraries for name in (path.removeprefix("/usr"), "/usr" + path.removeprefix("/usr"))]
    found = rootfs.run_in(image.root, ["/bin/sh", "-c", 'dpkg -S "$@" 2>/dev/null || true', "sh", *names], {}, "/", work,
                          deadline)
    owners = {line.split(":")[0] for line in found.splitlines()}
    unused = sorted(set(image.state["installed"]) - owners)
    expect(not unused, f"{image.name}: installed but not linked by {image.command()[0]}: {' '.join(unused)}")


# ---- the targets ----

def manifest_environment(file_name):
    """The plain values a manifest sets; those from a Secret are left to the caller."""
    deployment = manifests.of_kind(manifests.load(file_name), "Deployment")
    items = manifests.find(deployment, contract.ROUTER + ".env")
    return {item["name"]: item["value"] for item in items if "value" in item}


def check_router(image, work):
    expect(image.state["ports"] == [8080, 8081, 9090], f"router: EXPOSE {image.state['ports']}")
    deployment = manifests.of_kind(manifests.load("sandbox_router.yaml"), "Deployment")
    pre_stop = manifests.find(deployment, contract.ROUTER + ".lifecycle.preStop.exec.command")
    expect(image.has_program(pre_stop[0]), f"router: preStop runs {pre_stop[0]}, which the image has not")
    identity = tuple(manifests.find(deployment, f"{contract.POD}.securityContext.{name}") for name in ("runAsUser", "runAsGroup"))
    expect(identity == image.user(), f"router: the manifest's user is {identity}, the image's {image.user()}")
    expect(not image.state["volumes"], "router: needs no writable path")

    with image.start(work, {}) as container:  # neither token nor the allow flag
        code = container.exit_code(REFUSAL_SECONDS)
        expect(code is not None and code > 0, f"router: without token and allow flag it must end within {REFUSAL_SECONDS} s"
                                              f" with an error, not {code}; it said:\n{container.log()}")
        expect("ROUTER_AUTH_TOKEN must be set" in container.log(), f"router: its refusal says:\n{container.log()}")

    with image.start(work, manifest_environment("sandbox_router.yaml")) as container:
        wait_until_answers(container, 8081, "/readyz")
        expect_answer(ask(8080, "/healthz"), 200, '{"status":"ok"}', "router: /healthz on 8080")
        expect_answer(ask(8081, "/healthz"), 200, '{"status":"ok"}', "router: /healthz on 8081")
        expect_answer(ask(8080, "/x"), 400, "X-Sandbox-ID header is required.", "router: no sandbox named")
        expect_answer(ask(9090, "/metrics"), 200, "sandbox_router_build_info", "router: /metrics on 9090")
        check_process(container, image)
        code = container.stop(STOP_SECONDS)
        expect(code == 0, f"router: status {code} after SIGTERM, expected 0; it said:\n{container.log()}")

    secured = {**manifest_environment("sandbox_router_token.yaml"), "ROUTER_AUTH_TOKEN": "correct-horse"}
    with image.start(work, secured) as container:
        wait_until_answers(container, 8081, "/readyz")
        expect_answer(ask(8080, "/x"), 401, "Missing or invalid Authorization header.", "router: no token")
        expect_answer(ask(8080, "/x", headers={"Authorization": "Bearer correct-horse"}), 400,
                      "X-Sandbox-ID header is required.", "router: right token")
        expect("correct-horse" not in container.log(), "router: the token stands in the log")


def check_runtime(image, work):
    expect(image.state["ports"] == [8888], f"runtime: EXPOSE {image.state['ports']}")
    with image.start(work, {}) as container:
        wait_until_answers(container, 8888, "/")
        expect_answer(ask(8888, "/"), 200, "Sandbox Runtime is active.", "runtime: /")
        check_process(container, image)
        expect(execute("id -u")["stdout"] == f"{image.user()[0]}\n", "runtime: a command runs as another user")
        wrote = execute("sh -c 'echo kept > /app/note && echo scratch > /tmp/note && cat /app/note'")
        expect((wrote["exit_code"], wrote["stdout"]) == (0, "kept\n"), f"runtime: cannot write to its folders: {wrote}")
        expect(execute("touch /usr/bin/intruder")["exit_code"] != 0, "runtime: a command can write outside its folders")
        execute("sh -c 'sleep 0.1 & exit 0'")
        expect_no_zombies(container)
        code = container.stop(STOP_SECONDS)
        expect(code == 0, f"runtime: status {code} after SIGTERM, expected 0; it said:\n{container.log()}")


def execute(command):
    found = ask(8888, "/execute", "POST", {"Content-Type": "application/json"}, json.dumps({"command": command}))
    expect(found[0] == 200, f"runtime: /execute {command!r} gives {found[0]} {found[2][:300]!r}")
    return json.loads(found[2])


def expect_no_zombies(container):
    """Process 1 inherits what commands leave behind and must reap it; it gets two seconds."""
    pid = container.pid()
    end = time.monotonic() + 2
    while True:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        if not children:
            return
        if time.monotonic() > end:
            break
        time.sleep(0.05)
    states = [f"{child}: {pathlib.Path(f'/proc/{child}/stat').read_text(encoding='utf-8')}" for child in children]
    raise CheckFailed("runtime: left behind as process 1:\n" + "\n".join(states))


class ClusterApi(http.server.BaseHTTPRequestHandler):
    """As much of an API server as a watch of one BatchSandbox needs."""

    GROUP = "sandbox.opensandbox.io"
    SANDBOX = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "BatchSandbox",
               "metadata": {"name": "sb", "namespace": "opensandbox", "uid": "1", "resourceVersion": "1",
                            "annotations": {"sandbox.opensandbox.io/endpoints": '["127.0.0.1"]'}},
               "spec": {"replicas": 1}, "status": {"replicas": 1, "ready": 1}}
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        version = {"groupVersion": f"{self.GROUP}/v1alpha1", "version": "v1alpha1"}
        if path == f"/apis/{self.GROUP}":
            self.reply({"kind": "APIGroup", "apiVersion": "v1", "name": self.GROUP, "versions": [version],
                        "preferredVersion": version})
        elif path == f"/apis/{self.GROUP}/v1alpha1":
            self.reply({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version["groupVersion"],
                        "resources": [{"name": "batchsandboxes", "singularName": "batchsandbox", "namespaced": True,
                                       "kind": "BatchSandbox", "verbs": ["get", "list", "watch"]}]})
        elif not path.endswith("/batchsandboxes"):
            self.reply({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}, 404)
        elif "sendInitialEvents=true" in query:
            self.reply({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": 422}, 422)
        elif "watch=" in query:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.rfile.read(1)  # until the client leaves
        else:
            self.reply({"kind": "BatchSandboxList", "apiVersion": version["groupVersion"], "metadata": {"resourceVersion": "1"},
                        "items": [self.SANDBOX]})

    def reply(self, answer, status=200):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Told(http.server.BaseHTTPRequestHandler):
    """A sandbox: it tells its path."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_):
        pass


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def check_ingress(image, work):
    expect(image.state["ports"] == [28888, 8081, 9090], f"ingress: EXPOSE {image.state['ports']}")
    expect(image.command() == ["./ingress"], f"ingress: starts {image.command()}")
    expect(not image.state["volumes"], "ingress: needs no writable path")
    deployment = manifests.of_kind(manifests.parse(INGRESS_MANIFEST.read_text(encoding="utf-8")), "Deployment")
    container = manifests.find(deployment, "spec.template.spec.containers")[0]
    security = manifests.find(deployment, "spec.template.spec.securityContext")
    identity = (security["runAsUser"], security["runAsGroup"])
    expect(identity == image.user(), f"ingress: the manifest's user is {identity}, the image's {image.user()}")

    with image.start(work, {}, ["--mode=nonsense"]) as one:
        expect(one.exit_code(REFUSAL_SECONDS) == 2 and "nonsense" in one.log(),
               f"ingress: --mode=nonsense; it said:\n{one.log()}")

    sandbox = serve(Told)
    arguments = [*container["args"], f"--server=http://127.0.0.1:{serve(ClusterApi)}", "--allow-loopback-pod-ip"]
    with image.start(work, {}, arguments) as one:
        wait_until_answers(one, 28888, "/status.ok")
        expect(" Git Commit  : " in one.log(), f"ingress: no banner; it said:\n{one.log()}")
        named = {"OpenSandbox-Ingress-To": f"sb-{sandbox}"}
        expect_answer(ask(28888, "/a/b", headers=named), 200, "/a/b", "ingress: a sandbox")
        expect_answer(ask(28888, "/", headers={"OpenSandbox-Ingress-To": "no-1"}), 404,
                      "OpenSandbox Ingress: sandbox not found: no", "ingress: no sandbox")
        expect_answer(ask(9090, "/metrics"), 200, "# HELP", "ingress: /metrics on 9090")
        check_process(one, image)
        code = one.stop(STOP_SECONDS)
        expect(code == 0, f"ingress: status {code} after SIGTERM, expected 0; it said:\n{one.log()}")


CHECKS = {"ingress": check_ingress, "router": check_router, "runtime": check_runtime}


def _enter_own_network():
    """A network of its own with loopback only: the programs' ports are free, and nothing gets out."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "could not make a network namespace")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _check_in_child(image, work, said):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped on the way out
    try:
        _enter_own_network()
        CHECKS[image.name](image, work)
    except (CheckFailed, OSError, http.client.HTTPException, ValueError, KeyError) as error:
        said.send(f"{type(error).__name__}: {error}")
    else:
        said.send("")


def check(image, work, deadline):
    """All checks of an image; CheckFailed with what was wrong."""
    check_contents(image, work, deadline)
    context = multiprocessing.get_context("fork")
    said, saying = context.Pipe(duplex=False)
    child = context.Process(target=_check_in_child, args=(image, work, saying), daemon=True)
    child.start()
    saying.close()
    try:
        text = said.recv() if said.poll(deadline.left()) else "the checks took longer than the time limit"
    except EOFError:
        text = "the checks ended without a word"
    child.terminate()
    child.join()
    expect(text == "", text)
