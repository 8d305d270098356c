"""The OpenSandbox ingress, contract opensandbox-ingress 3: the access matrix and the signatures, end to end."""
import itertools
import time
import unittest

from harness.boxes import PORT, box
from harness.cluster import Cluster
from harness.gateway import Gateway, fields_of, told
from harness.ingress_case import IngressCase, base36, key_flag, sign
from harness.process import eventually

SECRET = b"secret-alpha-0123456789"
TOKEN = "the-token-of-this-sandbox"
LATER = 2000000000
OTHER_DIGEST = "signature: unauthorized: signature mismatch"


class Vectors(unittest.TestCase):
    def test_signatures(self):
        """The contract's table, so that what these tests sign with is what the product's users sign with."""
        k32 = bytes(range(32))
        for secret, key, name, port, expires, b36, signature in (
                (SECRET, "a", "my-sandbox", 8080, LATER, "x2qxvk", "dd5c1d45a"),
                (SECRET, "a", "sb", 44772, LATER, "x2qxvk", "3e5f26cda"),
                (b"\0\1\2\3\xff", "b", "my-sandbox", 8080, LATER, "x2qxvk", "01c2336eb"),
                (b"k", "0", "a", 1, 0, "0", "2935a1a00"),
                (b"k", "z", "a-b-c", 65535, 2**64 - 1, "3w5e11264sgsf", "632a6280z"),
                (k32, "k", "123abc", 3000, 4102444800, "1vuhmo0", "6dc9e7b8k"),
                (k32, "k", "sb", 8080, 1700000000, "s44we8", "83eff671k")):
            self.assertEqual(sign(secret, key, name, port, expires), (b36, signature))


class Matrix:
    """Each row of 3.1, for both modes and both providers; with keys and without."""

    flags = (key_flag(a=SECRET, b=b"other-secret"),)

    def setUp(self):
        self.secret = self.add_protected("locked")
        self.open = self.add("open")

    def add_protected(self, name):
        origin = box(self, name=name)
        if self.provider == "batchsandbox":
            self.batch(name, origin.ip, token=f"  {TOKEN} ")
        else:
            self.sandbox(name, ips=[origin.ip], annotations={"opensandbox.io/secure-access-token": f"  {TOKEN} "})
        eventually(lambda: self.to(name, "/", f"OpenSandbox-Secure-Access: {TOKEN}").status == 200, "the route")
        return origin

    def signed(self, name, expires=LATER, key="a", secret=SECRET, signature=None, signed_port=PORT, fields=()):
        b36, made = sign(secret, key, name, signed_port, expires)
        signature = signature or made
        if self.mode == "uri":
            return self.ingress.get(f"/{name}/{PORT}/{b36}/{signature}/in", *fields)
        return self.ingress.get("/in", f"OpenSandbox-Ingress-To: {name}-{PORT}-{b36}-{signature}", *fields)

    def test_unprotected(self):
        for field in ([], ["OpenSandbox-Secure-Access: whatever"], ["OpenSandbox-Secure-Access:"]):
            self.assertEqual(told(self.to("open", "/in", *field))["target"], "/in")
        for options in ({}, {"signature": "000000000"}, {"expires": 1}):
            got = told(self.signed("open", **options))
            self.assertTrue(got["target"].endswith("/in"))
            # uri mode takes it as a legacy path, header mode strips the two parts
            self.assertEqual(got["target"] == "/in", self.mode == "header")

    def test_token(self):
        for value in (TOKEN, f"  {TOKEN}\t"):
            got = told(self.to("locked", "/", f"OpenSandbox-Secure-Access: {value}"))
            self.assertEqual(fields_of(got, "opensandbox-secure-access"), [])
        for value in ("wrong", "", TOKEN.upper(), TOKEN + "x", TOKEN[:-1]):
            self.assert_message(self.to("locked", "/", f"OpenSandbox-Secure-Access: {value}"), 401,
                                "signature: secure access header mismatch")
        # Only the first value counts.
        got = self.to("locked", "/", "OpenSandbox-Secure-Access: wrong", f"OpenSandbox-Secure-Access: {TOKEN}")
        self.assertEqual(got.status, 401)

    def test_token_and_signature(self):
        good, bad = f"OpenSandbox-Secure-Access: {TOKEN}", "OpenSandbox-Secure-Access: wrong"
        self.assertEqual(self.signed("locked", signature="00000000a", fields=[good]).status, 200)
        self.assertEqual(self.signed("locked", expires=1, fields=[good]).status, 200)
        for fields in ([bad], ["OpenSandbox-Secure-Access:"]):
            self.assert_message(self.signed("locked", fields=fields), 401, "signature: secure access header mismatch")

    def test_signature(self):
        self.assertEqual(told(self.signed("locked"))["target"], "/in")
        self.assertEqual(told(self.signed("locked", key="b", secret=b"other-secret"))["target"], "/in")
        self.assertEqual(told(self.signed("locked", expires=2**64 - 1))["target"], "/in")
        self.assertEqual(told(self.signed("locked", expires=int(time.time()) + 60))["target"], "/in")
        self.assert_message(self.to("locked"), 401, "signature: signature required for this sandbox")
        self.assert_message(self.signed("locked", expires=int(time.time()) - 2), 401, "signature: access expired")
        self.assert_message(self.signed("locked", expires=1, key="x"), 401, "signature: access expired")
        self.assert_message(self.signed("locked", key="x"), 401, "signature: unauthorized: unknown signed_key_id")
        for options in ({"signature": "00000000a"}, {"secret": b"wrong"}, {"signed_port": PORT + 1}, {"key": "b"}):
            self.assert_message(self.signed("locked", **options), 401, OTHER_DIGEST)
        # A signature of one sandbox opens no other.
        b36, other = sign(SECRET, "a", "open", PORT, LATER)
        self.assertEqual(b36, base36(LATER))
        self.assert_message(self.signed("locked", signature=other), 401, OTHER_DIGEST)

    def test_nothing_refused_reaches_the_sandbox(self):
        before = self.secret.connections
        for expires, key, field in itertools.product((1, LATER), "ax", ([], ["OpenSandbox-Secure-Access: no"])):
            self.signed("locked", expires=expires, key=key, signature="12345678" + key, fields=field)
        self.to("locked", "/", method="POST", body=b"x")
        self.assertEqual(self.secret.connections, before)

    def test_lookup_comes_before_access(self):
        self.assert_message(self.signed("missing"), 404, "sandbox not found: missing")

    def test_logs_tell_no_secrets(self):
        """Section 11, row 1."""
        self.signed("locked", fields=["X-Last: 1"])
        self.to("locked", "/log-mark", f"OpenSandbox-Secure-Access: {TOKEN}")
        self.ingress.program.wait_record(lambda record: "/log-mark" in record.get("path", ""))
        log = self.ingress.program.log()
        self.assertNotIn(TOKEN, log)
        self.assertNotIn(sign(SECRET, "a", "locked", PORT, LATER)[1], log)


