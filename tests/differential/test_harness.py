"""Tests of the differential test itself: the strict reading, the invariants, the table. Needs no server."""

import dataclasses
import os
import tempfile
import unittest

import exchange
import invariants
import run
import strict
import table

HEAD = b"Host: a\r\n"
GET = b"GET /a HTTP/1.1\r\n" + HEAD + b"\r\n"


def read(data):
    reading = strict.read_all(data)
    return len(reading.requests), reading.end


class StrictReading(unittest.TestCase):
    def test_requests_are_counted(self):
        self.assertEqual(read(GET), (1, "complete"))
        self.assertEqual(read(GET * 3), (3, "complete"))
        self.assertEqual(read(b"\r\n\r\n" + GET + b"\r\n"), (1, "complete"))
        self.assertEqual(read(b""), (0, "complete"))

    def test_every_cut_is_incomplete(self):
        post = b"POST /a HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\n\r\nhello"
        chunked = b"POST /a HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"
        for whole in (GET, post, chunked):
            self.assertEqual(read(whole), (1, "complete"))
            for size in range(1, len(whole)):
                self.assertEqual(read(whole[:size]), (0, "incomplete"), whole[:size])

    def test_bodies(self):
        reading = strict.read_all(b"POST /a HTTP/1.1\r\n" + HEAD + b"Content-Length: 3\r\n\r\nabc" + GET)
        self.assertEqual([(r.framing, r.body) for r in reading.requests], [("length", b"abc"), ("none", b"")])
        reading = strict.read_all(
            b"POST /a HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: Chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n" + GET)
        self.assertEqual([(r.framing, r.body) for r in reading.requests], [("chunked", b"abc"), ("none", b"")])

    def test_violations(self):
        for head in (b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: +1\r\n",
                     b"Content-Length: 1\r\nContent-Length: 2\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
                     b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"X-A: b\r\n c\r\n",
                     b"X-A : b\r\n", b": b\r\n", b"X-A: b\nX-C: d\r\n", b"X-A: b\rc\r\n", b"X-A: \x00\r\n",
                     b"Host: a\r\n", b"Content-Length: 9223372036854775808\r\n", b"X-A\r\n"):
            self.assertEqual(read(b"GET /a HTTP/1.1\r\n" + HEAD + head + b"\r\n")[1], "violation", head)
        for line in (b"GET /a#b HTTP/1.1", b"GET /\x80 HTTP/1.1", b"GET  /a HTTP/1.1", b"GET /a HTTP/2.0", b"GET /a"):
            self.assertEqual(read(line + b"\r\n" + HEAD + b"\r\n")[1], "violation", line)
        for body in (b"5\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n",
                     b"0x5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\n\n", b"5;\x00\r\nhello\r\n0\r\n\r\n"):
            data = b"POST /a HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body
            self.assertEqual(read(data)[1], "violation", body)

    def test_nothing_follows_a_close(self):
        self.assertEqual(read(b"GET /a HTTP/1.1\r\n" + HEAD + b"Connection: x, Close\r\n\r\n" + GET), (1, "complete"))
        self.assertEqual(read(b"GET /a HTTP/1.0\r\n\r\n" + GET), (1, "complete"))
        self.assertEqual(read(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + GET), (2, "complete"))


def outcome(seen, responses=None, end="kept", marker=True, **changes):
    """An outcome as a faultless router would leave it for the requests it let through."""
    at_origin = list(seen)
    answers = [exchange.Response(200, n + 1, b"%s %s none 0\n" % (r.method, r.target)) for n, r in enumerate(seen)]
    marker_answers = []
    if marker:
        request = strict.read_one(exchange.marker_for(0))[0]
        at_origin.append(request)
        marker_answers = [exchange.Response(200, len(at_origin), b"GET " + request.target + b" none 0\n")]
    return dataclasses.replace(
        exchange.Outcome(answers if responses is None else responses, marker_answers, end, list(seen), at_origin, []),
        **changes)


