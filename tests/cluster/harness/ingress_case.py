"""What the tests of the OpenSandbox ingress share."""
import base64
import hashlib
import string
import struct
import unittest

from .boxes import PORT, box
from .cluster import Cluster
from .gateway import Gateway
from .peers import DnsServer
from .process import eventually

DIGITS = string.digits + string.ascii_lowercase


def base36(number):
    text = ""
    while True:
        number, rest = divmod(number, 36)
        text = DIGITS[rest] + text
        if number == 0:
            return text


def sign(secret, key, name, port, expires):
    """(expires in base 36, signature): contract opensandbox-ingress 3.3."""
    b36 = base36(expires)
    canonical = "".join(part + "\n" for part in ("v1", "short", name, str(port), b36)).encode()
    inner = struct.pack(">I", len(secret)) + secret + struct.pack(">I", len(canonical)) + canonical
    return b36, hashlib.sha256(inner).hexdigest()[:8] + key


def key_flag(**keys):
    return "--secure-access-keys=" + ",".join(f"{key}={base64.b64encode(secret).decode()}" for key, secret in keys.items())


class IngressCase(unittest.TestCase):
    """One cluster and one ingress for a class of tests."""

    mode = "header"
    provider = "batchsandbox"
    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.stop)
        cls.dns = DnsServer()
        cls.addClassCleanup(cls.dns.close)
        cls.ingress = Gateway("ingress", cls.cluster, f"--mode={cls.mode}", f"--provider-type={cls.provider}",
                              f"--dns-server={cls.dns.address}", *cls.flags)
        cls.addClassCleanup(cls.ingress.stop)

    def batch(self, name, *endpoints, ns="default", **options):
        self.addCleanup(self.gone, name, ns)
        return self.cluster.batch(name, ns, list(endpoints) or None, **options)

    def sandbox(self, name, ns="default", **options):
        self.addCleanup(self.gone, name, ns)
        return self.cluster.sandbox(name, ns, pod=False, **options)

    def gone(self, name, ns):
        path = f"/apis/sandbox.opensandbox.io/v1alpha1/namespaces/{ns}/batchsandboxes/{name}"
        status, _ = self.cluster.request("DELETE", path if self.provider == "batchsandbox" else self.cluster.agents(ns, name))
        if status == 200 and not {name, "sandbox-" + name} & self.names():  # the next test may use the name again
            self.wait_known(name, False)

    def names(self):
        """Of all objects that the API has."""
        path = ("/apis/sandbox.opensandbox.io/v1alpha1/batchsandboxes" if self.provider == "batchsandbox" else
                "/apis/agents.x-k8s.io/v1beta1/sandboxes")
        return {item["metadata"]["name"] for item in self.cluster.must("GET", path)["items"]}

    def add(self, name, script=None, ns="default", **options):
        """A ready sandbox with a program of its own, once it is routed."""
        origin = box(self, script, name=name)
        if self.provider == "batchsandbox":
            self.batch(name, origin.ip, ns=ns, **options)
        else:
            self.sandbox(name, ns, ips=[origin.ip], **options)
        eventually(lambda: self.to(name, port=1).status == 502, f"the route of {name}")
        return origin

    def wait_known(self, name, known=True):
        eventually(lambda: (self.to(name, port=1).status != 404) == known, f"{name} known: {known}")

    def wait_routed(self, name):
        """Known, and its status came too: that is an event of its own."""
        def routed():
            answer = self.to(name, port=1)
            return answer.status != 404 and b"sandbox not ready" not in answer.body
        eventually(routed, f"{name} routed")

    def to(self, name, target="/", *fields, port=PORT, method="GET", body=b"", client=None):
        """A request for sandbox `name` in this class's mode."""
        if self.mode == "uri":
            return self.ingress.ask(method, f"/{name}/{port}{target}", fields, body, client=client)
        return self.ingress.ask(method, target, [f"OpenSandbox-Ingress-To: {name}-{port}", *fields], body, client=client)

    def assert_message(self, response, status, message):
        """Contract 2.4: the bytes of an error that the ingress made."""
        self.assertEqual((response.status, response.body.decode()), (status, f"OpenSandbox Ingress: {message}\n"))
        self.assertEqual(response.get("content-type"), b"text/plain; charset=utf-8")
        self.assertEqual(response.get("x-content-type-options"), b"nosniff")
        self.assertTrue(response.get("x-sandgate-error"))
        self.assertEqual(response.all("reverse-proxy-server-powerby"), [])
        if status == 503:
            self.assertEqual(response.get("retry-after"), b"1")