class HeaderBatch(Matrix, IngressCase):
    pass


class UriBatch(Matrix, IngressCase):
    mode = "uri"


class HeaderAgents(Matrix, IngressCase):
    provider = "agent-sandbox"


class UriAgents(Matrix, IngressCase):
    mode, provider = "uri", "agent-sandbox"


class WithoutKeys(IngressCase):
    def test_signed_routes_are_503(self):
        origin = box(self)
        self.batch("locked", origin.ip, token=TOKEN)
        eventually(lambda: self.to("locked").status == 401, "the route")
        b36, signature = sign(SECRET, "a", "locked", PORT, LATER)
        got = self.ingress.get("/", f"OpenSandbox-Ingress-To: locked-{PORT}-{b36}-{signature}")
        self.assert_message(got, 503, "signature: ingress verifier not configured")
        self.assertEqual(self.to("locked", "/", f"OpenSandbox-Secure-Access: {TOKEN}").status, 200)

    def test_host_label_and_what_the_sandbox_hears_of_it(self):
        """The signature in a host name is not passed on (5.2, Host)."""
        self.add("open")
        b36, signature = sign(SECRET, "a", "open", PORT, LATER)
        got = told(self.ingress.ask("GET", "/", host=f"open-{PORT}-{b36}-{signature}.sandboxes.example"))
        self.assertEqual(fields_of(got, "x-forwarded-host"), [f"open-{PORT}.sandboxes.example"])
        self.assertNotIn(signature, str(got))


class Guessing(unittest.TestCase):
    def test_failures_are_limited_and_good_requests_still_served(self):
        """3.3: never below 100 refused signatures a minute and source; good requests from there are still served."""
        with Cluster() as cluster, Gateway("ingress", cluster, *key_flag(a=SECRET).split("=", 1),
                                           "--signature-refusals-max=150") as ingress:
            origin = box(self)
            cluster.batch("locked", endpoints=[origin.ip], token=TOKEN)
            b36, good = sign(SECRET, "a", "locked", PORT, LATER)
            ask = lambda signature, client=None: ingress.ask(
                "GET", "/", [f"OpenSandbox-Ingress-To: locked-{PORT}-{b36}-{signature}"], client=client)
            eventually(lambda: ask(good).status == 200, "the route")
            statuses = []
            with ingress.connect() as client:
                for at in range(400):
                    got = ask(f"{at:08x}a", client)
                    statuses.append(got.status)
                    if b"close" in (got.get("connection") or b""):
                        break
            self.assertEqual(statuses[:150], [401] * 150)
            self.assertEqual(ask(good).status, 200)
            # Whoever crosses into the next minute starts again.
            self.assertIn(429, statuses)


if __name__ == "__main__":
    unittest.main()
