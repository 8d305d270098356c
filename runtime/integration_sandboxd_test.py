#!/usr/bin/env python3
"""Drives the real sandgate-runtime over loopback by sandboxd's REST surface: /v1/files, /v1/health, /v1/metadata.

Usage: integration_sandboxd_test.py PATH_OF_SANDGATE_RUNTIME [unittest options]
"""

import os
import stat
import unittest
from urllib.parse import quote

import integration_support as support
from integration_support import Runtime, multipart

DATA = bytes(range(256)) * 40


def at(path, query=""):
    return "/v1/files/" + quote(path, safe="") + query


class SandboxdTest(unittest.TestCase):
    def setUp(self):
        self.runtime = self.enterContext(Runtime("--sandboxd-bind-address", "127.0.0.1:0"))

    def call(self, method, target, body=None, **headers):
        return self.runtime.request(method, target, body, {k.replace("_", "-"): v for k, v in headers.items()})

    def put(self, target, data=DATA, **headers):
        return self.call("PUT", target, data, **(headers or {"Content_Type": "application/octet-stream"}))

    def refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.json()["code"]), (status, code), answer.body)
        self.assertTrue(answer.json()["message"])

    def test_round_trip_of_odd_names(self):
        for name in ("plain", "a b", "a%20b", "é€", "a+b&c=d?e#f", "deep/er/file", "%2F"):
            answer = self.put(at(name))
            self.assertEqual((answer.status, answer.body), (204, b""), name)
            self.assertEqual(self.runtime.read(name), DATA)
            answer = self.call("GET", at(name))
            self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]),
                             (200, DATA, "application/octet-stream"), name)
        self.put("/v1/files/plain/slash", b"x")  # below a file
        self.assertEqual(self.call("GET", "/v1/files/deep/er/file").body, DATA)  # slashes as they are

    def test_write_by_form(self):
        body, headers = multipart("ignored", DATA)
        self.assertEqual(self.runtime.request("PUT", at("by/form"), body, headers).status, 204)
        self.assertEqual(self.runtime.read("by/form"), DATA)
        self.refused(self.runtime.request("PUT", at("x"), b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}),
                     400, "INVALID_ARGUMENT")
        self.assertEqual(self.runtime.tree(), ["by", "by/form"])

    def test_modes(self):
        mode = lambda name: "%04o" % stat.S_IMODE(os.stat(self.runtime.path(name)).st_mode)  # noqa: E731
        self.assertEqual(self.put(at("f", "?mode=0640")).status, 204)
        self.assertEqual(mode("f"), "0640")
        self.assertEqual(self.put(at("f")).status, 204)
        self.assertEqual(mode("f"), "0640")  # stays
        self.assertEqual(self.put(at("f", "?mode=0755")).status, 204)
        self.assertEqual(mode("f"), "0755")
        for wrong in ("644", "0944", "1644", "06440", "", "rw"):
            self.refused(self.put(at("g", "?mode=" + wrong)), 400, "INVALID_ARGUMENT")
        self.assertEqual(self.runtime.tree(), ["f"])

    def test_write_refusals(self):
        os.mkdir(self.runtime.path("d"))
        self.refused(self.put(at("d")), 400, "INVALID_ARGUMENT")
        self.refused(self.put("/v1/files/"), 400, "INVALID_ARGUMENT")
        self.refused(self.put(at("../outside/x")), 403, "PERMISSION_DENIED")
        self.assertEqual(os.listdir(os.path.join(self.runtime.world, "outside")), ["secret"])
        with Runtime("--upload-bytes-max", "1KiB") as small:
            answer = small.request("PUT", at("f"), b"x" * 1025)
            self.refused(answer, 413, "INVALID_ARGUMENT")
            self.assertEqual(small.tree(), [])

    def test_read_head_and_ranges(self):
        self.runtime.write("f", b"0123456789")
        head = self.call("HEAD", at("f"))
        self.assertEqual((head.status, head.headers["Content-Length"], head.body), (200, "10", b""))
        part = self.call("GET", at("f"), Range="bytes=2-4")
        self.assertEqual((part.status, part.body, part.headers["Content-Range"]), (206, b"234", "bytes 2-4/10"))
        self.refused(self.call("GET", at("f"), Range="bytes=10-"), 416, "INVALID_ARGUMENT")
        self.assertEqual(self.call("HEAD", at("none")).status, 404)
        self.refused(self.call("GET", at("none")), 404, "NOT_FOUND")
        self.refused(self.call("GET", at("f/below")), 404, "NOT_FOUND")
        self.refused(self.call("GET", at("../outside/secret")), 403, "PERMISSION_DENIED")

    def test_list(self):
        self.runtime.write("d/b", b"12345")
        os.chmod(self.runtime.path("d/b"), 0o640)
        os.utime(self.runtime.path("d/b"), (1_700_000_000.9, 1_700_000_000.9))
        os.mkdir(self.runtime.path("d/a"))
        os.symlink("nowhere", self.runtime.path("d/broken"))
        os.symlink("../../outside/secret", self.runtime.path("d/out"))
        answer = self.call("GET", at("d"))
        self.assertEqual((answer.status, answer.json()["path"]), (200, "d"))
        self.assertEqual([e["name"] for e in answer.json()["entries"]], ["a", "b"])
        self.assertEqual(answer.json()["entries"][1], {"name": "b", "size": 5, "type": "file",
                                                       "modified_at": "2023-11-14T22:13:20Z", "mode": "0640"})
        self.assertEqual(answer.json()["entries"][0]["type"], "directory")
        for root in ("/v1/files", "/v1/files/", "/v1/files/.", "/v1/files/%2E"):
            self.assertEqual([e["name"] for e in self.call("GET", root).json()["entries"]], ["d"], root)
        self.assertEqual(self.call("HEAD", at("d")).status, 200)

    def test_delete(self):
        self.runtime.write("d/e/f", b"x")
        self.runtime.write("kept/f", b"x")
        os.symlink("../kept", self.runtime.path("d/link"))
        os.symlink("../../outside", self.runtime.path("d/e/out"))
        self.assertEqual(self.call("DELETE", at("d/e/f")).status, 204)
        self.refused(self.call("DELETE", at("d/e/f")), 404, "NOT_FOUND")
        self.refused(self.call("DELETE", at("d/e/f/g")), 404, "NOT_FOUND")
        self.refused(self.call("DELETE", at("d")), 409, "CONFLICT")
        self.refused(self.call("DELETE", at("d", "?recursive=false")), 409, "CONFLICT")
        self.assertEqual(self.call("DELETE", at("d/link")).status, 204)  # the link, not what it leads to
        self.assertEqual(self.call("DELETE", at("d", "?recursive=true")).status, 204)
        self.assertEqual(self.runtime.tree(), ["kept", "kept/f"])
        self.assertEqual(os.listdir(os.path.join(self.runtime.world, "outside")), ["secret"])
        os.mkdir(self.runtime.path("empty"))
        self.assertEqual(self.call("DELETE", at("empty")).status, 204)
        self.refused(self.call("DELETE", at("../outside/secret")), 403, "PERMISSION_DENIED")
        self.refused(self.call("DELETE", at("a/../../outside/secret", "?recursive=true")), 403, "PERMISSION_DENIED")

    def test_the_root_is_emptied_and_stays(self):
        self.runtime.write("d/e", b"x")
        for root in ("/v1/files/", "/v1/files/.", "/v1/files/d%2F.."):
            self.refused(self.call("DELETE", root), 409, "CONFLICT")
        self.assertEqual(self.call("DELETE", "/v1/files/?recursive=true").status, 204)
        self.assertEqual(self.runtime.tree(), [])
        self.assertTrue(os.path.isdir(self.runtime.base))

    def test_deep_trees_are_refused_not_followed_for_ever(self):
        path = self.runtime.base
        for _ in range(300):
            path = os.path.join(path, "d")
            os.mkdir(path)
        self.refused(self.call("DELETE", at("d", "?recursive=true")), 400, "INVALID_ARGUMENT")

    def test_health_and_metadata(self):
        answer = self.call("GET", "/v1/health")
        self.assertEqual((answer.status, answer.json()["status"]), (200, "ok"))
        self.assertGreaterEqual(answer.json()["uptime_seconds"], 0)
        env = {"SANDBOX_NAME": "x", "SANDBOX_API_TOKEN": "no", "SANDBOX_SECRET": "no", "OTHER": "no"}
        with Runtime(env=env) as runtime:
            self.assertEqual(runtime.get("/v1/metadata").json(), {"env": {"SANDBOX_NAME": "x"}})

    def test_methods_and_unknown_routes(self):
        answer = self.call("POST", at("f"), b"")
        self.refused(answer, 405, "INVALID_ARGUMENT")
        self.assertEqual(answer.headers["Allow"], "GET, HEAD, PUT, DELETE")
        self.refused(self.call("PUT", "/v1/health", b""), 405, "INVALID_ARGUMENT")
        for path in ("/v1", "/v1/", "/v1/filesystem", "/v1/nothing"):
            self.refused(self.call("GET", path), 404, "NOT_FOUND")

    def test_a_port_of_its_own(self):
        line = next(line for line in self.wait_for_log("sandboxd's REST on"))
        port = int(line.rsplit(":", 1)[1])
        self.assertNotEqual(port, self.runtime.port)
        self.runtime.port = port
        self.assertEqual(self.call("GET", "/v1/health").status, 200)
        self.assertEqual(self.call("GET", "/").status, 200)  # every port answers both

    def wait_for_log(self, words):
        found = []

        def there():
            found[:] = [line for line in self.runtime.log if words in line]
            return found
        support.wait_until(there, "the line with " + words)
        return found


if __name__ == "__main__":
    support.main(__doc__)