class Invariants(unittest.TestCase):
    def setUp(self):
        self.reading = strict.read_all(GET)
        self.seen = list(self.reading.requests)

    def faults(self, result, reading=None):
        return invariants.broken(reading or self.reading, result, b"marker")

    def test_a_faultless_outcome_breaks_none(self):
        self.assertEqual(self.faults(outcome(self.seen)), [])

    def test_a_smuggled_request(self):
        self.assertTrue(self.faults(outcome(self.seen * 2)))

    def test_an_altered_body_target_or_method(self):
        for change in ({"body": b"x"}, {"target": b"/b"}, {"method": b"POST"}):
            self.assertTrue(self.faults(outcome([dataclasses.replace(self.seen[0], **change)])), change)

    def test_garbage_at_the_origin(self):
        self.assertTrue(self.faults(outcome(self.seen, garbage=[("bare LF", b"x")])))

    def test_two_framing_fields(self):
        fields = self.seen[0].fields + ((b"Content-Length", b"0"), (b"content-length", b"0"))
        self.assertTrue(self.faults(outcome([dataclasses.replace(self.seen[0], fields=fields)])))

    def test_a_trailer_that_routes(self):
        self.assertTrue(self.faults(outcome([dataclasses.replace(self.seen[0], trailers=((b"X-Sandbox-ID", b"b"),))])))

    def test_answers_out_of_step(self):
        other = [exchange.Response(200, 1, b"GET /other none 0\n")]
        self.assertTrue(self.faults(outcome(self.seen, other)))
        twice = [exchange.Response(200, 1, b"GET /a none 0\n")] * 2
        self.assertTrue(self.faults(outcome(self.seen, twice)))

    def test_marker_answered_by_another(self):
        result = outcome(self.seen)
        result.marker_responses = [exchange.Response(400, 0, b"")]
        self.assertTrue(self.faults(result))

    def test_a_violation_has_to_close(self):
        reading = strict.read_all(GET.replace(b"\r\n", b"\n"))
        refusal = [exchange.Response(400, 0, b"")]
        self.assertEqual(self.faults(outcome([], refusal, "closed", marker=False), reading), [])
        self.assertTrue(self.faults(outcome([], refusal, "kept"), reading))
        self.assertTrue(self.faults(outcome([], refusal, "waits", marker=False), reading))

    def test_a_complete_request_has_to_be_answered(self):
        self.assertTrue(self.faults(outcome([], [], "waits", marker=False)))

    def test_an_unfinished_request_is_not_answered_and_kept(self):
        reading = strict.read_all(GET[:-2])
        self.assertEqual(self.faults(outcome([], [], "waits", marker=False), reading), [])
        self.assertTrue(self.faults(outcome([], [exchange.Response(200, 0, b"")], "kept"), reading))


class Table(unittest.TestCase):
    def rows(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".md", delete=False) as file:
            file.write(text)
        try:
            return table.read(file.name)
        finally:
            os.unlink(file.name)

    def test_rows_and_alternatives(self):
        rows = self.rows("# x\n| `a`, `b` | 400 -> 0, closed | same | 200 -> 0, kept or 502 -> 0, kept | why |\n")
        self.assertEqual(rows[0].cases, ("a", "b"))
        refused = "400 -> 0, closed"
        seen = {"a": (refused, refused, "502 -> 0, kept"), "b": (refused, refused, "200 -> 0, kept")}
        self.assertEqual(table.compare(rows, seen), [])

    def test_what_does_not_agree(self):
        rows = self.rows("| `a` | 1 | 2 | same | why |\n| `b` | 1 | 2 | same | why |\n| `c` | 1 | 2 | same | why |\n")
        faults = table.compare(rows, {"a": ("1", "2", "1"), "b": ("1", "1", "1"), "c": ("1", "3", "1"),
                                      "d": ("1", "2", "1"), "e": ("1", "1", "1")})
        self.assertEqual([fault.split(":")[0] for fault in faults], ["b", "c", "d"])
        self.assertEqual([f.split(":")[0] for f in table.compare(rows, {"a": ("1", "2", "1")})], ["b", "c"])

    def test_rows_that_say_nothing(self):
        for text in ("| `a` | 1 | same | same | why |\n", "| `a` | 1 | 2 | 2 | |\n", "| `a` | 1 or 2 | 2 | 2 | why |\n",
                     "| `a` | 1 | 2 | why |\n"):
            with self.assertRaises(table.TableError):
                self.rows(text)

    def test_the_committed_table_can_be_read_and_names_cases(self):
        names = run.all_cases()
        for row in table.read(run.TABLE):
            for name in row.cases:
                self.assertIn(name, names)


class Cases(unittest.TestCase):
    def test_number_and_lane(self):
        cases = run.all_cases()
        self.assertGreaterEqual(len(cases), run.CASES_MIN)
        for _, case in cases.values():
            self.assertEqual(len(case.bytes_for(3)), len(case.raw))
            self.assertNotIn(b"lane@", case.bytes_for(3))


if __name__ == "__main__":
    unittest.main()
