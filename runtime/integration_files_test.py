#!/usr/bin/env python3
"""Drives the real sandgate-runtime over loopback: downloads, listings, uploads, hostile paths.

Usage: integration_files_test.py PATH_OF_SANDGATE_RUNTIME [unittest options]
"""

import contextlib
import http.client
import os
import shutil
import stat
import threading
import unittest
from urllib.parse import quote

import integration_support as support
from integration_support import Runtime, multipart, wait_until


class FilesTest(unittest.TestCase):
    ODD_NAMES = ("plain.txt", "a b.txt", "100%.txt", "a%20b.txt", "50%25.txt", "é€𝄞.txt", "a+b&c=d?e#f", "quo\"te",
                 "back\\slash", "semi;colon", "it's", "-rf", "...", "dir/sub/x.txt", "./dotted", "trailing.", "~tilde",
                 "new%0Aline", "x" * 255)

    def setUp(self):
        self.runtime = self.enterContext(Runtime())

    def test_round_trip_of_odd_names(self):
        data = bytes(range(256)) * 40
        for name in self.ODD_NAMES:
            answer = self.runtime.upload(name, name.encode() + data)
            shown = name.replace("%0A", "\n")  # the form escape of a newline, which is how the SDKs would send one
            self.assertEqual((answer.status, answer.json()), (200, {"message": "File '%s' uploaded successfully." % shown}), name)
        for name in self.ODD_NAMES:
            if name == "new%0Aline":
                name = "new\nline"
            encoded = quote(name, safe="")
            answer = self.runtime.get("/download/" + encoded)
            self.assertEqual(answer.status, 200, name)
            self.assertTrue(answer.body.endswith(data) and answer.body[:-len(data)].decode().replace("%0A", "\n") == name, name)
            self.assertEqual(self.runtime.get("/exists/" + encoded).json(), {"path": name, "exists": True})
        top = {n.split("/")[0] if not n.startswith("./") else n[2:] for n in self.ODD_NAMES} - {"new%0Aline"} | {"new\nline"}
        self.assertEqual({e["name"] for e in self.runtime.get("/list/").json()}, top)

    def test_double_encoded_paths_still_work(self):
        self.runtime.write("a b", b"1")
        for target in ("/download/a%20b", "/download/a%2520b", "/download//a%20b", "/download/%2Fa%20b"):
            self.assertEqual(self.runtime.get(target).body, b"1", target)
        self.assertEqual(self.runtime.get("/exists/a%2520b").json(), {"path": "a b", "exists": True})

    def test_hostile_paths(self):
        escapes = ["..", "../outside/secret", "..%2foutside%2fsecret", "%2e%2e/outside/secret", "%2E%2E%2Foutside%2Fsecret",
                   "%252e%252e%252foutside%252fsecret", "x/../../outside/secret", "/..", "//..//outside/secret", "%00",
                   "plain%00.txt", "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f" * 20 + "etc%2fpasswd"]
        for route in ("download", "list", "exists"):
            for escape in escapes:
                answer = self.runtime.get("/%s/%s" % (route, escape))
                self.assertEqual((answer.status, answer.json()), (403, {"message": "Access denied"}), (route, escape))
        # Percent signs the decoder leaves alone, encoded twice too deep, and backslashes are names that do not exist.
        for name in ("%25252e%25252e%25252foutside", "..%5c..%5coutside", "%2e%2e%2e", "..;/outside", "%c0%ae%c0%ae/outside"):
            self.assertEqual(self.runtime.get("/download/" + name).status, 404, name)

    def test_hostile_upload_names(self):
        for name in ("../outside/new", "..", "x/../../outside/new", "a/../..", "../../../../../../../../tmp/sandgate-escape"):
            answer = self.runtime.upload(name, b"x")
            self.assertEqual((answer.status, answer.json()), (403, {"message": "Access denied"}), name)
        answer = self.runtime.upload("/etc/sandgate-escape", b"x")
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.runtime.read("etc/sandgate-escape"), b"x", "a leading slash is dropped")
        self.assertEqual(os.listdir(os.path.join(self.runtime.world, "outside")), ["secret"])

    def test_links(self):
        os.symlink("../outside", self.runtime.path("out"))
        os.symlink("/etc", self.runtime.path("etc"))
        os.symlink("../outside/secret", self.runtime.path("secret"))
        os.symlink("../outside/new", self.runtime.path("dangling"))
        self.runtime.write("real/file", b"inside")
        os.symlink("real", self.runtime.path("in"))
        os.symlink(self.runtime.path("real/file"), self.runtime.path("absolute"))
        for target in ("/download/secret", "/download/out/secret", "/download/etc/passwd", "/list/out", "/list/etc",
                       "/exists/secret", "/exists/out/secret", "/exists/dangling"):
            self.assertEqual(self.runtime.get(target).status, 403, target)
        for name in ("out/new", "dangling", "secret"):
            self.assertEqual(self.runtime.upload(name, b"x").status, 403, name)
        self.assertEqual(os.listdir(os.path.join(self.runtime.world, "outside")), ["secret"])
        for target in ("/download/in/file", "/download/absolute"):
            self.assertEqual(self.runtime.get(target).body, b"inside", target)
        self.assertEqual(self.runtime.upload("in/file", b"changed").status, 200)
        self.assertEqual(self.runtime.read("real/file"), b"changed")
        listed = {e["name"]: e["type"] for e in self.runtime.get("/list").json()}
        self.assertEqual(listed, {"real": "directory", "in": "directory", "absolute": "file"})

    def test_links_exchanged_while_reading_never_lead_out(self):
        """A directory that keeps turning into a link that leads out: no answer may ever show the secret."""
        self.runtime.write("flip/secret", b"public")
        stop = threading.Event()

        flips = 0

        def flip():
            nonlocal flips
            real, link, spot = (self.runtime.path(n) for n in ("flip", "link", "swap"))
            os.symlink("../outside", link)
            while not stop.is_set():
                os.rename(real, spot)
                with contextlib.suppress(OSError):  # an upload has made the directory anew in between
                    os.rename(link, real)
                    os.rename(real, link)
                    flips += 1
                while True:
                    try:
                        os.rename(spot, real)
                        break
                    except OSError:  # likewise
                        shutil.rmtree(real, ignore_errors=True)

        flipper = threading.Thread(target=flip)
        flipper.start()
        try:
            seen = set()
            for _ in range(400):
                answer = self.runtime.get("/download/flip/secret")
                seen.add(answer.status)
                self.assertNotEqual(answer.body, b"secret")
                self.runtime.upload("flip/planted", b"x")
        finally:
            stop.set()
            flipper.join()
        self.assertGreater(flips, 100)
        self.assertLessEqual(seen, {200, 403, 404})
        self.assertEqual(os.listdir(os.path.join(self.runtime.world, "outside")), ["secret"])

    def test_download(self):
        self.runtime.write("dir/f.bin", b"0123456789")
        answer = self.runtime.get("/download/dir%2Ff.bin")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "application/octet-stream")
        self.assertEqual(answer.headers["Content-Disposition"], 'attachment; filename="f.bin"')
        self.assertEqual(answer.headers["Content-Length"], "10")
        self.assertEqual(answer.headers["Accept-Ranges"], "bytes")
        tag, modified = answer.headers["ETag"], answer.headers["Last-Modified"]
        self.assertRegex(tag, r'^"[^"]+"$')
        self.assertRegex(modified, r"^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$")
        self.assertEqual(self.runtime.get("/download/dir%2Ff.bin", If_None_Match=tag).status, 304)
        self.assertEqual(self.runtime.get("/download/dir%2Ff.bin", If_None_Match='"other"').status, 200)
        self.runtime.upload("dir/f.bin", b"other bytes")
        self.assertNotEqual(self.runtime.get("/download/dir%2Ff.bin").headers["ETag"], tag)
        self.runtime.write('odd é"', b"")
        self.assertEqual(self.runtime.get("/download/" + quote('odd é"')).headers["Content-Disposition"],
                         "attachment; filename*=utf-8''odd%20%C3%A9%22")
        for missing in ("nothing", "dir", "", "dir/f.bin/x"):
            answer = self.runtime.get("/download/" + missing)
            self.assertEqual((answer.status, answer.json()), (404, {"message": "File not found"}), missing)

    def test_ranges(self):
        self.runtime.write("f", b"0123456789")
        tag = self.runtime.get("/download/f").headers["ETag"]
        for field, status, body, content_range in (
                ("bytes=2-4", 206, b"234", "bytes 2-4/10"), ("bytes=7-", 206, b"789", "bytes 7-9/10"),
                ("bytes=-2", 206, b"89", "bytes 8-9/10"), ("bytes=0-100", 206, b"0123456789", "bytes 0-9/10"),
                ("bytes=0-1,3-4", 200, b"0123456789", None), ("lines=1-2", 200, b"0123456789", None),
                ("bytes=4-2", 200, b"0123456789", None)):
            answer = self.runtime.get("/download/f", Range=field)
            self.assertEqual((answer.status, answer.body, answer.headers["Content-Range"]), (status, body, content_range), field)
        answer = self.runtime.get("/download/f", Range="bytes=10-")
        self.assertEqual((answer.status, answer.headers["Content-Range"]), (416, "bytes */10"))
        self.assertEqual(self.runtime.get("/download/f", Range="bytes=2-4", If_Range=tag).status, 206)
        self.assertEqual(self.runtime.get("/download/f", Range="bytes=2-4", If_Range='"old"').body, b"0123456789")

    def test_a_file_that_shrinks_is_cut_visibly(self):
        self.runtime.write("f", b"")
        os.truncate(self.runtime.path("f"), 100 << 20)  # far more than all socket buffers hold
        with contextlib.closing(self.runtime.connect()) as connection:
            connection.sendall(b"GET /download/f HTTP/1.1\r\nHost: x\r\n\r\n")
            response = http.client.HTTPResponse(connection)
            response.begin()
            self.assertEqual(len(response.read(1000)), 1000)
            os.truncate(self.runtime.path("f"), 2000)
            with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
                response.read()

    def test_special_files(self):
        os.mkfifo(self.runtime.path("fifo"))
        self.assertEqual(self.runtime.get("/download/fifo").status, 404)
        self.assertEqual(self.runtime.get("/exists/fifo").json()["exists"], True)
        self.assertEqual(self.runtime.upload("fifo", b"x").status, 500)
        self.assertEqual([e["type"] for e in self.runtime.get("/list").json()], ["file"])

    def test_list(self):
        self.runtime.write("d/b", b"12345")
        os.mkdir(self.runtime.path("d/a"))
        os.utime(self.runtime.path("d/b"), ns=(0, 1_700_000_000_250_000_000))
        entries = self.runtime.get("/list/d").json()
        self.assertEqual([(e["name"], e["type"]) for e in entries], [("a", "directory"), ("b", "file")])
        self.assertEqual(entries[1], {"name": "b", "size": 5, "type": "file", "mod_time": 1_700_000_000.25})
        for missing in ("nothing", "d/b"):
            answer = self.runtime.get("/list/" + missing)
            self.assertEqual((answer.status, answer.json()), (404, {"message": "Path is not a directory"}))

    def test_list_bound(self):
        with Runtime("--list-entries-max", "3") as runtime:
            for i in range(4):
                runtime.write(str(i), b"")
            answer = runtime.get("/list")
            self.assertEqual(answer.status, 500)
            self.assertEqual(answer.json(),
                             {"message": "List files failed: the directory holds more than 3 entries (--list-entries-max)"})


