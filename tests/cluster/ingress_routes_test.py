"""The OpenSandbox ingress, contract opensandbox-ingress 2 and 4: routes of both modes, both providers, and who answers."""
import hashlib

from harness.boxes import PORT, box
from harness.gateway import Gateway, fields_of, told
from harness.ingress_case import IngressCase
from harness.peers import A
from harness.process import eventually

INVALID = "invalid ingress route: "
ATOI = INVALID + 'invalid port format: strconv.Atoi: parsing "%s": %s'


class Header(IngressCase):
    def ask(self, value, target="/"):
        return self.ingress.get(target, f"OpenSandbox-Ingress-To: {value}")

    def test_routed(self):
        for name in ("sb", "my-sandbox"):
            self.add(name)
        for value in (f"sb-{PORT}", f"sb-{PORT}.x.y", f"sb-{PORT}.", f"http://sb-{PORT}.x", f"https://sb-{PORT}", f"sb-0{PORT}",
                      f"sb-{PORT}.x:28888", f"my-sandbox-{PORT}", f"sb-+{PORT}"):
            with self.subTest(value):
                got = told(self.ask(value, "/a%2Fb//c/../d?x=%zz"))
                self.assertEqual((got["box"], got["target"]), ("my-sandbox" if "my" in value else "sb", "/a%2Fb//c/../d?x=%zz"))

    def test_refused(self):
        syntax, size = "invalid syntax", "value out of range"
        for value, message in (
                ("sb-abc", ATOI % ("abc", syntax)), ("sb-", ATOI % ("", syntax)), ("sb", INVALID + "invalid host: sb"),
                ("sb-99999999999999999999", ATOI % ("9" * 20, size)), ("-8080", INVALID + "invalid host: -8080"),
                ("sb_8080", INVALID + "invalid host: sb_8080"), ("localhost", INVALID + "invalid host: localhost"),
                ("127.0.0.1:28888", INVALID + "invalid host: 127.0.0.1:28888"),
                ("[::1]:28888", INVALID + "invalid host: [::1]:28888"), ("sb-8080:28888", ATOI % ("8080:28888", syntax)),
                ("sb-0", INVALID + "missing sandbox ID or port"), ("sb-65536", INVALID + "missing sandbox ID or port"),
                ("my-sandbox-0", INVALID + "missing sandbox ID or port")):
            with self.subTest(value):
                self.assert_message(self.ask(value), 400, message)
        self.assert_message(self.ask("SB-8080"), 404, "sandbox not found: SB")
        self.assert_message(self.ask("sb--8080"), 404, "sandbox not found: sb-")

    def test_where_the_route_comes_from(self):
        for name in ("one", "two", "three"):
            self.add(name)
        ask = lambda *fields, host: told(self.ingress.ask("GET", "/", fields, host=host))["box"]
        self.assertEqual(ask(host=f"three-{PORT}.example.com"), "three")
        self.assertEqual(ask(f"OPEN-SANDBOX-INGRESS: two-{PORT}", host=f"three-{PORT}.example.com"), "two")
        self.assertEqual(ask(f"OPEN-SANDBOX-INGRESS: two-{PORT}", f"OpenSandbox-Ingress-To: one-{PORT}",
                             host=f"three-{PORT}.x"), "one")
        self.assertEqual(ask("OpenSandbox-Ingress-To:", f"OPEN-SANDBOX-INGRESS: two-{PORT}", host="h"), "two")

    def test_no_route_at_all(self):
        missing = b"OpenSandbox Ingress: missing header 'Opensandbox-Ingress-To' or 'Host'\n"
        for head, body in ((b"GET / HTTP/1.1\r\nHost:\r\n\r\n", missing), (b"GET / HTTP/1.0\r\n\r\n", missing),
                           (b"GET / HTTP/1.1\r\n\r\n", b"400 Bad Request: missing required Host header")):
            with self.subTest(head), self.ingress.connect() as client:
                client.send(head)
                got = client.response()
                self.assertEqual((got.status, got.body), (400, body))

    def test_local_path(self):
        for method in ("GET", "POST", "HEAD", "DELETE"):
            got = self.ingress.ask(method, "/status.ok", ["OpenSandbox-Ingress-To: none-80"])
            self.assertEqual((got.status, got.get("content-type")), (200, b"text/plain; charset=utf-8"))
            self.assertEqual(got.body, b"" if method == "HEAD" else b"OK")
        self.add("sb")
        self.assertEqual(told(self.to("sb", "/status.ok/"))["target"], "/status.ok/")

    def test_odd_targets(self):
        self.add("sb")
        self.assertEqual((self.ingress.ask("OPTIONS", "*").status, self.ingress.ask("GET", "*").status), (200, 400))
        got = told(self.to("sb", "http://client.example/x?y"))
        self.assertEqual(got["target"], "/x?y")

    def test_reserved_scope_tokens(self):
        got = self.ask("f1.dGVuYW50LWE.Zmx0LTEyMw.8080.a.hOrVGoDoRtSWOo8C2KMpEw")
        self.assertEqual(got.status, 501)


