import pathlib
import tempfile
import unittest

from load import load

layers = load("check_layers")


class Layers(unittest.TestCase):
    def faults(self, name, *lines):
        return list(layers.check_file(name, "\n".join(lines)))

    def test_table_names_only_folders_that_are_in_it(self):
        for folder in layers.MAY_USE:
            self.assertTrue(layers.closure(folder) <= set(layers.MAY_USE), folder)

    def test_table_has_no_circle(self):
        for folder in layers.MAY_USE:
            for used in layers.closure(folder) - {folder, "server"}:
                if folder != "server":
                    self.assertNotIn(folder, layers.closure(used) - {used}, f"{folder} and {used}")

    def test_allowed_includes(self):
        self.assertEqual(self.faults("proxy/worker.cc", '#include "wire/connection.h"', '#include "http/head.h"',
                                     '#include "base/result.h"', "#include <vector>"), [])
        self.assertEqual(self.faults("server/main.cc", '#include "proxy/worker.h"', '#include "front/router/a.h"'), [])
        self.assertEqual(self.faults("config/flags.cc", '#include "wire/options.h"'), [])
        self.assertEqual(self.faults("runtime/main.cc", '#include "wire/connection.h"', '#include "runtime/a.h"'), [])

    def test_forbidden_includes(self):
        for name, line in [("io/loop.cc", '#include "http/head.h"'),
                           ("base/strings.cc", '#include "io/loop.h"'),
                           ("control/dns.cc", '#include "proxy/worker.h"'),
                           ("control/dns.cc", '#include "wire/connection.h"'),
                           ("proxy/exchange.cc", '#include "front/router/plan.h"'),
                           ("front/path/plan.cc", '#include "front/router/plan.h"'),
                           ("config/flags.cc", '#include "wire/connection.h"'),
                           ("runtime/main.cc", '#include "proxy/worker.h"')]:
            self.assertEqual(len(self.faults(name, "// one", line)), 1, (name, line))
            self.assertTrue(self.faults(name, "// one", line)[0].startswith(f"{name}:2: "))

    def test_pure_folders(self):
        self.assertEqual(len(self.faults("http/h1/codec.cc", "#include <unistd.h>")), 1)
        self.assertEqual(len(self.faults("proxy/worker.cc", "#include <thread>")), 1)
        self.assertEqual(len(self.faults("proxy/worker.cc", "  auto now = std::chrono::steady_clock::now();")), 1)
        self.assertEqual(len(self.faults("policy/token.cc", "  if (time(nullptr) > 3) {")), 1)
        self.assertEqual(self.faults("proxy/worker.cc", "  deadline_time(3); clock.time(); // time()"), [])
        self.assertEqual(self.faults("io/socket.cc", "#include <sys/socket.h>", "int fd = ::socket(1, 2, 3);"), [])

    def test_third_party_headers_stay_in_their_adapter(self):
        self.assertEqual(len(self.faults("proxy/worker.cc", "#include <openssl/ssl.h>")), 1)
        self.assertEqual(len(self.faults("observe/log.h", "#include <nlohmann/json.hpp>")), 1)
        self.assertEqual(self.faults("crypto/hmac.cc", "#include <openssl/hmac.h>"), [])

    def test_unknown_folder(self):
        self.assertEqual(len(self.faults("magic/wand.cc")), 1)

    def test_tests_may_include_anything(self):
        self.assertEqual(self.faults("io/loop_test.cc", '#include "wire/connection.h"'), [])

    def test_main_fails_on_a_stray_include_and_on_an_empty_tree(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            self.assertEqual(layers.main([folder]), 1)
            (root / "src/io").mkdir(parents=True)
            (root / "src/io/loop.cc").write_text('#include "base/clock.h"\n')
            self.assertEqual(layers.main([folder]), 0)
            (root / "src/io/loop.h").write_text('#include "http/head.h"\n')
            self.assertEqual(layers.main([folder]), 1)


if __name__ == "__main__":
    unittest.main()
