"""What the tests of the path proxy share."""
import json
import unittest

from support.dns import DnsServer

from .boxes import box
from .cluster import Cluster
from .gateway import Gateway
from .process import eventually


class PathCase(unittest.TestCase):
    """One cluster and one path proxy for a class of tests; each test uses user names of its own."""

    cluster_flags = ()
    flags = ()
    env = {}

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(*cls.cluster_flags)
        cls.addClassCleanup(cls.cluster.stop)
        cls.dns = DnsServer()
        cls.addClassCleanup(cls.dns.close)
        cls.proxy = Gateway("proxy", cls.cluster, f"--dns-server={cls.dns.address}", *cls.flags, env=cls.env)
        cls.addClassCleanup(cls.proxy.stop)

    def user(self):
        """A user name of this test."""
        return self._testMethodName.replace("test_", "u-").replace("_", "-")[:40].rstrip("-")

    def listed(self, user=None, proxy=None):
        """The entries of /sandboxes, by path."""
        answer = json.loads((proxy or self.proxy).get("/sandboxes" + (f"?user={user}" if user else "")).body)
        return {one["path"]: one for one in answer["sandboxes"]}

    def wait_listed(self, path, ready=True, proxy=None):
        """Until the proxy lists `path` (ready or not; None: until it does not)."""
        def look():
            one = self.listed(path.split("/")[0], proxy).get(path)
            return one is None if ready is None else one is not None and one["ready"] == ready
        eventually(look, f"{path} listed with ready={ready}")

    def add(self, name, user=None, script=None, ns="default", **options):
        """A ready sandbox with a program of its own; returns the program."""
        user = user or self.user()
        origin = box(self, script, name=name)
        self.sandbox(name, ns, [origin.ip], user=user, **options)
        self.wait_listed(f"{user}/{name}")
        return origin

    def sandbox(self, name, ns="default", *args, **options):
        """Cluster.sandbox, taken away at the end of the test."""
        self.addCleanup(self.remove, name, ns)
        return self.cluster.sandbox(name, ns, *args, **options)

    def remove(self, name, ns="default"):
        self.cluster.request("DELETE", f"/api/v1/namespaces/{ns}/pods/{name}?gracePeriodSeconds=0")
        self.cluster.request("DELETE", self.cluster.agents(ns, name))
        eventually(lambda: not any(one["namespace"] == ns and path.endswith("/" + name)
                                   for path, one in self.listed().items()), f"the end of {ns}/{name}")

    def get(self, target, *fields, **options):
        return self.proxy.ask("GET", target, fields, **options)

    def assert_error(self, response, status, code, body):
        """Contract 4.2: the exact body, then `code` and `request_id`."""
        self.assertEqual(response.status, status, response.body)
        text = response.body.decode()
        self.assertEqual(response.get("x-sandgate-error"), code.encode())
        self.assertEqual(response.get("content-type"), b"application/json; charset=utf-8")
        parsed = json.loads(text)
        self.assertEqual(parsed["code"], code)
        self.assertTrue(parsed["request_id"])
        self.assertEqual(text, body[:-1] + f',"code":"{code}","request_id":"{parsed["request_id"]}"}}')
