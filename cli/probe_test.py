#!/usr/bin/env python3
"""One client that lives on while things happen around it: tunnels, sandboxd's files, threads, many sandboxes at once, told to
stop at random moments. Usage: probe_test.py BUILD_DIR [TEST...]"""
import os
import pathlib
import random
import signal
import stat
import subprocess
import threading
import unittest

import cluster_test
from cluster_test import BIN, KUBECTL_STUB, Cluster, until

ANSWER_S = 120.0
SYSTEM = "/api/v1/namespaces/agent-sandbox-system"


class Probe:
    """client-probe, answering a line with a line."""

    def __init__(self, cluster, mode, path=None):
        env = cluster.env()
        if path is not None:
            env["PATH"] = "%s:%s" % (path, env["PATH"])
        self.process = subprocess.Popen([str(BIN / "client-probe"), mode], env=env, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        said = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        if exc_info[0] is None and self.process.returncode != 0:  # also what a sanitizer found at the end
            raise AssertionError("the probe ended with %d: %s" % (self.process.returncode, said[-4000:]))

    def say(self, line):
        killer = threading.Timer(ANSWER_S, self.process.kill)
        killer.start()
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().rstrip("\n")
        finally:
            killer.cancel()
        if not answer:
            raise AssertionError("no answer to '%s'; stderr: %s" % (line, self.process.stderr.read()))
        return answer

    def must(self, line):
        answer = self.say(line)
        if answer != "ok" and not answer.startswith("ok "):
            raise AssertionError("%s: %s" % (line, answer))
        return answer[3:]

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def threads(self):
        return len(os.listdir("/proc/%d/task" % self.process.pid))

    def children(self):
        folder = pathlib.Path("/proc/%d/task" % self.process.pid)
        found = []
        for task in folder.iterdir():
            try:
                found += (task / "children").read_text().split()
            except FileNotFoundError:  # a thread that ended meanwhile
                continue
        return found

    def listeners(self):
        """How many TCP ports this process listens on."""
        inodes = set()
        folder = "/proc/%d/fd" % self.process.pid
        for name in os.listdir(folder):
            try:
                link = os.readlink(os.path.join(folder, name))
            except FileNotFoundError:  # closed meanwhile
                continue
            if link.startswith("socket:["):
                inodes.add(link[8:-1])
        with open("/proc/%d/net/tcp" % self.process.pid) as table:
            rows = [line.split() for line in table.readlines()[1:]]
        return sum(1 for row in rows if row[3] == "0A" and row[9] in inodes)


def put_kubectl(cluster, folder):
    """A stub of kubectl in a folder of its own: the stand-in speaks no SPDY (contract client 2.3 says what it does)."""
    folder.mkdir(exist_ok=True)
    stub = folder / "kubectl"
    stub.write_text("#!/usr/bin/env python3\n" + KUBECTL_STUB.replace("ROUTER", cluster.router_ip))
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    return folder


def kubectl_pids(folder):
    """Those of the stub that still run."""
    pids = (folder / "kubectl-pids").read_text().split()
    return [int(pid) for pid in pids if os.path.exists("/proc/" + pid)]


class Tunnels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(pool=3)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def test_one_tunnel_for_all_handles(self):
        with Probe(self.cluster, "tunnel") as probe:
            for name in "abc":
                probe.must("create %s pool" % name)
                self.assertEqual(probe.must("run %s echo %s" % (name, name)), name)
            self.assertEqual(probe.listeners(), 1)
        self.assertEqual(self.cluster.claims(), [])

    def test_one_kubectl_for_all_handles_and_a_new_one_when_it_dies(self):
        folder = put_kubectl(self.cluster, self.cluster.path / "bin-one")
        with Probe(self.cluster, "kubectl", folder) as probe:
            for name in "abc":
                probe.must("create %s pool" % name)
                self.assertEqual(probe.must("run %s echo %s" % (name, name)), name)
            before = kubectl_pids(folder)
            self.assertEqual(len(before), 1)
            os.kill(before[0], signal.SIGKILL)
            until(lambda: not kubectl_pids(folder) or self.is_zombie(before[0]), "the end of kubectl")
            self.assertEqual(probe.must("run a echo again"), "again")
            self.assertNotEqual(kubectl_pids(folder), before)
        self.assertEqual(kubectl_pids(folder), [])
        self.assertEqual(self.cluster.claims(), [])

    @staticmethod
    def is_zombie(pid):
        try:
            if len(os.listdir("/proc/%d/task" % pid)) > 1:  # its sockets are open as long as any of its threads is there
                return False
            with open("/proc/%d/stat" % pid) as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except FileNotFoundError:  # waited for between two looks
            return True

    def test_the_routers_pod_is_replaced_under_a_live_tunnel(self):
        with Probe(self.cluster, "tunnel") as probe:
            probe.must("create a pool")
            self.assertEqual(probe.must("run a echo before"), "before")
            self.replace_router()
            # The connection that was kept ended with its pod; the next one finds the new pod.
            self.assertEqual(probe.must("run a echo after"), "after")
            self.assertEqual(probe.listeners(), 1)
        self.assertEqual(self.cluster.claims(), [])

    def replace_router(self):
        self.cluster.request("DELETE", SYSTEM + "/pods/router-1")
        pods = lambda: [p["metadata"]["name"] for p in self.cluster.get(SYSTEM + "/pods")["items"]]  # noqa: E731
        until(lambda: pods() == [], "the end of the router's pod")
        self.cluster.post(SYSTEM + "/pods", {"apiVersion": "v1", "kind": "Pod",
                                             "metadata": {"name": "router-1", "labels": {"app": "sandbox-router"}},
                                             "spec": {"containers": [{"name": "r", "image": "router",
                                                                      "ports": [{"containerPort": 8080}]}]}})


class Sandboxd(unittest.TestCase):
    """The REST half of sandboxd, as sandgate-runtime answers it on each of its ports."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(pool=1, router=False)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def files(self, mode):
        with Probe(self.cluster, mode) as probe:
            probe.must("create a pool")
            probe.must("write a dir/one some text")
            self.assertEqual(probe.must("read a dir/one"), "some text")
            self.assertEqual(probe.must("list a dir"), "one:9:0644")
            self.assertEqual(probe.must("list a ."), "dir:%d:0755" % self.size_of_a_directory(probe))
            self.assertEqual(probe.must("exists a dir/one"), "yes")
            self.assertEqual(probe.must("exists a dir/two"), "no")
            self.assertTrue(probe.say("read a dir/two").startswith("error not_found read: "))
            self.assertIn("CONFLICT", probe.say("remove a dir"))
            probe.must("remove a dir recursive")
            self.assertEqual(probe.must("exists a dir"), "no")
            self.assertIn("error invalid_argument", probe.say("write a ../x y"))
            self.assertTrue(probe.say("run a echo x").startswith("error unsupported "))
        self.assertEqual(self.cluster.claims(), [])

    @staticmethod
    def size_of_a_directory(probe):
        return int(probe.must("list a .").split(":")[1])

    def test_through_a_tunnel_to_the_pod(self):
        self.files("sandboxd-tunnel")

    def test_in_the_cluster_by_pod_address(self):
        self.files("sandboxd-in-cluster")


class Threads(unittest.TestCase):
    def test_one_handle_from_many_threads(self):
        cluster = Cluster(pool=1, router=False)
        try:
            with Probe(cluster, "in-cluster") as probe:
                probe.must("create a pool")
                probe.must("threads a 8 10")
        finally:
            cluster.close()


class Many(unittest.TestCase):
    """Coroutines on one thread. Nothing may be left: no claim, pod, descriptor, thread or process."""

    def nothing_left(self, cluster, probe, before, what):
        # A fan ends with its client, and that with what it had to undo: claims are not waited for. A thread that was reading
        # credentials when it was told to stop ends by itself, a moment later.
        self.assertEqual(cluster.claims(), [], what)
        until(lambda: (probe.descriptors(), probe.threads(), probe.children()) == before,
              "going back to %r descriptors, threads and children after %s" % (before, what), 10)

    def rest_of(self, cluster):
        pods = "/api/v1/namespaces/default/pods"
        until(lambda: not cluster.get(SANDBOXES_PATH)["items"] and not cluster.get(pods)["items"], "the end of all pods", 60)

    @staticmethod
    def baseline(probe):
        probe.must("fan pool 2 0")
        return probe.descriptors(), probe.threads(), probe.children()

    def test_200_at_once(self):
        cluster = Cluster(pool=0, router=False)
        try:
            with Probe(cluster, "in-cluster") as probe:
                before = self.baseline(probe)
                self.assertEqual(probe.must("fan pool 200 0"), "done=200")
                self.nothing_left(cluster, probe, before, "200 at once")
                self.rest_of(cluster)
        finally:
            cluster.close()

    def interrupted(self, mode, seeds, count_of, cluster, path=None):
        outcomes = []
        with Probe(cluster, mode, path) as probe:
            before = self.baseline(probe)
            for seed in seeds:
                stop_ms = random.Random(seed).randint(1, 500)
                count = count_of(seed)
                outcomes.append(probe.must("fan pool %d %d" % (count, stop_ms)))
                self.nothing_left(cluster, probe, before, "%s, %d at once, seed %d, stopped after %d ms: %s" % (
                    mode, count, seed, stop_ms, outcomes[-1]))
        # The moments must have met sandboxes that were being made, and some that were done.
        self.assertTrue(any("cancelled" in outcome for outcome in outcomes), outcomes)
        self.rest_of(cluster)

    def test_interrupted_at_60_random_moments(self):
        cluster = Cluster(pool=0, router=False)
        try:
            self.interrupted("in-cluster", range(60), lambda seed: 20 if seed % 6 else 200, cluster)
        finally:
            cluster.close()

    def test_interrupted_at_40_random_moments_through_tunnels(self):
        cluster = Cluster(pool=0)
        try:
            self.interrupted("tunnel", range(100, 120), lambda seed: 20, cluster)
            self.interrupted("kubectl", range(200, 220), lambda seed: 10, cluster,
                             put_kubectl(cluster, cluster.path / "bin-many"))
        finally:
            cluster.close()


SANDBOXES_PATH = cluster_test.SANDBOXES

if __name__ == "__main__":
    unittest.main(verbosity=2)