class Uri(IngressCase):
    mode = "uri"

    def test_routed(self):
        self.add("sb")
        for target, wanted in ((f"/sb/{PORT}", "/"), (f"/sb/{PORT}/", "/"), (f"/sb/{PORT}?x=1", "/?x=1"),
                               (f"/sb/+{PORT}/a", "/a"), (f"/sb/{PORT}/a%2Fb", "/a%2Fb"), (f"/sb/{PORT}/%2e%2e/x", "/%2e%2e/x"),
                               (f"/sb%2F{PORT}/a", "/a"), (f"/sb/{PORT}/a?", "/a?"), (f"/sb/{PORT}//a/../b/./c", "//a/../b/./c"),
                               (f"/sb/{PORT}/../../etc", "/../../etc"), (f"/%73b/{PORT}/a", "/a")):
            with self.subTest(target):
                self.assertEqual(told(self.ingress.get(target, "OpenSandbox-Ingress-To: other-80"))["target"], wanted)

    def test_refused(self):
        form = INVALID + "invalid URI path format: expected '/<sandbox-id>/<sandbox-port>/<path-to-request>', got: "
        port = INVALID + "invalid port format: "
        for target, message in (("/", form + "/"), ("/sb", form + "/sb"), ("/sb/", port + 'invalid port ""'),
                                ("/sb/0/a", port + 'invalid port "0"'), ("/sb/65536/a", port + 'invalid port "65536"'),
                                ("/sb/abc/a", port + 'invalid port "abc"'),
                                ("/sb/08080/a", port + "port must not have leading zeros")):
            with self.subTest(target):
                self.assert_message(self.ingress.get(target), 400, message)
        self.assertEqual(self.ingress.get("/a%zz").status, 400)
        self.assert_message(self.ingress.get("/none/80/a"), 404, "sandbox not found: none")

    def test_signed_form_of_an_unprotected_sandbox_is_taken_as_legacy(self):
        self.add("sb")
        self.assertEqual(told(self.ingress.get(f"/sb/{PORT}/x2qxvk/3e5f26cda/a"))["target"], "/x2qxvk/3e5f26cda/a")


class CleanPaths(IngressCase):
    mode = "uri"
    flags = ("--clean-paths",)

    def test_redirects(self):
        for target, where in ((f"/sb/{PORT}//a?x=1", f"/sb/{PORT}/a?x=1"), (f"/sb/{PORT}/../../etc", "/etc"),
                              ("/sb/./x", "/sb/x")):
            got = self.ingress.get(target)
            self.assertIn(got.status, (301, 307))
            self.assertEqual(got.get("location"), where.encode())


