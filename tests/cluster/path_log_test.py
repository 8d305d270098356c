"""Path proxy, the seed's "log requests": one JSON line for each, and nothing in it that opens a door."""
import hashlib
import pathlib
import tempfile
import unittest

from harness.gateway import Gateway
from harness.path_case import PathCase

KEY = "key-of-ann-0123456789"


class RequestLog(PathCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        keys = pathlib.Path(folder.name) / "keys"
        keys.write_text(f"sha256:{hashlib.sha256(KEY.encode()).hexdigest()} user=ann\n", encoding="ascii")
        cls.keyed = Gateway("proxy", cls.cluster, f"--api-keys-file={keys}")
        cls.addClassCleanup(cls.keyed.stop)

    def record_of(self, proxy, path):
        return proxy.program.wait_record(lambda record: record.get("logger") == "access" and path in record.get("path", ""))

    def test_a_line_for_each_request(self):
        origin = self.add("box", user="ann")
        got = self.proxy.ask("POST", "/ann/box/in/side?token=secret-of-ann", ["User-Agent: tool/1"], b"12345")
        self.assertEqual(got.status, 200)
        record = self.record_of(self.proxy, "/in/side")
        wanted = {"level": "info", "msg": "request", "method": "POST", "path": "/ann/box/in/side", "status": 200, "bytes_in": 5,
                  "sandbox_id": "box", "sandbox_namespace": "default", "user_agent": "tool/1", "client_ip": "127.0.0.1"}
        self.assertEqual({name: record.get(name) for name in wanted}, wanted)
        self.assertIn(origin.ip, record["upstream"])
        self.assertGreaterEqual(record["duration_ms"], 0)
        self.assertNotIn("secret-of-ann", self.proxy.program.log())

    def test_what_fails_is_logged_with_its_reason(self):
        self.assertEqual(self.get("/ann/nowhere/logged").status, 404)
        record = self.record_of(self.proxy, "/ann/nowhere/logged")
        self.assertEqual((record["status"], record["error"]), (404, "sandbox_not_found"))

    def test_keys_are_not_logged(self):
        self.add("kept", user="ann")
        for fields in ([f"X-API-Key: {KEY}"], [f"Authorization: Bearer {KEY}"], ["X-API-Key: not-that-one-0123456789"]):
            self.keyed.ask("GET", "/ann/kept/key-mark", fields)
        self.keyed.ask("GET", "/ann/kept/last-mark", [f"X-API-Key: {KEY}"])
        self.record_of(self.keyed, "/last-mark")
        self.assertIn("/key-mark", self.keyed.program.log())
        for word in (KEY, "not-that-one", hashlib.sha256(KEY.encode()).hexdigest()):
            self.assertNotIn(word, self.keyed.program.log())


if __name__ == "__main__":
    unittest.main()
