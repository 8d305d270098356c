import contextlib
import io
import pathlib
import tempfile
import unittest
from unittest import mock

from load import load

tool = load("check_compatibility")

HEAD = "# Proof\n\n| What | Test |\n|---|---|\n"


class Compatibility(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        code = "class One(X):\n    def test_a(self):\n        def inner(): pass\n\n\ndef check(): pass\n"
        (self.root / "a_test.py").write_text(code)
        (self.root / "b_test.cc").write_text("TEST(Suite, Name) {}\nTEST_F(Other,\n       Long) {}\n// TEST(Not, This)\n")
        (self.root / "c.cc").write_text("extern \"C\" int LLVMFuzzerTestOneInput(const uint8_t*, size_t) {}\n")
        (self.root / "run").write_text("step test  1200 ./dev test\n# step fuzz\n")

    def faults(self, rows):
        return list(tool.check(self.root, "page.md", HEAD + rows))

    def test_what_exists(self):
        for name in ("a_test.py::One.test_a", "a_test.py::check", "b_test.cc::Suite.Name", "b_test.cc::Other.Long",
                     "c.cc::LLVMFuzzerTestOneInput", "run::step test"):
            with self.subTest(name):
                self.assertEqual(self.faults(f"| x | `{name}` |\n"), [])

    def test_what_does_not(self):
        for name in ("a_test.py::One.test_b", "a_test.py::test_a", "a_test.py::inner", "a_test.py::One.inner",
                     "b_test.cc::Suite.Names", "b_test.cc::Not.This", "b_test.cc::LLVMFuzzerTestOneInput",
                     "gone_test.py::One.test_a",
                     "run::step fuzz", "run::step tes"):
            with self.subTest(name):
                self.assertEqual(len(self.faults(f"| x | `a_test.py::check`, `{name}` |\n")), 1)

    def test_every_row_names_one(self):
        self.assertEqual(len(self.faults("| x | by reading |\n")), 1)
        self.assertEqual(len(self.faults("| x | |\n| y | `a_test.py::check` |\n")), 1)

    def test_open_rows_name_none(self):
        self.assertEqual(self.faults("## Open\n\n| What | Why |\n|---|---|\n| x | nothing tests it |\n"), [])
        rows = "| x | `a_test.py::check` |\n\n## Open\n\n| What | Why |\n|---|---|\n| y | `a_test.py::check` |\n"
        self.assertEqual(len(self.faults(rows)), 1)

    def test_main(self):
        page = self.root / "page.md"
        with mock.patch.object(tool, "ROOT", self.root), contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(tool.main(["page.md"]), 1)  # no such file
            page.write_text("# Proof\n")
            self.assertEqual(tool.main(["page.md"]), 1)  # no table
            page.write_text(HEAD + "| x | `a_test.py::gone` |\n")
            self.assertEqual(tool.main(["page.md"]), 1)
            page.write_text(HEAD + "| x | `a_test.py::check` |\n")
            self.assertEqual(tool.main(["page.md"]), 0)
            self.assertEqual(tool.main(["--help"]), 0)
        self.assertIn("page.md:5: a_test.py has no test gone", out.getvalue())


if __name__ == "__main__":
    unittest.main()