class Batch(IngressCase):
    def test_states(self):
        ip = box(self).ip
        prefix = "sandbox not ready: default/"
        self.batch("not-ready", ip, ready=0, replicas=3)
        self.batch("none")
        self.batch("empty", raw_endpoints="[]")
        self.batch("broken", raw_endpoints="[1,")
        for name in ("not-ready", "none", "empty", "broken"):
            eventually(lambda name=name: self.to(name).status == 503 and b"0/0" not in self.to(name).body, "its status")
        self.assert_message(self.to("not-ready"), 503, prefix + "not-ready (ready: 0/3)")
        self.assertIn(self.to("none").body.decode(), (
            f"OpenSandbox Ingress: {prefix}none: BatchSandbox has no annotations\n",
            f"OpenSandbox Ingress: {prefix}none: missing sandbox.opensandbox.io/endpoints annotation\n"))
        self.assertEqual(self.to("none").status, 503)
        self.assert_message(self.to("empty"), 503, prefix + "empty: endpoints annotation contains no IPs")
        got = self.to("broken")
        self.assertEqual(got.status, 503)
        begin = f"OpenSandbox Ingress: {prefix}broken: failed to parse endpoints annotation: "
        self.assertTrue(got.body.startswith(begin.encode()), got.body)
        self.assert_message(self.to("unknown"), 404, "sandbox not found: unknown")

    def test_forbidden_endpoints(self):
        for at, ip in enumerate(("", "0.0.0.0", "169.254.169.254", "::ffff:169.254.169.254", "::ffff:0.0.0.0", "fe80::1", "::",
                                 "not-an-ip", "10.0.0.1:80")):
            with self.subTest(ip):
                name = f"bad-{at}"
                self.batch(name, ip)
                eventually(lambda name=name: self.to(name).status != 404 and b"0/0" not in self.to(name).body, "its status")
                got = self.to(name)
                self.assertEqual(got.status, 503)
                begin = f"OpenSandbox Ingress: sandbox not ready: default/{name}: "
                self.assertTrue(got.body.startswith(begin.encode()), got.body)

    def test_loopback_endpoints_need_the_switch(self):
        origin = box(self)
        self.batch("lo", origin.ip)
        self.batch("lo6", "::ffff:" + origin.ip)
        with Gateway("ingress", self.cluster, loopback=False) as ingress:
            for name in ("lo", "lo6"):
                to = f"OpenSandbox-Ingress-To: {name}-{PORT}"
                eventually(lambda to=to: ingress.get("/", to).status != 404, "it is known")
                self.assertEqual(ingress.get("/", to).status, 503)
        self.assertEqual(origin.connections, 0)

    def test_always_the_first_endpoint(self):
        first, second = box(self, name="first"), box(self, name="second")
        self.batch("sb", first.ip, second.ip)
        self.wait_routed("sb")
        for _ in range(4):
            self.assertEqual(told(self.to("sb"))["box"], "first")

    def test_ambiguous(self):
        ip = box(self).ip
        self.batch("twin", ip, ns="opensandbox")
        self.batch("twin", ip, ns="default", ready=0)
        eventually(lambda: self.to("twin").status == 502, "two of one name")
        self.assert_message(self.to("twin"), 502, 'ambiguous sandbox id "twin" found in multiple namespaces: '
                                                  '[default/twin opensandbox/twin]')
        self.gone("twin", "default")
        eventually(lambda: self.to("twin").status == 200, "one of them goes")

    def test_changes_are_seen_on_kept_connections(self):
        """Section 11, row 11."""
        old = self.add("sb")
        new = box(self, name="new")
        with self.ingress.connect() as client:
            self.assertEqual(told(self.to("sb", client=client))["box"], "sb")
            self.cluster.batch_endpoints("sb", [new.ip])
            eventually(lambda: told(self.to("sb", client=client))["box"] == "new", "the new address")
            self.cluster.batch_status("sb", ready=0)
            eventually(lambda: self.to("sb", client=client).status == 503, "not ready")
            self.cluster.delete_batch("sb")
            eventually(lambda: self.to("sb", client=client).status == 404, "gone")
        self.assertEqual(old.connections, 1)

    def test_connect_failures_are_502_with_an_empty_body(self):
        self.add("sb")
        got = self.to("sb", port=1)
        self.assertEqual((got.status, got.body), (502, b""))


