"""What the tests of the router with the watch share."""
import unittest

from .boxes import box
from .cluster import Cluster
from .gateway import Gateway
from .process import eventually


class RouterCase(unittest.TestCase):
    """One cluster and one router for a class of tests; what a test adds goes at its end."""

    flags = ("--strict-resolution",)
    cluster_flags = ()
    workers = 1
    env = {}

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(*cls.cluster_flags)
        cls.addClassCleanup(cls.cluster.stop)
        cls.router = Gateway("router", cls.cluster, *cls.flags, workers=cls.workers, env=cls.env)
        cls.addClassCleanup(cls.router.stop)

    def sandbox(self, name, ns="default", *args, **options):
        """Cluster.sandbox, taken away at the end of the test."""
        pod = options.get("pod_name") or name
        self.addCleanup(self.remove, name, ns, pod)
        return self.cluster.sandbox(name, ns, *args, **options)

    def remove(self, name, ns="default", pod=None):
        self.cluster.request("DELETE", f"/api/v1/namespaces/{ns}/pods/{pod or name}?gracePeriodSeconds=0")
        self.cluster.request("DELETE", self.cluster.agents(ns, name))
        eventually(lambda: self.router.box(name, ns=ns, port=1).status in (404, 502), f"the end of {ns}/{name}")

    def add(self, name, script=None, ns="default", **options):
        """A ready sandbox with a program of its own, once it is routed."""
        origin = box(self, script, name=name)
        seen = self.router.events()
        origin.object = self.sandbox(name, ns, [origin.ip], **options)
        self.wait(name, 200, ns=ns)
        self.router.wait_events(seen, options.get("pod", True))
        return origin

    def wait(self, name, status, *fields, ns="default", within=10, router=None):
        """Until a request for `name` is answered with `status`."""
        eventually(lambda: (router or self.router).box(name, "/", *fields, ns=ns).status == status, f"{status} for {name}",
                   within)

    def assert_detail(self, response, status, detail, code):
        """Contract sandbox-router 1.8: the bytes of an error answer."""
        self.assertEqual((response.status, response.body), (status, b'{"detail":"%s"}' % detail.encode()))
        self.assertEqual(response.all("content-type"), [b"application/json"])
        self.assertEqual(response.get("cache-control"), b"no-store")
        self.assertEqual(response.get("x-sandgate-error"), code.encode())
