"""The OpenSandbox ingress, contract opensandbox-ingress 1 and 11: flags as Go programs take them, start, stop, outages."""
import base64
import json
import os
import signal
import subprocess
import threading
import time
import unittest

from harness.boxes import PORT, box
from harness.cluster import Cluster
from harness.gateway import Gateway, raw
from harness.peers import answer
from harness.process import binary, clean_environment, eventually

KEY = base64.b64encode(b"secret-alpha-0123456789").decode()  # ends with its padding


def run(*flags, env=None):
    return subprocess.run([binary("sandgate"), "ingress", *flags], env=clean_environment(env or {}), capture_output=True,
                          text=True, timeout=20, check=False)


class Flags(unittest.TestCase):
    def test_help_and_unknown(self):
        self.assertEqual(run("--help").returncode, 0)
        cluster = Cluster()
        self.addCleanup(cluster.stop)
        for flags in (["--no-such"], ["--port", "x"], ["--mode", "nonsense"], ["--provider-type=nonsense"],
                      ["--secure-access-keys=ab=aw=="], ["--secure-access-keys=A=aw=="], ["--secure-access-keys=a="],
                      ["--secure-access-keys=a=%%%"], ["--signature-refusals-max=99"],
                      ["--renew-intent-enabled", "--renew-intent-redis-dsn=http://x"]):
            with self.subTest(flags):
                done = run("--kubeconfig", cluster.kubeconfig, *flags)
                self.assertEqual(done.returncode, 2, done.stderr)
                if "nonsense" in flags[-1]:
                    self.assertIn("nonsense", done.stderr)

    def test_missing_kubeconfig(self):
        self.assertEqual(run("--kubeconfig=/nonexistent/config", "--port=0").returncode, 1)

    def test_forms(self):
        with Cluster() as cluster:
            origin = box(self)
            cluster.batch("sb", endpoints=[origin.ip])
            for flags in (["-mode", "uri"], ["--mode=uri"], ["-mode=uri"], ["--mode", "uri", "--namespace", "elsewhere"],
                          ["-mode=uri", "--log-level=nonsense"], ["-mode=uri", f"--secure-access-keys=a={KEY}"],
                          ["-mode=uri", "--secure-access-keys", f"a={KEY}, b=aw=="], ["-mode=uri", "--secure-access-keys="],
                          ["-mode=uri", "--renew-intent-enabled=false", "--wake-enabled=true", "--activity-min-interval=5s"]):
                with self.subTest(flags), Gateway("ingress", cluster, *flags) as ingress:
                    eventually(lambda ingress=ingress: ingress.get(f"/sb/{PORT}/x").status == 200, "the route")

    def test_log_output(self):
        """OPENSANDBOX_LOG_OUTPUT: everywhere it says; a file that cannot be opened ends the start."""
        with Cluster() as cluster:
            path = os.path.join(cluster.folder.name, "ingress.log")
            with Gateway("ingress", cluster, env={"OPENSANDBOX_LOG_OUTPUT": f"stdout, {path}"}) as ingress:
                self.assertEqual(ingress.get("/", f"OpenSandbox-Ingress-To: nobody-{PORT}").status, 404)
                ingress.program.wait_record(lambda one: one.get("status") == 404)
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
            self.assertEqual(lines, [line for line in ingress.program.lines if line and line.startswith("{")])
            messages = [json.loads(line)["msg"] for line in lines]
            self.assertIn("serving", messages)
            self.assertIn("request", messages)
            done = run("--kubeconfig", cluster.kubeconfig, env={"OPENSANDBOX_LOG_OUTPUT": "/nonexistent/ingress.log"})
            self.assertEqual(done.returncode, 2)
            self.assertIn("/nonexistent/ingress.log", done.stderr)

    def test_wildcard_means_header(self):
        with Cluster() as cluster, Gateway("ingress", cluster, "--mode=wildcard") as ingress:
            origin = box(self)
            cluster.batch("sb", endpoints=[origin.ip])
            eventually(lambda: ingress.ask("GET", "/", host=f"sb-{PORT}.x").status == 200, "the route")

    def test_banner(self):
        with Cluster() as cluster, Gateway("ingress", cluster) as ingress:
            banner = [line for line in ingress.program.lines[:12] if line and not line.startswith("{")]
            self.assertEqual((set(banner[0]), banner[1].strip(), set(banner[2])), ({"="}, "OpenSandbox Ingress", {"-"}))
            self.assertEqual([line[:15] for line in banner[3:8]], [" Version     : ", " Git Commit  : ", " Build Time  : ",
                                                                   " Go Version  : ", " Platform    : "])
            self.assertRegex(banner[5], r": \d{4}-\d\d-\d\d")
            self.assertEqual(set(banner[8]), {"="})


