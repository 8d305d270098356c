"""What only the stand-in has: faults, its node's processes, names, tunnels, tokens, versions, preloading.

Usage: integration_test.py PATH_OF_SANDGATE_DEVCLUSTER [unittest options]"""

import base64
import os
import signal
import socket
import stat
import struct
import subprocess
import unittest
import urllib.parse

from integration_support import AGENTS, CORE, EXTENSIONS, Api, DevCluster, alive, condition, is_ready, main, program, \
    template, wait_until

BOXES = AGENTS + "/namespaces/default/sandboxes"
PODS = CORE + "/namespaces/default/pods"


def add_box(cluster, name, **spec):
    body = template(name)
    body["spec"].update(spec)
    return cluster.api.create(BOXES, body)


def ready_box(cluster, name):
    def look():
        box = cluster.api.get(BOXES + "/" + name).json()
        return box if is_ready(box) else None
    return wait_until(look, "a ready Sandbox " + name)


def pod_of(cluster, name):
    return cluster.api.get(PODS + "/" + name).json()


def main_process(cluster, address):
    """Number of the Pod's program, found by its command line."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                if ("%s:8888" % address).encode() in file.read().split(b"\0"):
                    return int(pid)
        except OSError:
            pass
    raise AssertionError("no process for " + address)


def execute(address, command):
    api = Api("http://%s:8888" % address)
    return api.create("/execute", {"command": command}, status=200)


def resolve(dns, name, kind=1):
    """(rcode, addresses) of one query."""
    query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    for label in name.split("."):
        query += bytes([len(label)]) + label.encode()
    query += b"\0" + struct.pack(">HH", kind, 1)
    host, port = dns.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(10)
        udp.sendto(query, (host, int(port)))
        answer = udp.recv(1500)
    assert answer[:2] == query[:2] and answer[len(query[:12]):len(query)] == query[12:], answer
    count = struct.unpack(">H", answer[6:8])[0]
    records = answer[len(query):]
    assert len(records) == 16 * count, answer
    return answer[3] & 15, [socket.inet_ntoa(records[i * 16 + 12:i * 16 + 16]) for i in range(count)]


class Tunnel:
    """One port-forward by WebSocket."""

    def __init__(self, cluster, pod, ports, protocol="v4.channel.k8s.io"):
        url = urllib.parse.urlsplit(cluster.addresses["server"])
        self.socket = socket.create_connection((url.hostname, url.port), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(("GET %s/%s/portforward?%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n" % (
                                 PODS, pod, "&".join("ports=%d" % p for p in ports), key, protocol)).encode())
        self.stream = self.socket.makefile("rb")
        self.status = int(self.stream.readline().split()[1])
        self.headers = {}
        for line in iter(self.stream.readline, b"\r\n"):
            name, value = line.decode().split(":", 1)
            self.headers[name.lower()] = value.strip()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.stream.close()
        self.socket.close()

    def frame(self):
        first, second = self.stream.read(2)
        size = second & 127
        if size == 126:
            size = struct.unpack(">H", self.stream.read(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.stream.read(8))[0]
        return first & 15, self.stream.read(size)

    def send(self, payload, opcode=2):
        mask = os.urandom(4)
        size = struct.pack(">BB", 0x80 | opcode, 0x80 | len(payload)) if len(payload) < 126 else \
            struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, len(payload)) if len(payload) < 65536 else \
            struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, len(payload))
        self.socket.sendall(size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def channel(self, number, until):
        """Bytes of a channel until `until(bytes)` holds."""
        got = b""
        while not until(got):
            opcode, payload = self.frame()
            assert opcode == 2, (opcode, payload)
            if payload[0] == number:
                got += payload[1:]
        return got


class Processes(unittest.TestCase):
    def test_pods_are_processes_without_privileges(self):
        with DevCluster() as cluster:
            add_box(cluster, "box")
            address = ready_box(cluster, "box")["status"]["podIPs"][0]
            pid = main_process(cluster, address)
            with open("/proc/%d/status" % pid) as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            self.assertEqual("1", status["NoNewPrivs"].strip())
            if os.geteuid() == 0:
                self.assertEqual(["65534"] * 4, status["Uid"].split())
                self.assertEqual(["65534"] * 4, status["Gid"].split())
                self.assertEqual("", status["Groups"].strip())
                self.assertEqual(0, int(status["CapEff"], 16))
            self.assertEqual(0, execute(address, "touch here")["exit_code"])
            log = cluster.api.get(PODS + "/box/log").body.decode()
            self.assertIn("listening on %s:8888" % address, log)

    def test_nothing_outlives_a_pod_or_the_program(self):
        with DevCluster() as cluster:
            for name in ("one", "two"):
                add_box(cluster, name)
            left = {}
            for name in ("one", "two"):
                address = ready_box(cluster, name)["status"]["podIPs"][0]
                # A daemon: its parents are gone, its session is its own.
                answer = execute(address, "sh -c 'setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $!'")
                left[name] = [main_process(cluster, address), int(answer["stdout"])]
                self.assertTrue(all(map(alive, left[name])))
            cluster.api.delete(BOXES + "/one")
            wait_until(lambda: not any(map(alive, left["one"])), "the end of the first Pod's processes")
            self.assertTrue(all(map(alive, left["two"])))
            self.assertEqual(0, cluster.stop())
            # It was killed before the program ended; to die takes a busy machine a moment.
            wait_until(lambda: not any(map(alive, left["two"])), "the end of the second Pod's processes")
            self.assertFalse([name for name in os.listdir(cluster.world) if name.startswith("sandgate-devcluster-")])
            self.assertFalse(os.path.exists(cluster.kubeconfig))

    def test_pods_end_with_a_killed_program(self):
        with DevCluster() as cluster:
            add_box(cluster, "box")
            pid = main_process(cluster, ready_box(cluster, "box")["status"]["podIPs"][0])
            cluster.process.kill()
            cluster.process.wait()
            wait_until(lambda: not alive(pid), "the end of the Pod's program")

    def test_a_pod_that_dies_comes_back(self):
        with DevCluster() as cluster:
            add_box(cluster, "box")
            first = ready_box(cluster, "box")
            pid = main_process(cluster, first["status"]["podIPs"][0])
            with cluster.api.watch(BOXES, fieldSelector="metadata.name=box", timeoutSeconds=20,
                                   resourceVersion=first["metadata"]["resourceVersion"]) as watch:
                cluster.fault("kill-pod", namespace="default", name="box")
                watch.until(lambda _, box: not is_ready(box))
                watch.until(lambda _, box: is_ready(box))
            pod = pod_of(cluster, "box")
            self.assertEqual(1, pod["status"]["containerStatuses"][0]["restartCount"])
            self.assertEqual(first["status"]["podIPs"][0], pod["status"]["podIP"])
            self.assertNotEqual(pid, main_process(cluster, pod["status"]["podIP"]))

    def test_a_pod_that_is_not_restarted_finishes(self):
        with DevCluster("--image", "once*=/bin/false") as cluster:
            body = template("box")
            spec = body["spec"]["podTemplate"]["spec"]
            spec["restartPolicy"], spec["containers"][0]["image"] = "Never", "once:1"
            cluster.api.create(BOXES, body)
            def finished():
                box = cluster.api.get(BOXES + "/box").json()
                return box if condition(box, "Finished") else None

            box = wait_until(finished, "the end of the Pod")
            self.assertEqual({"Ready": "PodFailed", "Finished": "PodFailed"},
                             {c["type"]: c["reason"] for c in box["status"]["conditions"] if c["type"] in ("Ready", "Finished")})

    def test_other_programs_for_other_images(self):
        with DevCluster("--image", "web=python3 -m http.server --bind {ip} --directory {dir} {port}") as cluster:
            body = template("box")
            container = body["spec"]["podTemplate"]["spec"]["containers"][0]
            container["image"], container["ports"] = "web", [{"containerPort": 9999}]
            cluster.api.create(BOXES, body)
            address = ready_box(cluster, "box")["status"]["podIPs"][0]
            self.assertEqual(200, Api("http://%s:9999" % address).get("/").status)

    def test_a_limit_on_pods(self):
        with DevCluster("--pods-max", "1") as cluster:
            add_box(cluster, "one")
            ready_box(cluster, "one")
            add_box(cluster, "two")
            wait_until(lambda: pod_of(cluster, "two").get("status", {}).get("conditions"), "a word")
            pod = pod_of(cluster, "two")
            self.assertEqual(("Pending", "Unschedulable"), (pod["status"]["phase"], pod["status"]["conditions"][0]["reason"]))
            cluster.api.delete(BOXES + "/one")
            ready_box(cluster, "two")

    def test_a_pod_that_runs_elsewhere(self):
        with DevCluster() as cluster:
            server = cluster.addresses["server"]
            port = int(server.rsplit(":", 1)[1])
            cluster.api.create(PODS, {"metadata": {"name": "router", "labels": {"app": "r"}, "annotations": {
                "devcluster.sandgate.dev/address": "127.0.0.1", "devcluster.sandgate.dev/ports": "8080=%d" % port}},
                "spec": {"containers": [{"name": "main", "image": "x"}]}})
            cluster.api.create(CORE + "/namespaces/default/services", {
                "metadata": {"name": "router-svc"}, "spec": {"selector": {"app": "r"}, "ports": [{"port": 8080}]}})
            wait_until(lambda: pod_of(cluster, "router")["status"].get("podIP") == "127.0.0.1", "the address")
            slices = wait_until(lambda: [s for s in cluster.api.get(
                "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
                labelSelector="kubernetes.io/service-name=router-svc").json()["items"] if s["endpoints"]], "an endpoint")
            self.assertEqual(("router", True), (slices[0]["endpoints"][0]["targetRef"]["name"],
                                                slices[0]["endpoints"][0]["conditions"]["ready"]))
            with Tunnel(cluster, "router", [8080]) as tunnel:
                tunnel.send(b"\0GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                tunnel.channel(0, lambda got: got.endswith(b"ok"))


class PodsWithoutProcesses(unittest.TestCase):
    def test_addresses(self):
        with DevCluster("--pods", "none", "--pod-network", "10.1.2.0/24", "--reuse-addresses") as cluster:
            add_box(cluster, "one")
            first = ready_box(cluster, "one")["status"]["podIPs"][0]
            self.assertTrue(first.startswith("10.1.2."))
            cluster.api.delete(BOXES + "/one")
            wait_until(lambda: cluster.state()["pods"] == 0, "the end of the Pod")
            add_box(cluster, "two")
            self.assertEqual(first, ready_box(cluster, "two")["status"]["podIPs"][0])  # reused
            cluster.fault("reuse-addresses", on="false")
            cluster.api.delete(BOXES + "/two")
            wait_until(lambda: cluster.state()["pods"] == 0, "the end of the Pod")
            add_box(cluster, "three")
            self.assertNotEqual(first, ready_box(cluster, "three")["status"]["podIPs"][0])

    def test_slow_starts(self):
        with DevCluster("--pods", "none") as cluster:
            cluster.fault("start-delay", seconds="1.5")
            made = add_box(cluster, "slow")
            with cluster.api.watch(BOXES, resourceVersion=made["metadata"]["resourceVersion"], timeoutSeconds=1) as watch:
                for event in iter(watch.next, None):
                    self.assertFalse(is_ready(event[1]))
            ready_box(cluster, "slow")

    def test_two_hundred_at_once(self):
        with DevCluster("--pods", "none") as cluster:
            for i in range(200):
                add_box(cluster, "box-%d" % i)
            addresses = {ready_box(cluster, "box-%d" % i)["status"]["podIPs"][0] for i in range(200)}
            self.assertEqual(200, len(addresses))
            cluster.api.request("DELETE", BOXES)
            wait_until(lambda: cluster.state()["pods"] == 0 and cluster.state()["addressesInUse"] == 0, "the end of all")


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = DevCluster("--no-controllers", "--no-node", "--history", "8", "--bookmark-interval", "0.1")
        cls.api = cls.cluster.api

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__()

    def version(self):
        return self.api.get(BOXES).json()["metadata"]["resourceVersion"]

    def expect_gone(self, version):
        with self.api.watch(BOXES, resourceVersion=version, timeoutSeconds=10) as watch:
            kind, status = watch.next()
            self.assertEqual(("ERROR", 410, "Expired", "Status"), (kind, status["code"], status["reason"], status["kind"]))
            self.assertIsNone(watch.next())

    def test_a_history_of_bounded_length(self):
        before = self.version()
        add_box(self.cluster, "hist")
        for i in range(9):
            self.api.patch(BOXES + "/hist", {"metadata": {"labels": {"n": str(i)}}})
        self.expect_gone(before)
        with self.api.watch(BOXES, resourceVersion=str(int(self.version()) - 8), timeoutSeconds=10) as watch:
            self.assertEqual(["MODIFIED"] * 8, [kind for kind, _ in watch.take(8)])

    def test_forgotten_history(self):
        version = self.version()
        first = self.api.get(CORE + "/namespaces", limit=1).json()
        add_box(self.cluster, "forget")
        self.cluster.fault("forget-history")
        self.expect_gone(version)
        answer = self.api.get(CORE + "/namespaces", **{"limit": 1, "continue": first["metadata"]["continue"]})
        self.assertEqual((410, "Expired"), (answer.status, answer.json()["reason"]))

    def test_cut_watches(self):
        url = urllib.parse.urlsplit(self.cluster.addresses["server"])
        with socket.create_connection((url.hostname, url.port), timeout=10) as raw:
            raw.sendall(("GET %s?watch=true&resourceVersion=%s HTTP/1.1\r\nHost: x\r\n\r\n" % (BOXES, self.version())).encode())
            got = raw.recv(4096)
            self.assertTrue(got.startswith(b"HTTP/1.1 200 "), got)
            self.cluster.fault("cut-watches")
            try:
                while piece := raw.recv(4096):
                    got += piece
            except ConnectionResetError:
                pass
            self.assertFalse(got.endswith(b"0\r\n\r\n"), "the watch ended as if all was well")

    def test_expired_watches(self):
        with self.api.watch(BOXES, resourceVersion=self.version(), timeoutSeconds=30) as watch:
            wait_until(lambda: self.cluster.state()["watches"] >= 1, "the watch")
            self.cluster.fault("expire-watches")
            kind, status = watch.until(lambda kind, _: kind == "ERROR")
            self.assertEqual(410, status["code"])
            self.assertIsNone(watch.next())

    def test_a_pause(self):
        self.cluster.fault("pause", seconds="600")
        connection = self.api.connect(timeout=0.3)
        connection.request("GET", BOXES)
        with self.assertRaises(TimeoutError):
            connection.getresponse()
        connection.close()
        self.cluster.fault("resume")
        self.assertEqual(200, self.api.get(BOXES).status)
        self.cluster.fault("pause", seconds="0.2")
        self.assertEqual(200, self.api.get(BOXES).status)  # it ends by itself, and what waited is answered

    def test_bookmarks(self):
        version = self.version()
        with self.api.watch(BOXES, resourceVersion=version, timeoutSeconds=10, allowWatchBookmarks="true") as watch:
            self.api.create(CORE + "/namespaces/default/configmaps", {"metadata": {"generateName": "b-"}})
            _, bookmark = watch.until(
                lambda kind, thing: kind == "BOOKMARK" and int(thing["metadata"]["resourceVersion"]) > int(version))
            self.assertEqual("Sandbox", bookmark["kind"])

    def test_wrong_requests(self):
        for path in ("pause", "pause?seconds=x", "start-delay?seconds=-1", "nonsense"):
            self.assertIn(self.cluster.admin.request("POST", "/faults/" + path).status, (400, 404))
        self.assertIn(b"/faults/pause", self.cluster.admin.get("/").body)


class PortForward(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = DevCluster()
        add_box(cls.cluster, "box")
        ready_box(cls.cluster, "box")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__()

    def test_one_port(self):
        with Tunnel(self.cluster, "box", [8888]) as tunnel:
            self.assertEqual((101, "v4.channel.k8s.io"), (tunnel.status, tunnel.headers["sec-websocket-protocol"]))
            self.assertEqual([(2, b"\0\xb8\x22"), (2, b"\1\xb8\x22")], [tunnel.frame(), tunnel.frame()])
            tunnel.send(b"\0GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            tunnel.channel(0, lambda got: b"Runtime is active" in got)
            opcode, payload = tunnel.frame()
            self.assertEqual((8, 1000), (opcode, struct.unpack(">H", payload[:2])[0]))

    def test_two_ports_and_much_data(self):
        with Tunnel(self.cluster, "box", [8888, 8888]) as tunnel:
            for channel in range(4):
                self.assertEqual((2, bytes([channel]) + b"\xb8\x22"), tunnel.frame())
            body = os.urandom(3_000_000)
            head = (b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                    b"Content-Length: %d\r\n\r\n"
                    b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"big\"\r\n\r\n")
            tail = b"\r\n--b--\r\n"
            size = len(head.split(b"\r\n\r\n", 1)[1]) + len(body) + len(tail)
            upload = head.replace(b"%d", str(size).encode()) + body + tail
            for at in range(0, len(upload), 50_000):
                tunnel.send(b"\2" + upload[at:at + 50_000])
            tunnel.channel(2, lambda got: b"uploaded successfully" in got)
            tunnel.send(b"\0GET /download/big HTTP/1.1\r\nHost: x\r\n\r\n")
            got = tunnel.channel(0, lambda got: got.count(b"\r\n\r\n") and len(got.split(b"\r\n\r\n", 1)[1]) >= len(body))
            self.assertTrue(got.split(b"\r\n\r\n", 1)[1] == body)

    def test_a_closed_port(self):
        with Tunnel(self.cluster, "box", [7777]) as tunnel:
            error = tunnel.channel(1, lambda got: len(got) > 2)
            self.assertIn(b"7777", error[2:])
            self.assertEqual(8, tunnel.frame()[0])

    def test_ping_and_close(self):
        with Tunnel(self.cluster, "box", [8888]) as tunnel:
            tunnel.take = [tunnel.frame(), tunnel.frame()]
            tunnel.send(b"hello", opcode=9)
            self.assertEqual((10, b"hello"), tunnel.frame())
            tunnel.send(struct.pack(">H", 1000), opcode=8)
            self.assertEqual(8, tunnel.frame()[0])
            self.assertEqual(b"", tunnel.stream.read())

    def test_refusals(self):
        with Tunnel(self.cluster, "box", [8888], protocol="v5.channel.k8s.io") as tunnel:
            self.assertEqual(403, tunnel.status)
        with Tunnel(self.cluster, "box", []) as tunnel:
            self.assertEqual(400, tunnel.status)
        with Tunnel(self.cluster, "nobody", [8888]) as tunnel:
            self.assertEqual(404, tunnel.status)
        self.assertEqual(400, self.cluster.api.get(PODS + "/box/portforward", ports="8888").status)


class Names(unittest.TestCase):
    def test_services_by_name(self):
        with DevCluster() as cluster:
            dns = cluster.addresses["dns"]
            add_box(cluster, "box", service=True)
            box = ready_box(cluster, "box")
            name = box["status"]["serviceFQDN"]
            addresses = wait_until(lambda: resolve(dns, name)[1], "the name")
            self.assertEqual(box["status"]["podIPs"], addresses)
            self.assertEqual((0, box["status"]["podIPs"]), resolve(dns, name.upper()))
            self.assertEqual((0, []), resolve(dns, name, kind=28))  # no IPv6 address
            self.assertEqual(3, resolve(dns, "nobody.default.svc.cluster.local")[0])
            self.assertEqual(5, resolve(dns, "example.com")[0])
            cluster.api.patch(BOXES + "/box", {"spec": {"operatingMode": "Suspended"}})
            wait_until(lambda: resolve(dns, name) == (3, []), "the end of the name")


class Access(unittest.TestCase):
    def test_tokens_and_rules(self):
        with DevCluster("--token", "root", "--user", "reader=alice,staff", "--deny", "alice:list,watch:sandboxes:-",
                        "--deny", "alice:create:*:*") as cluster:
            everywhere = AGENTS + "/sandboxes"
            answer = cluster.api.get(everywhere)
            self.assertEqual((401, "Unauthorized"), (answer.status, answer.json()["reason"]))
            self.assertEqual(401, Api(cluster.addresses["server"], "wrong").get(everywhere).status)
            root = Api(cluster.addresses["server"], "root")
            self.assertEqual(200, root.get(everywhere).status)
            alice = Api(cluster.addresses["server"], "reader")
            answer = alice.get(everywhere)
            self.assertEqual((403, "Forbidden"), (answer.status, answer.json()["reason"]))
            self.assertEqual('sandboxes.agents.x-k8s.io is forbidden: User "alice" cannot list resource "sandboxes" in API group '
                             '"agents.x-k8s.io" at the cluster scope', answer.json()["message"])
            self.assertEqual(200, alice.get(BOXES).status)
            self.assertEqual(403, alice.request("POST", BOXES, template("x")).status)
            review = root.create("/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": "reader"}})["status"]
            self.assertEqual((True, "alice", ["staff", "system:authenticated"]),
                             (review["authenticated"], review["user"]["username"], review["user"]["groups"]))
            for namespace, allowed in (("", False), ("default", True)):
                attributes = {"verb": "list", "group": "agents.x-k8s.io", "resource": "sandboxes", "namespace": namespace}
                access = root.create("/apis/authorization.k8s.io/v1/subjectaccessreviews",
                                     {"spec": {"user": "alice", "resourceAttributes": attributes}})
                self.assertEqual(allowed, access["status"]["allowed"])
            self.assertEqual(0o600, stat.S_IMODE(os.stat(cluster.kubeconfig).st_mode))
            with open(cluster.kubeconfig) as file:
                text = file.read()
            self.assertIn('token: "root"', text)
            self.assertIn("server: " + cluster.addresses["server"], text)

    def test_service_accounts(self):
        with DevCluster("--token", "root", "--deny", "system:serviceaccount:default:robot:get:pods:*") as cluster:
            root = Api(cluster.addresses["server"], "root")
            accounts = CORE + "/namespaces/default/serviceaccounts"
            root.create(accounts, {"metadata": {"name": "robot"}})
            token = root.create(accounts + "/robot/token", {"spec": {}})["status"]["token"]
            robot = Api(cluster.addresses["server"], token)
            self.assertEqual(200, robot.get(PODS).status)
            self.assertEqual(403, robot.get(PODS + "/x").status)


class Versions(unittest.TestCase):
    def test_two_versions_of_one_object(self):
        with DevCluster("--serve-v1alpha1", "--pods", "none") as cluster:
            old = "/apis/agents.x-k8s.io/v1alpha1/namespaces/default/sandboxes"
            body = template("box")
            body["spec"]["replicas"] = 0
            made = cluster.api.create(old, body)
            self.assertEqual(("agents.x-k8s.io/v1alpha1", 0), (made["apiVersion"], made["spec"]["replicas"]))
            new = cluster.api.get(BOXES + "/box").json()
            self.assertEqual(("agents.x-k8s.io/v1beta1", "Suspended"), (new["apiVersion"], new["spec"]["operatingMode"]))
            self.assertNotIn("replicas", new["spec"])
            cluster.api.patch(old + "/box", {"spec": {"replicas": 1}})
            ready_box(cluster, "box")
            self.assertEqual(1, cluster.api.get(old + "/box").json()["status"]["replicas"])
            claims = "/apis/extensions.agents.x-k8s.io/v1alpha1/namespaces/default/sandboxclaims"
            cluster.api.create(EXTENSIONS + "/namespaces/default/sandboxtemplates", template("python"))
            cluster.api.create(claims, {"metadata": {"name": "c"}, "spec": {"sandboxTemplateRef": {"name": "python"}}})
            wait_until(lambda: is_ready(cluster.api.get(claims + "/c").json()), "a claim by template")

    def test_only_what_is_asked_for(self):
        with DevCluster("--no-v1beta1", "--serve-v1") as cluster:
            self.assertEqual(404, cluster.api.get(AGENTS + "/sandboxes").status)
            self.assertEqual(200, cluster.api.get("/apis/agents.x-k8s.io/v1/sandboxes").status)
            self.assertEqual(["agents.x-k8s.io/v1"],
                             [v["groupVersion"] for v in cluster.api.get("/apis/agents.x-k8s.io").json()["versions"]])

    def test_streaming_lists_as_on_other_servers(self):
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
        with DevCluster("--streaming-lists", "error") as cluster:
            with cluster.api.watch(BOXES, **query) as watch:
                self.assertEqual("ERROR", watch.next()[0])
                self.assertIsNone(watch.next())
        with DevCluster("--streaming-lists", "off", "--gone-by-status") as cluster:
            self.assertEqual(422, cluster.api.get(BOXES, watch="true", **query).status)
            self.assertEqual(410, cluster.api.get(BOXES, watch="true", resourceVersion="1").status)


class Preload(unittest.TestCase):
    def test_many_sandboxes_at_once(self):
        with DevCluster("--preload", "2000", "--preload-name", "many", "--preload-namespace", "load") as cluster:
            boxes = AGENTS + "/namespaces/load/sandboxes"
            page = cluster.api.get(boxes, limit=500).json()
            self.assertEqual(500, len(page["items"]))
            everything = cluster.api.get(AGENTS + "/sandboxes").json()["items"]
            self.assertEqual(2000, len({box["metadata"]["uid"] for box in everything}))
            self.assertEqual(2000, len({box["status"]["podIPs"][0] for box in everything}))
            self.assertTrue(all(map(is_ready, everything)))
            cluster.api.patch(boxes + "/many-7", {"metadata": {"labels": {"user": "ann"}}})
            self.assertEqual(1, len(cluster.api.get(boxes, labelSelector="user=ann").json()["items"]))
            self.assertEqual(0, cluster.state()["pods"])


class CommandLine(unittest.TestCase):
    def run_program(self, *arguments):
        return subprocess.run([program(), *arguments], capture_output=True, text=True, timeout=20)

    def test_help_and_mistakes(self):
        answer = self.run_program("--help")
        self.assertEqual(0, answer.returncode)
        for flag in ("--listen", "--kubeconfig-out", "--pods", "--preload", "--admin-listen", "controllers"):
            self.assertIn(flag, answer.stdout)
        for arguments, word in ((["--listen", "nowhere"], "--listen"), (["--pods", "some"], "--pods"),
                                (["--user", "x"], "TOKEN=NAME"), (["--deny", "x"], "USER:VERBS"),
                                (["--no-v1beta1"], "--serve-v1"), (["--history", "0"], "--history"),
                                (["controllers"], "--kubeconfig")):
            answer = self.run_program(*arguments)
            self.assertEqual(2, answer.returncode, arguments)
            self.assertIn(word, answer.stderr)
        answer = self.run_program("--listen", "127.0.0.1:0", "--runtime", "/no/such/program")
        self.assertEqual(2, answer.returncode)
        self.assertIn("--runtime", answer.stderr)

    def test_it_stops_when_told(self):
        with DevCluster() as cluster:
            self.assertIn("for development and tests", cluster.messages())
            cluster.process.send_signal(signal.SIGINT)
            self.assertEqual(0, cluster.process.wait(20))


if __name__ == "__main__":
    main(__doc__)
