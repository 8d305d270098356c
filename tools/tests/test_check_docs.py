import pathlib
import tempfile
import unittest

from load import load

docs = load("check_docs")


class Docs(unittest.TestCase):
    def links(self, text):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "docs").mkdir()
            (root / "docs/a.md").write_text("# The `big` one, here\n")
            return list(docs.check_links(root, "README.md", text))

    def test_links(self):
        self.assertEqual(self.links("[a](docs/a.md) [b](docs/a.md#the-big-one-here) [c](https://example.org/x)"), [])
        self.assertEqual(len(self.links("[a](docs/b.md)")), 1)
        self.assertEqual(len(self.links("![a](docs/b.png)")), 1)
        self.assertEqual(len(self.links("[a](docs/a.md#nothing)")), 1)
        self.assertEqual(self.links("```\n[a](docs/b.md)\n```\n"), [])

    def test_readme_commands_are_run(self):
        readme = "# X\n```sh\ngit clone URL x && cd x\n./dev run      # one\n./dev test     # two\n```\n"
        self.assertEqual(list(docs.check_readme(readme, "a ./dev run\nb ./dev test\n")), [])
        self.assertEqual(len(list(docs.check_readme(readme, "a ./dev run\n"))), 1)
        self.assertEqual(len(list(docs.check_readme(readme, "./dev run\n./dev tests\n"))), 1)
        self.assertEqual(len(list(docs.check_readme("# X\n", "./dev run\n"))), 1)

    def test_missing_words(self):
        manual = "`--proxy-timeout` and `sandbox_router_requests_total`"
        self.assertEqual(list(docs.missing_words(["--proxy-timeout"], manual, "flag")), [])
        self.assertEqual(len(list(docs.missing_words(["--proxy"], manual, "flag"))), 1)
        self.assertEqual(len(list(docs.missing_words(["sandbox_router_requests"], manual, "metric"))), 1)

    def test_names_in_help_and_source(self):
        self.assertEqual(docs.FLAG.findall("  -h,--help  --proxy-timeout TEXT (a--b)"), ["--help", "--proxy-timeout"])
        self.assertEqual(docs.METRIC.findall('x("sandbox_router_requests_total")'), ["sandbox_router_requests_total"])
        self.assertEqual(docs.VARIABLE.findall('get("CLUSTER_DOMAIN"), "GET", "PORT_X"'), ["CLUSTER_DOMAIN", "PORT_X"])

    def test_manual(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name in ("docs", "src/observe", "build/release/bin"):
                (root / name).mkdir(parents=True)
            (root / "docs/a.md").write_text("--help\n")
            program = root / "build/release/bin/sandgate"
            program.write_text("#!/bin/sh\necho --help --new\n")
            program.chmod(0o755)
            (root / "src/observe/names.h").write_text('constexpr auto k = "sandgate_new_total";\n')
            faults = list(docs.check_manual(root, need_programs=False))
            self.assertEqual(len(faults), 2, faults)
            (root / "docs/a.md").write_text("--help --new sandgate_new_total\n")
            self.assertEqual(list(docs.check_manual(root, need_programs=False)), [])
            self.assertEqual(len(list(docs.check_manual(root, need_programs=True))), 1)  # no sandgate-runtime


if __name__ == "__main__":
    unittest.main()