class Agents(IngressCase):
    provider = "agent-sandbox"

    def test_by_name_of_its_service(self):
        origin = box(self, name="svc")
        self.dns.set("sb.default.svc.cluster.local", (A, origin.ip, 1))
        self.sandbox("sb", ips=[origin.ip], fqdn="sb.default.svc.cluster.local", service="sb")
        eventually(lambda: self.to("sb").status == 200, "the route")
        got = told(self.to("sb"))
        self.assertEqual((got["box"], fields_of(got, "host")), ("svc", [f"sb.default.svc.cluster.local:{PORT}"]))

    def test_a_name_is_looked_up_for_every_connection(self):
        """Section 11, row 11: however long the answer might be kept; and as it is, without the search list of a Pod."""
        name = "roams.default.svc.cluster.local"
        first, second = box(self, name="first"), box(self, name="second")
        self.dns.set(name, (A, first.ip, 300))
        self.sandbox("roams", ips=[first.ip, second.ip], fqdn=name)
        eventually(lambda: self.to("roams").status == 200, "the route")
        asked = self.dns.asked(name)
        self.assertEqual([told(self.to("roams"))["box"] for _ in range(5)], ["first"] * 5)
        self.assertEqual(self.dns.asked(name), asked, "asked although the connection was kept")
        self.dns.set(name, (A, second.ip, 300))
        first.__exit__()  # with the connection that was kept
        eventually(lambda: self.to("roams").status != 502, "the new address", 1)
        self.assertEqual(told(self.to("roams"))["box"], "second")
        self.assertEqual({one for one, _ in self.dns.queries if one.startswith("roams")}, {name})

    def test_unknown_service_name(self):
        self.sandbox("lost", ips=["127.9.9.9"], fqdn="lost.default.svc.cluster.local")
        eventually(lambda: self.to("lost").status == 502, "the route")
        got = self.to("lost")
        self.assertEqual((got.status, got.body), (502, b""))

    def test_by_address_where_there_is_no_service(self):
        self.add("plain")
        eventually(lambda: self.to("plain").status == 200, "the route")
        self.assertEqual(told(self.to("plain"))["box"], "plain")

    def test_states(self):
        self.cluster.create_sandbox("no-status")
        self.addCleanup(self.gone, "no-status", "default")
        self.sandbox("no-route")
        self.sandbox("unready", ips=["127.9.9.9"], ready=False, reason="PodFailed", message="it fell over")
        self.sandbox("bare", ips=["127.9.9.9"], conditions=[])
        self.sandbox("other", ips=["127.9.9.9"], conditions=[{"type": "Finished", "status": "False"}])
        self.sandbox("terse", ips=["127.9.9.9"], conditions=[{"type": "Ready", "status": "False"}])
        for name in ("no-status", "no-route", "unready", "bare", "other", "terse"):
            self.wait_known(name)
        eventually(lambda: b"DependenciesNotReady" in self.to("terse").body, "the last status")
        for name, message in (
                ("no-status", "sandbox no-status missing status"), ("no-route", "sandbox no-route has no serviceFQDN"),
                ("unready", "sandbox unready not ready (PodFailed: it fell over)"),
                ("bare", "sandbox bare not ready (NoConditions: no sandbox conditions reported)"),
                ("other", "sandbox other not ready (ReadyConditionMissing: ready condition missing)"),
                ("terse", "sandbox terse not ready (DependenciesNotReady: Ready condition is not True)")):
            with self.subTest(name):
                self.assert_message(self.to(name), 503, "sandbox not ready: " + message)

    def test_candidates(self):
        h = hashlib.sha256(b"x" * 70).hexdigest()[:8]
        self.assertEqual(h, "c71bd109")
        for identifier, objects in (("sbx", ["sandbox-sbx", "sbx"]), ("123abc", ["123abc", "sandbox-123abc"]),
                                    ("My_ID", ["sandbox-My_ID".lower().replace("_", "-"), "my-id"][1:]),
                                    ("x" * 70, ["x" * 54 + "-" + h])):
            for name in objects:
                with self.subTest(f"{identifier} {name}"):
                    self.add_named(name, identifier)

    def add_named(self, name, identifier):
        """Each later one is nearer to the front of the candidates and takes over."""
        origin = box(self, name=name)
        self.sandbox(name, ips=[origin.ip])
        eventually(lambda: self.to(identifier).get("x-box") == name.encode(), f"{name} for {identifier}")

    def test_versions(self):
        """Section 11, row 10: only v1alpha1 is served."""
        from harness.cluster import Cluster
        with Cluster("--serve-v1alpha1", "--no-v1beta1") as cluster:
            cluster.versions = "v1alpha1"
            origin = box(self, name="old")
            cluster.sandbox("old", ips=[origin.ip], pod=False)
            with Gateway("ingress", cluster, "--provider-type", "agent-sandbox") as ingress:
                eventually(lambda: ingress.get("/", f"OpenSandbox-Ingress-To: old-{PORT}").status == 200, "the route")


if __name__ == "__main__":
    import unittest
    unittest.main()
