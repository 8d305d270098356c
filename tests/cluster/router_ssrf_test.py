"""Issue 4, SSRF: hostile inputs by header, path, and names. Nothing outside the known sandboxes is ever dialled.

The proof is at the other end: listeners that no request may reach stand on the addresses that the inputs aim at (the
flag of the tests opens loopback, so nothing but the rules themselves keeps the gateway away from them), and what lies on
other networks must not show up in the gateway's own record of dials either."""
import json
import re
import unittest

from harness.boxes import PORT, box
from harness.cluster import Cluster
from harness.gateway import Gateway, raw
from harness.peers import AAAA, A, DnsServer
from harness.process import eventually

LITERALS = (
    "127.0.0.1", "127.1", "127.000.000.001", "0177.0.0.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "localhost",
    "0.0.0.0", "0", "::", "::1", "[::1]", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "[::ffff:127.0.0.1]",
    "169.254.169.254", "169.254.169.254.", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe",
    "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::", "2001:0:a9fe:a9fe::", "fe80::1", "fe80::1%eth0", "fd77::1%lo",
    "ff02::1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "10.96.0.1", "10.0.0.1", "172.16.0.1",
    "192.168.0.1", "100.64.0.1", "198.18.0.1", "fd00:ec2::254", "fd00::1", "1.2.3.4", "10.0.0.1:8888", "10.0.0.1/8",
    "user@10.0.0.1", "10.0.0.1#", "10.0.0.1?", "10.0.0.1,10.0.0.2", "10.0.0.1 10.0.0.2", "1.2.3", "256.1.1.1", "1.2.3.4.5",
    "１２７.0.0.1", "127。0。0。1")
NAMES = (
    "kubernetes", "kube-dns", "kubernetes.default", "kubernetes.default.svc.cluster.local", "localhost", "metadata",
    "metadata.google.internal", "169.254.169.254", "127.0.0.1", "box.default", "box.", ".box", "box..", "box@evil", "evil#box",
    "evil/box", "evil%2fbox", "evil\\box", "box:80", "box%00", "box%0d%0aHost:x", "BOX", "Box", "bóx", "xn--bx-ija", "-box",
    "box-", "b_x", "box,evil", "box;evil", "box evil", "*", "?", "..", ".", "a" * 64, "a" * 253, "1" * 64, "[::1]", "::1",
    "http://evil", "//evil", "box\tevil", "\u2024box", "box\u200b")
NAMESPACES = ("kube-system", "default.svc", "../default", "default/evil", "default%2fevil", "default@evil", "default#", "DEFAULT",
              "default ", "", "def_ault", "a" * 64, "default.evil.example", "svc.cluster.local", "127.0.0.1", "-default", "*")
PORTS = ("0", "-1", "65536", "99999", "8888x", "0x22b8", "22.0", "1e3", "8_888", "", "٨٨٨٨", "80 80", "80,81", "::", "8888:80")