class UploadTest(unittest.TestCase):
    def setUp(self):
        self.runtime = self.enterContext(Runtime("--upload-bytes-max", "1MiB"))

    def test_overwrites_and_makes_parents(self):
        for data in (b"first", b"2"):
            self.assertEqual(self.runtime.upload("x/y/z", data).status, 200)
            self.assertEqual(self.runtime.read("x/y/z"), data)
        self.assertEqual(self.runtime.tree(), ["x", "x/y", "x/y/z"])

    def test_keeps_permissions(self):
        self.runtime.write("script", b"old")
        os.chmod(self.runtime.path("script"), 0o755)
        self.runtime.upload("script", b"new")
        self.assertEqual(stat.S_IMODE(os.stat(self.runtime.path("script")).st_mode), 0o755)

    def test_chunked_as_the_sdk_streams(self):
        body, headers = multipart("f", b"abc" * 50_000)
        with contextlib.closing(self.runtime.connect()) as connection:
            connection.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: " +
                               headers["Content-Type"].encode() + b"\r\n\r\n")
            for at in range(0, len(body), 9999):
                piece = body[at:at + 9999]
                connection.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
            response = http.client.HTTPResponse(connection)
            response.begin()
            self.assertEqual(response.status, 200)
            response.read()
        self.assertEqual(self.runtime.read("f"), b"abc" * 50_000)

    def test_expect_100_continue(self):
        body, headers = multipart("f", b"data")
        with contextlib.closing(self.runtime.connect()) as connection:
            connection.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n"
                               b"Content-Type: %s\r\n\r\n" % (len(body), headers["Content-Type"].encode()))
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 100 "))
            connection.sendall(body)
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 200 "))
        self.assertEqual(self.runtime.read("f"), b"data")

    def test_expect_is_not_answered_when_the_body_is_not_wanted(self):
        with contextlib.closing(self.runtime.connect()) as connection:
            connection.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n"
                               b"Content-Type: multipart/form-data; boundary=b\r\n\r\n")
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 413 "))

    def test_cut_uploads_leave_nothing_behind(self):
        self.runtime.write("old", b"old")
        body, headers = multipart("old", b"x" * 300_000)
        for fraction in (0.2, 0.9):
            for name in (b"old", b"new/dir/f"):
                with contextlib.closing(self.runtime.connect()) as connection:
                    message = body.replace(b'"old"', b'"' + name + b'"')
                    connection.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Type: " %
                                       len(message) + headers["Content-Type"].encode() + b"\r\n\r\n")
                    connection.sendall(message[:int(len(message) * fraction)])
                    wait_until(lambda: any(".sandgate-upload-" in n for n in self.runtime.tree()), "the temporary file")
                    self.assertEqual([e["name"] for e in self.runtime.get("/list").json()], ["old"], "it is not listed")
                wait_until(lambda: self.runtime.tree() == ["old"], "the removal of the temporary file")
                self.assertEqual(self.runtime.read("old"), b"old")

    def test_a_body_without_its_closing_delimiter_is_refused(self):
        body, headers = multipart("f", b"data")
        answer = self.runtime.request("POST", "/upload", body[:-6], headers)
        self.assertEqual(answer.status, 400)
        self.assertIn("ends before its closing delimiter", answer.json()["detail"])
        self.assertEqual(self.runtime.tree(), [])

    def test_bound(self):
        self.assertEqual(self.runtime.upload("exact", b"x" * 1024 * 1024).status, 200)
        for size in (1024 * 1024 + 1, 5 * 1024 * 1024):
            answer = self.runtime.upload("f", b"x" * size)
            self.assertEqual(answer.status, 413)
            self.assertEqual(answer.json(), {"message": "File upload failed: the file is larger than 1048576 bytes "
                                                        "(--upload-bytes-max)"})
        self.assertEqual(self.runtime.tree(), ["exact"])

    def test_refusals(self):
        os.mkdir(self.runtime.path("dir"))
        for name in ("dir", "", ".", "dir/"):
            answer = self.runtime.upload(name, b"x")
            self.assertEqual(answer.status, 500, name)
            self.assertTrue(answer.json()["message"].startswith("File upload failed: "))
            self.assertIn("Is a directory", answer.json()["message"])
        self.runtime.write("file", b"")
        self.assertIn("Not a directory", self.runtime.upload("file/x", b"x").json()["message"])
        self.assertIn("File name too long", self.runtime.upload("n" * 300, b"x").json()["message"])
        self.assertEqual(self.runtime.tree(), ["dir", "file"])

    def test_validation(self):
        def refused(body, content_type):
            answer = self.runtime.request("POST", "/upload", body, {"Content-Type": content_type} if content_type else {})
            return answer.status, answer.json()["detail"]

        missing = (422, [{"type": "missing", "loc": ["body", "file"], "msg": "Field required", "input": None}])
        self.assertEqual(refused(b"", None), missing)
        self.assertEqual(refused(b"{}", "application/json"), missing)
        form = "multipart/form-data; boundary=b"
        self.assertEqual(refused(b"--b--\r\n", form), missing)
        other = b'--b\r\nContent-Disposition: form-data; name="other"; filename="x"\r\n\r\n1\r\n--b--\r\n'
        self.assertEqual(refused(other, form), missing)
        status, problems = refused(b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n1\r\n--b--\r\n', form)
        self.assertEqual((status, problems[0]["type"]), (422, "value_error"))
        self.assertEqual(refused(b"", "multipart/form-data")[0], 400)
        self.assertEqual(refused(b"--bb\r\n", form)[0], 400)
        part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n1\r\n'
        self.assertEqual(refused(part + part + b"--b--", form), (400, "More than one part is named 'file'"))
        self.assertEqual(self.runtime.tree(), [])

    def test_a_full_disk_is_an_error_and_leaves_nothing(self):
        limited = ("sh", "-c", 'ulimit -f 100; exec "$@"', "sh")  # a file-size limit stands in for the disk
        with Runtime(prefix=limited) as runtime:
            answer = runtime.upload("f", b"x" * 1_000_000)
            self.assertEqual(answer.status, 500)
            self.assertIn("File upload failed: [Errno 27] File too large", answer.json()["message"])
            self.assertEqual(runtime.tree(), [])
            self.assertEqual(runtime.upload("f", b"fits").status, 200)


class WeightTest(unittest.TestCase):
    def test_big_files_do_not_live_in_memory(self):
        with Runtime() as runtime:
            block = os.urandom(1 << 20)
            runtime.upload("warm", block)
            runtime.get("/download/warm")
            before = runtime.resident_bytes()
            body, headers = multipart("big", b"")
            cut = body.index(b"\r\n\r\n") + 4
            total = 200 << 20
            with contextlib.closing(runtime.connect()) as connection:
                connection.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Type: %s\r\n\r\n" %
                                   (len(body) + total, headers["Content-Type"].encode()) + body[:cut])
                for _ in range(200):
                    connection.sendall(block)
                connection.sendall(body[cut:])
                self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 200 "))
            self.assertEqual(os.path.getsize(runtime.path("big")), total)
            with contextlib.closing(runtime.connect()) as connection:
                connection.sendall(b"GET /download/big HTTP/1.1\r\nHost: x\r\n\r\n")
                response = http.client.HTTPResponse(connection)
                response.begin()
                received = 0
                while piece := response.read(1 << 20):
                    self.assertEqual(piece, block[:len(piece)])
                    received += len(piece)
            self.assertEqual(received, total)
            self.assertLess(runtime.resident_bytes() - before, 16 << 20)

    def test_connection_bound(self):
        with Runtime("--connections-max", "3") as runtime:
            with contextlib.ExitStack() as stack:
                for _ in range(3):
                    connection = stack.enter_context(contextlib.closing(runtime.connect()))
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 200 "))
                with self.assertRaises((ConnectionError, http.client.RemoteDisconnected)):
                    runtime.get("/")

            def answers():
                try:
                    return runtime.get("/").status == 200
                except (ConnectionError, http.client.RemoteDisconnected):
                    return False

            wait_until(answers, "room for new connections")


if __name__ == "__main__":
    support.main(__doc__)
