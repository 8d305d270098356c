import pathlib
import tempfile
import unittest

from load import load

style = load("check_style")


class Style(unittest.TestCase):
    def faults(self, name, text):
        return [fault for _, fault in style.check_text(name, text)]

    def test_clean(self):
        self.assertEqual(self.faults("a.cc", "int main() { return 0; }\n"), [])
        self.assertEqual(self.faults("a.cc", 'snprintf(a, 3, "sleep(1)"); operand(3); // rand()\n'), [])

    def test_lengths(self):
        self.assertEqual(self.faults("a.cc", "/" * 120 + "\n"), [])
        self.assertEqual(len(self.faults("a.cc", "/" * 121 + "\n")), 1)
        self.assertEqual(self.faults("a.py", "x" * 130 + "\n"), [])
        self.assertEqual(len(self.faults("a.py", "x" * 131 + "\n")), 1)
        self.assertEqual(self.faults("a.md", "x" * 500 + "\n"), [])
        self.assertEqual(self.faults("a.py", "x\n" * 800), [])
        self.assertEqual(len(self.faults("a.py", "x\n" * 801)), 1)
        self.assertEqual(len(self.faults("tool", "#!/bin/sh\n" + "x\n" * 801)), 1)

    def test_blanks_and_ends(self):
        self.assertEqual(len(self.faults("a.md", "a\tb\n")), 1)
        self.assertEqual(self.faults("a.go", "\tb\n"), [])
        self.assertEqual(len(self.faults("a.md", "a \n")), 1)
        self.assertEqual(len(self.faults("a.md", "a\r\n")), 1)
        self.assertEqual(len(self.faults("a.md", "a")), 1)

    def test_every_banned_call_is_found(self):
        examples = {
            "strcpy": "strcpy(a, b);", "strcat": "strcat(a, b);", "sprintf": "sprintf(a, b);", "atoi": "atoi(a);",
            "strtok": "strtok(a, b);", "gets": "gets(a);", "rand": "rand();", "system": "system(a);",
            "alloca": "alloca(3);", "regex": "std::regex r;", "sleep": "std::this_thread::sleep_for(a);",
            "skip": "GTEST_SKIP();",
        }
        self.assertEqual(set(examples), set(style.BANNED))
        for name, example in examples.items():
            self.assertEqual(len(self.faults("a.cc", example + "\n")), 1, example)

    def test_a_reason_allows_one_name_on_one_line(self):
        self.assertEqual(self.faults("a.cc", "usleep(3);  // allow(sleep): the kernel has no event for it\n"), [])
        self.assertEqual(self.faults("a.cc", "// allow(sleep): the kernel has no event for it\nusleep(3);\n"), [])
        self.assertEqual(len(self.faults("a.cc", "// allow(sleep):\nusleep(3);\n")), 1)
        self.assertEqual(len(self.faults("a.cc", "// allow(rand): because\nusleep(3);\n")), 1)
        self.assertEqual(len(self.faults("a.cc", "// allow(sleep): because\n\nusleep(3);\n")), 1)

    def test_notes_and_machine_paths(self):
        self.assertEqual(len(self.faults("a.md", "TO" + "DO: later\n")), 1)
        self.assertEqual(self.faults("a.sh", "mktemp -d a.XXXXXX\n"), [])
        for path in ["/wo" + "rk/main", "/ho" + "me/joe/x"]:
            self.assertEqual(len(self.faults("a.md", f"see {path}\n")), 1, path)
        self.assertEqual(self.faults("a.md", "see docs/work/x, /workspace and /rooted\n"), [])

    def test_main(self):
        with tempfile.TemporaryDirectory() as folder:
            good, bad = pathlib.Path(folder, "good.md"), pathlib.Path(folder, "bad.md")
            good.write_text("fine\n")
            bad.write_text("not \n")
            self.assertEqual(style.main([str(good)]), 0)
            self.assertEqual(style.main([str(good), str(bad)]), 1)
            self.assertEqual(style.main([str(pathlib.Path(folder, "none.md"))]), 1)


if __name__ == "__main__":
    unittest.main()