class Ssrf(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.stop)
        cls.dns = DnsServer()
        cls.addClassCleanup(cls.dns.close)
        cls.router = Gateway("router", cls.cluster, "--strict-resolution", "--path-routing-prefix=/p",
                             f"--dns-server={cls.dns.address}")
        cls.addClassCleanup(cls.router.stop)
        cls.proxy = Gateway("proxy", cls.cluster, f"--dns-server={cls.dns.address}", "--upstream-max-retries=0",
                            "--connect-timeout=300ms")
        cls.addClassCleanup(cls.proxy.stop)

    def setUp(self):
        # Its predecessor, of the test before, has left the tables: nothing of it may turn up in this test's log.
        eventually(lambda: self.router.box("box").status == 404 and self.proxy.get("/ann/box/").status == 404, "an empty table")
        self.home = box(self, name="home")
        self.cluster.sandbox("box", ips=[self.home.ip], user="ann")
        self.addCleanup(self.cluster.delete_sandbox, "box")
        eventually(lambda: self.router.box("box").status == 200 and self.proxy.get("/ann/box/").status == 200, "the routes")
        # What the inputs aim at: loopback at the ports they name, and a neighbour that is no sandbox.
        self.traps = [box(self, name="trap", host="127.0.0.1"), box(self, name="neighbour")]
        self.home_before = self.home.connections
        self.lines_before = (len(self.router.program.lines), len(self.proxy.program.lines))
        self.queries_before = len(self.dns.queries)
        self.inputs = 0

    def check_traps(self, gateway=None):
        for trap in self.traps:
            self.assertEqual(trap.connections, 0, trap.ip)
        # The access log names what was dialled: only the sandbox's own address may stand there.
        for one, start in zip((self.router, self.proxy), self.lines_before):
            for line in one.program.lines[start:]:
                upstream = re.search(r'"upstream":"([^"]*)"', line or "")
                if upstream:
                    self.assertTrue(upstream.group(1).startswith(self.home.ip + ":"), line)
        self.assertIsNone(gateway)

    def hostile(self, gateway, method, target, *fields, statuses=range(400, 505), host="client.example"):
        """One request that must be refused, or serve the sandbox it names."""
        self.inputs += 1
        with gateway.connect() as client:
            client.send(raw(method, target, [], host=host)[:-2] +
                        b"".join(field.encode("utf-8") + b"\r\n" for field in fields) + b"\r\n")
            got = client.response(method)
        with self.subTest(f"{target} {fields}"):
            self.assertIn(got.status, statuses, got.body)
        return got

    def test_pod_ip_header(self):
        """Refused, or ignored by the policy `known`: then the named sandbox answers."""
        for ip in (*LITERALS, self.traps[1].ip, "::ffff:" + self.traps[1].ip):
            got = self.hostile(self.router, "GET", "/", "X-Sandbox-ID: box", f"X-Sandbox-Pod-IP: {ip}", statuses=(200, 400))
            if got.status == 200:
                self.assertEqual(got.get("x-box"), b"home", ip)
            self.hostile(self.router, "GET", "/", "X-Sandbox-ID: none", f"X-Sandbox-Pod-IP: {ip}", statuses=(400, 404))
        self.check_traps()
        self.assertGreater(self.inputs, 100)

    def test_names_namespaces_and_ports(self):
        for name in NAMES:
            got = self.hostile(self.router, "GET", "/", f"X-Sandbox-ID: {name}", statuses=(400, 404))
            self.assertNotEqual(got.get("x-box"), b"home", name)
        for ns in NAMESPACES:
            self.hostile(self.router, "GET", "/", "X-Sandbox-ID: box", f"X-Sandbox-Namespace: {ns}",
                         statuses=(200,) if ns == "default " else (400, 404))
        for port in PORTS:
            self.hostile(self.router, "GET", "/", "X-Sandbox-ID: box", f"X-Sandbox-Port: {port}", statuses=(400,))
        self.assertEqual(len(self.dns.queries), self.queries_before)
        self.check_traps()
        self.assertGreater(self.inputs, 70)

    def test_repeated_headers(self):
        for name, values in (("ID", ("box", "other")), ("ID", ("other", "box")), ("Namespace", ("default", "kube-system")),
                             ("Port", ("8888", "22")), ("Pod-IP", (self.home.ip, "127.0.0.1")), ("UID", ("a", "b"))):
            also = [] if name == "ID" else ["X-Sandbox-ID: box"]
            got = self.hostile(self.router, "GET", "/", *also, *[f"X-Sandbox-{name}: {value}" for value in values],
                               statuses=(400,))
            self.assertTrue(json.loads(got.body)["detail"].startswith("Invalid "))
        self.check_traps()

    def test_underscores_and_connection_lists(self):
        """A field that looks like a routing header does not route, and no client can have them taken away."""
        got = self.hostile(self.router, "GET", "/", "X-Sandbox-ID: box", "X_Sandbox_ID: other", "X_Sandbox_Pod_IP: 127.0.0.1",
                           "Connection: X-Sandbox-ID, Host", statuses=(200, 400))
        if got.status == 200:
            self.assertNotIn("x_sandbox_id", got.body.decode().lower())
        self.check_traps()

    def test_targets_and_hosts(self):
        for target, host in (("http://127.0.0.1:8888/", "x"), ("http://169.254.169.254/latest", "169.254.169.254"),
                             ("//127.0.0.1:8888/", "127.0.0.1:8888"), ("/http://127.0.0.1:8888/", "x"),
                             ("http://user@127.0.0.1:8888/", "x"), ("http://[::1]:8888/", "[::1]:8888"),
                             ("/\\127.0.0.1:8888", "x"), ("/@127.0.0.1:8888/", "127.0.0.1")):
            got = self.hostile(self.router, "GET", target, "X-Sandbox-ID: box", host=host, statuses=(200, 400))
            if got.status == 200:
                self.assertEqual(got.get("x-box"), b"home")
            self.hostile(self.router, "GET", target, host=host, statuses=(400,))
        for target in ("127.0.0.1:8888", "box:8888", "169.254.169.254:80"):
            self.hostile(self.router, "CONNECT", target, "X-Sandbox-ID: box", statuses=(400, 405))
        self.check_traps()

    def test_path_routing(self):
        odd = ("/p/default/box", "/p/default/box/", "/p/default//8888/x", "/p//box/8888/x", "/p/default/box/0/x",
               "/p/default/box/65536/x", "/p/default/box/99999/x", "/p/default/box/8888x/x", "/p/default/127.0.0.1/8888/x",
               "/p/default/169.254.169.254/80/x", "/p/default/kubernetes/443/api", "/p/kube-system/kube-dns/53/x",
               "/p/default/box%2f..%2fother/8888/x", "/p/default/%62ox@127.0.0.1/8888/x", "/p/default/box:80/8888/x",
               "/p/../default/box/8888/x", "/p/default/../box/8888/x", "/p/%2e%2e/box/8888/x", "/p/default/BOX/8888/x",
               "/p/default/[::1]/8888/x", "/p/default.svc/box/8888/x", "/p/default/box./8888/x", "/p/default/.box/8888/x",
               "/p/default/box/-1/x", "/p/default/box/٨/x".encode("utf-8").decode("latin-1"))
        for target in odd:
            got = self.hostile(self.router, "GET", target, "X-Sandbox-ID: box", statuses=(400, 404))
            self.assertNotEqual(got.get("x-box"), b"home", target)
        self.check_traps()

    def test_path_proxy(self):
        for first, second in (*[(name, "box") for name in NAMES], *[("ann", name) for name in (*NAMES, *LITERALS)]):
            target = f"/{first}/{second}/x".encode("utf-8").decode("latin-1").replace("\t", "%09").replace(" ", "%20")
            got = self.hostile(self.proxy, "GET", target, "X-Sandbox-ID: box", "X-Sandbox-Pod-IP: 127.0.0.1")
            self.assertNotEqual(got.get("x-box"), b"home", target)
        self.check_traps()
        self.assertGreater(self.inputs, 100)

    def test_answers_of_dns(self):
        """A Service's name under a tenant's control that leads elsewhere (rebinding)."""
        for at, (kind, ip) in enumerate((
                (A, "127.0.0.1"), (A, "169.254.169.254"), (A, "0.0.0.0"), (A, "10.96.0.1"), (A, self.traps[1].ip),
                (A, "224.0.0.1"), (A, "255.255.255.255"), (AAAA, "::1"), (AAAA, "::ffff:127.0.0.1"),
                (AAAA, "::ffff:169.254.169.254"), (AAAA, "fe80::1"), (AAAA, "64:ff9b::a9fe:a9fe"), (AAAA, "::"),
                (AAAA, "fd00:ec2::254"), (AAAA, "ff02::1"))):
            name = f"evil-{at}"
            self.dns.set(f"{name}.default.svc.cluster.local", (kind, ip, 1))
            self.cluster.sandbox(name, ips=[self.home.ip], user="ann", service=name, pod=False)
            self.addCleanup(self.cluster.delete_sandbox, name)
            eventually(lambda name=name: self.proxy.get(f"/ann/{name}/").status != 404, "the route")
            got = self.hostile(self.proxy, "GET", f"/ann/{name}/x", statuses=(200, 502))
            if got.status == 200:
                self.assertEqual(got.get("x-box"), b"home", ip)
        self.check_traps()

    def test_addresses_of_the_gateway_itself(self):
        """Threat model 1, row 20: no loop, no admin listener, also where loopback is open."""
        for at, (host, port) in enumerate((self.router.address, self.router.health, self.router.metrics_address)):
            name = f"self-{at}"
            self.cluster.sandbox(name, ips=[host])
            self.addCleanup(self.cluster.delete_sandbox, name)
            eventually(lambda name=name: self.router.box(name, port=1).status == 502, "the route")
            got = self.hostile(self.router, "GET", "/metrics", f"X-Sandbox-ID: {name}", f"X-Sandbox-Port: {port}",
                               statuses=(502,))
            self.assertNotIn(b"sandgate_", got.body)

    def test_api_server_and_node_ports(self):
        """A known sandbox's addresses are its own: what its object claims of other classes is refused."""
        for at, ip in enumerate(("169.254.169.254", "0.0.0.0", "::ffff:169.254.169.254", "fe80::1", "224.0.0.1", "240.0.0.1")):
            name = f"lie-{at}"
            self.cluster.sandbox(name, ips=[ip])
            self.addCleanup(self.cluster.delete_sandbox, name)
            eventually(lambda name=name: self.router.box(name).status != 404, "the route")
            self.hostile(self.router, "GET", "/", f"X-Sandbox-ID: {name}", statuses=(502, 503))
            self.hostile(self.router, "GET", "/", f"X-Sandbox-ID: {name}", f"X-Sandbox-Pod-IP: {ip}", statuses=(400, 502, 503))
        self.assertEqual(self.home.port, PORT)


if __name__ == "__main__":
    unittest.main()
