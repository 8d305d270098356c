import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import count_tests

PASSED = """[==========] Running 3 tests from 1 test suite.
[==========] 3 tests from 1 test suite ran. (0 ms total)
[  PASSED  ] 3 tests.
"""
FAILED = """[==========] 3 tests from 2 test suites ran. (0 ms total)
[  PASSED  ] 1 test.
[  FAILED  ] 2 tests, listed below:
"""
SKIPPED = """[==========] 2 tests from 1 test suite ran. (0 ms total)
[  PASSED  ] 1 test.
[  SKIPPED ] 1 test, listed below:
"""


class CountProgram(unittest.TestCase):
    def test_gtest(self):
        self.assertEqual(count_tests.count_program(PASSED, True), (3, 0))
        self.assertEqual(count_tests.count_program(FAILED, False), (1, 2))

    def test_runs_in_one_output_add_up(self):
        self.assertEqual(count_tests.count_program(PASSED + FAILED, False), (4, 2))

    def test_skipped_and_disabled_cases_count_as_failed(self):
        self.assertEqual(count_tests.count_program(SKIPPED, True), (1, 1))
        self.assertEqual(count_tests.count_program(PASSED + "  YOU HAVE 1 DISABLED TEST\n", True), (3, 1))

    def test_failure_after_the_last_case_is_not_lost(self):
        self.assertEqual(count_tests.count_program(PASSED, False), (3, 1))

    def test_crash_in_the_middle(self):
        self.assertEqual(count_tests.count_program("[ RUN      ] A.b\n", False), (0, 1))

    def test_python(self):
        ok = "Ran 7 tests in 0.1s\n\nOK\n"
        bad = "Ran 7 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)\n"
        self.assertEqual(count_tests.count_program(ok, True), (7, 0))
        self.assertEqual(count_tests.count_program(bad, False), (3, 4))
        self.assertIsNone(count_tests.count_python("Traceback (most recent call last):\n"))

    def test_program_of_another_kind_is_one_case(self):
        self.assertEqual(count_tests.count_program("fine\n", True), (1, 0))
        self.assertEqual(count_tests.count_program("fine\n", False), (0, 1))


class Folder(unittest.TestCase):
    def run_main(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                (pathlib.Path(folder) / name).write_text(text)
            return count_tests.main([folder])

    def junit(self, status, output):
        case = f'<testcase name="a" status="{status}"><system-out>{output}</system-out></testcase>'
        return f"<testsuite>{case}</testsuite>"

    def test_status(self):
        self.assertEqual(self.run_main({"ctest.xml": self.junit("run", PASSED)}), 0)
        self.assertEqual(self.run_main({"ctest.xml": self.junit("fail", PASSED)}), 1)
        self.assertEqual(self.run_main({"ctest.xml": self.junit("notrun", "")}), 1)
        self.assertEqual(self.run_main({"ctest.xml": self.junit("run", PASSED), "x.python.log": "boom"}), 1)

    def test_nothing_run_is_a_failure(self):
        self.assertEqual(self.run_main({}), 1)


if __name__ == "__main__":
    unittest.main()
