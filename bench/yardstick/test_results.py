"""Tests of the statements made from samples: ratios, ties, goals, and that a failure is never a figure."""
import json
import pathlib
import tempfile
import unittest

import plot
import results
import table
from xml.etree import ElementTree


def sample(load: str, peer: str, value: float, gauge: float | None = None, **more) -> dict:
    key = results.LOADS[load].key
    return {"load": load, "peer": peer, "round": 0, key: value, **({"gauge": gauge} if gauge else {}), **more}


def run_of(*records: dict) -> results.Run:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "records.jsonl")
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return results.read([path])


def verdict(load: str, *records: dict) -> results.Verdict:
    return results.judge(results.LOADS[load], run_of(*records).series[load])


class Ratio(unittest.TestCase):
    def test_each_sample_is_divided_by_its_own_gauge(self):
        # The second round was taken on a machine half as fast: in relays nothing changed.
        got = verdict("M1", sample("M1", "sandgate", 12, 10), sample("M1", "sandgate", 24, 20),
                      sample("M1", "nginx", 16, 10), sample("M1", "nginx", 32, 20))
        self.assertAlmostEqual(got.ratio, 0.75)

    def test_is_to_the_better_of_the_two(self):
        got = verdict("M1", sample("M1", "sandgate", 12, 10), sample("M1", "nginx", 20, 10), sample("M1", "haproxy", 15, 10))
        self.assertEqual(got.better, "haproxy")
        self.assertAlmostEqual(got.ratio, 0.8)
        self.assertTrue(got.met)

    def test_other_peers_do_not_count(self):
        got = verdict("M1", sample("M1", "sandgate", 12, 10), sample("M1", "nginx", 20, 10), sample("M1", "go", 1, 10))
        self.assertEqual(got.better, "nginx")

    def test_of_minima_takes_the_lowest_samples_as_they_are(self):
        got = verdict("M1", sample("M1", "sandgate", 14, 10), sample("M1", "sandgate", 12, 10),
                      sample("M1", "nginx", 30, 10), sample("M1", "nginx", 16, 10))
        self.assertAlmostEqual(got.ratio_minima, 0.75)
        self.assertAlmostEqual(got.ratio, 13 / 23)

    def test_without_the_subject_nothing_is_claimed(self):
        got = verdict("M1", sample("M1", "nginx", 16, 10))
        self.assertIsNone(got.ratio)
        self.assertIsNone(got.met)
        self.assertEqual(got.word, "not measured")

    def test_a_failed_sample_is_no_figure(self):
        run = run_of(sample("M1", "nginx", 16, 10), {"load": "M1", "peer": "sandgate", "round": 0, "fail": "refused"})
        self.assertIsNone(results.judge(results.LOADS["M1"], run.series["M1"]).met)
        self.assertEqual(run.failures, ["M1 sandgate: refused"])


class GoalMet(unittest.TestCase):
    def test_a_tie_counts_where_the_goal_allows_it(self):
        for value, met in ((10.4, True), (10.6, False), (9.0, True)):
            got = verdict("M6", sample("M6", "sandgate", value, 10), sample("M6", "nginx", 10, 10))
            self.assertEqual(got.met, met, value)

    def test_a_tie_does_not_help_elsewhere(self):
        got = verdict("M4", sample("M4", "sandgate", 9.6, 10), sample("M4", "nginx", 10, 10))
        self.assertTrue(got.tie)
        self.assertFalse(got.met)

    def test_memory_is_judged_by_the_worst_sample(self):
        self.assertTrue(verdict("M7", sample("M7", "sandgate", 599)).met)
        self.assertFalse(verdict("M7", sample("M7", "sandgate", 599), sample("M7", "sandgate", 600)).met)

    def test_growth_of_nothing_is_a_figure(self):
        self.assertTrue(verdict("MEM200", sample("MEM200", "sandgate", 0)).met)


class Reading(unittest.TestCase):
    def test_names_the_line_that_is_wrong(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "records.jsonl")
            path.write_text('{"about": {}}\n{"load": "M1"\n')
            with self.assertRaisesRegex(ValueError, "line 2"):
                results.read([path])
            path.write_text('{"load": "M99", "peer": "nginx"}\n')
            with self.assertRaisesRegex(ValueError, "line 1: no load is named M99"):
                results.read([path])


class Output(unittest.TestCase):
    def setUp(self):
        timed = {"rps": 60000.0, "p50": 900.0, "p99": 1500.0, "util": 1.0, "user_share": 0.2, "memory_kib": 4096, "gbps": 1.0}
        self.run_ = run_of({"about": {"rounds": 1}}, *(
            sample(load, peer, value, 8.0, **timed) for load in ("L1", "M1", "M3d")
            for peer, value in (("relay", 8.0), ("sandgate", 9.0), ("nginx", 15.0))))

    def test_tables_have_equal_columns(self):
        tables = [block.splitlines() for block in table.page(self.run_).split("\n\n") if block.startswith("|")]
        self.assertEqual(len(tables), 4)
        for rows in tables:
            self.assertEqual(len({row.count("|") for row in rows}), 1, rows)

    def test_update_replaces_only_the_marked_part(self):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder, "page.md")
            page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
            table.update(page, self.run_)
            table.update(page, self.run_)
            text = page.read_text()
            self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))
            self.assertNotIn("old", text)
            self.assertEqual(text.count("### M1"), 1)
            page.write_text("no marks\n")
            with self.assertRaisesRegex(ValueError, "must each be there once"):
                table.update(page, self.run_)

    def test_pictures_are_well_formed_and_bars_keep_the_proportion(self):
        pictures = plot.pictures(self.run_)
        self.assertEqual(set(pictures), {"cpu.svg", "latency.svg", "memory.svg"} - {"memory.svg"})
        root = ElementTree.fromstring(pictures["cpu.svg"])
        bars = [float(bar.get("width")) for bar in root.iter("{http://www.w3.org/2000/svg}rect")][1:4]
        self.assertAlmostEqual(bars[0] / bars[2], 8 / 15, places=2)
        self.assertAlmostEqual(bars[1] / bars[2], 9 / 15, places=2)


if __name__ == "__main__":
    unittest.main()