class Outages(unittest.TestCase):
    def begin(self, *flags):
        self.cluster = Cluster(*flags)
        self.addCleanup(self.cluster.stop)
        self.ingress = Gateway("ingress", self.cluster)
        self.addCleanup(self.ingress.stop)

    def to(self, name):
        return self.ingress.get("/", f"OpenSandbox-Ingress-To: {name}-{PORT}")

    def add(self, name, within=20):
        origin = box(self, name=name)
        self.cluster.batch(name, endpoints=[origin.ip])
        eventually(lambda: self.to(name).status == 200, f"the route of {name}", within)

    def test_api_stopped_and_back_within_12_s(self):
        """Section 11, row 8."""
        self.begin()
        self.add("sb")
        self.add("old")
        self.cluster.program.signal(signal.SIGSTOP)
        for _ in range(100):
            self.assertEqual(self.to("sb").status, 200)
        self.assertEqual(self.ingress.get("/status.ok").status, 200)
        self.cluster.program.signal(signal.SIGCONT)
        self.cluster.delete_batch("old")
        eventually(lambda: self.to("old").status == 404, "the deletion", 12)
        self.add("new", 12)

    def test_gone_as_status_and_as_event(self):
        for flags in ((), ("--gone-by-status",)):
            with self.subTest(flags):
                self.begin(*flags)
                self.add("sb")
                self.add("old")
                self.cluster.fault("forget-history")
                self.cluster.fault("expire-watches")
                self.cluster.delete_batch("old")
                eventually(lambda: self.to("old").status == 404, "the deletion", 12)
                self.assertEqual(self.to("sb").status, 200)
                self.add("new", 12)

    def test_not_ready_before_the_first_list(self):
        cluster = Cluster()
        self.addCleanup(cluster.stop)
        cluster.fault("pause", seconds=600)
        ingress = Gateway("ingress", cluster, wait=False)
        self.addCleanup(ingress.stop)
        ingress.program.wait_record(lambda record: record.get("msg") == "watching the cluster")
        self.assertRaises(AssertionError, ingress.program.wait_record, lambda record: record.get("msg") == "serving", within=0.3)
        cluster.fault("resume")
        ingress.wait_serving()
        self.assertEqual(ingress.probe("/readyz").status, 200)


class Rights(unittest.TestCase):
    def test_namespace_alone_where_the_list_of_all_is_forbidden(self):
        """Section 1, issue 1: who may read one namespace only gives it as --namespace."""
        cluster = Cluster("--user", "t-narrow=narrow", "--deny", "narrow:list,watch:batchsandboxes:-",
                          "--namespaces", "team-a,team-b")
        self.addCleanup(cluster.stop)
        self.assertIn("user: {}", cluster.kubeconfig_text)
        narrow = os.path.join(cluster.folder.name, "narrow")
        with open(narrow, "w", encoding="utf-8") as out:
            out.write(cluster.kubeconfig_text.replace("user: {}", "user: {token: t-narrow}"))
        here, there = box(self, name="here"), box(self, name="there")
        cluster.batch("here", ns="team-a", endpoints=[here.ip])
        cluster.batch("there", ns="team-b", endpoints=[there.ip])
        # Who may list all watches all, whatever --namespace says.
        with Gateway("ingress", cluster, "--namespace=team-a") as ingress:
            self.assertEqual([self.get(ingress, name) for name in ("here", "there")], [200, 200])
        with Gateway("ingress", cluster, "--namespace=team-a", kubeconfig=narrow) as ingress:
            self.assertEqual([self.get(ingress, name) for name in ("here", "there")], [200, 404])
            late = box(self, name="late")
            cluster.batch("late", ns="team-a", endpoints=[late.ip])
            eventually(lambda: self.get(ingress, "late") == 200, "a sandbox made later")

    @staticmethod
    def get(ingress, name):
        return ingress.get("/", f"OpenSandbox-Ingress-To: {name}-{PORT}").status


class Stop(unittest.TestCase):
    def begin(self):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.stop)
        self.ingress = Gateway("ingress", self.cluster)
        self.addCleanup(self.ingress.stop)
        self.go = threading.Event()

        def script(peer):
            peer.note(peer.request())
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                      b"9\r\ndata: 1\n\n\r\n")
            self.go.wait(20)
            peer.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
            peer.ended()
        origin, quick = box(self, script), box(self, lambda peer: (peer.request(), peer.send(answer(b"ok")), peer.ended()))
        self.addCleanup(self.go.set)
        self.cluster.batch("sse", endpoints=[origin.ip])
        self.cluster.batch("quick", endpoints=[quick.ip])
        for name in ("sse", "quick"):
            eventually(lambda name=name: self.ingress.get("/", f"OpenSandbox-Ingress-To: {name}-1").status == 502, "the route")
        self.stream = self.ingress.connect()
        self.addCleanup(self.stream.close)
        self.stream.send(raw("GET", "/", [f"OpenSandbox-Ingress-To: sse-{PORT}"]))
        self.stream.until(b"data: 1\n\n\r\n")

    def refused(self):
        try:
            got = self.ingress.get("/status.ok")
        except OSError:
            return True
        except Exception:  # the connection ended before an answer
            return True
        return got.status == 503

    def test_first_signal_drains(self):
        """Section 1: readiness fails within 1 s, open streams end whole, 0 at most 5 s after the last answer."""
        self.begin()
        idle = self.ingress.connect()
        self.addCleanup(idle.close)
        self.assertEqual(self.ingress.get("/", f"OpenSandbox-Ingress-To: quick-{PORT}", client=idle).body, b"ok")
        self.ingress.program.signal(signal.SIGTERM)
        eventually(self.refused, "an end of readiness", 5)
        self.assertIsNone(self.ingress.program.process.poll())
        self.go.set()
        self.stream.until(b"data: 2\n\n\r\n0\r\n\r\n")
        begin = time.monotonic()
        self.assertEqual(self.ingress.program.process.wait(10), 0)
        self.assertLess(time.monotonic() - begin, 9)

    def test_second_signal_ends_at_once(self):
        self.begin()
        self.ingress.program.signal(signal.SIGTERM)
        eventually(self.refused, "an end of readiness", 5)
        self.ingress.program.signal(signal.SIGTERM)
        begin = time.monotonic()
        self.ingress.program.process.wait(5)
        self.assertLess(time.monotonic() - begin, 5)


if __name__ == "__main__":
    unittest.main()
