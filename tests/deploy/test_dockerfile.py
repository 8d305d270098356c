"""deploy/Dockerfile and .dockerignore as texts, and the reader that run_dockerfile.py runs them with."""

import json
import os
import pathlib
import re
import tempfile
import textwrap
import unittest

import contract_table as contract
import dockerfile
import manifests
import rootfs

PATH = manifests.REPOSITORY / "deploy" / "Dockerfile"


def instructions(stage, name):
    return [instruction.value for instruction in stage.instructions if instruction.name == name]


class TheDockerfile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = dockerfile.parse(PATH.read_text(encoding="utf-8"))

    def test_targets(self):
        self.assertEqual([stage.name for stage in self.recipe.stages][-2:], ["router", "runtime"])

    def test_bases_are_debian_12_slim(self):
        self.assertEqual(self.recipe.arguments, {"DEBIAN_IMAGE": "debian:bookworm-slim"})
        names = {stage.name for stage in self.recipe.stages}
        self.assertEqual({stage.base for stage in self.recipe.stages} - names, {"debian:bookworm-slim"})

    def image(self, target, name):
        """The instructions `name` of what becomes the image: the target and the stages it is based on."""
        bases, stage = [], self.recipe.stage(target)
        names = {each.name for each in self.recipe.stages}
        while True:
            bases.insert(0, stage)
            if stage.base not in names:
                return [value for each in bases for value in instructions(each, name)]
            stage = self.recipe.stage(stage.base)

    def test_only_the_program_comes_from_the_build(self):
        for target in ("router", "proxy", "ingress"):
            self.assertEqual(self.image(target, "COPY"), ["--from=build-router /out/sandgate /usr/local/bin/sandgate"])
        self.assertEqual(self.image("runtime", "COPY"),
                         ["--from=build-runtime /out/sandgate-runtime /usr/local/bin/sandgate-runtime"])

    def test_each_target_builds_only_its_own(self):
        gateway = ["toolchain", "build-router", "gateway"]
        expected = {"router": [*gateway, "router"], "proxy": [*gateway, "proxy"], "ingress": [*gateway, "ingress"],
                    "runtime": ["toolchain", "build-runtime", "runtime"]}
        for target, names in expected.items():
            self.assertEqual([stage.name for stage in self.recipe.needed_for(target)], names)

    def test_user_is_that_of_the_manifest(self):
        context = manifests.find(manifests.of_kind(manifests.load("sandbox_router.yaml"), "Deployment"),
                                 contract.POD + ".securityContext")
        for target in ("router", "proxy", "ingress", "runtime"):
            self.assertEqual(self.image(target, "USER")[-1], f"{context['runAsUser']}:{context['runAsGroup']}", target)

    def test_entry_points(self):
        expected = {"router": ["/usr/local/bin/sandgate", "router"], "proxy": ["/usr/local/bin/sandgate", "proxy"],
                    "ingress": ["./ingress"], "runtime": ["/usr/local/bin/sandgate-runtime"]}
        self.assertIn("ln -s /usr/local/bin/sandgate /ingress", " ".join(instructions(self.recipe.stage("ingress"), "RUN")))
        for target, command in expected.items():
            stage = self.recipe.stage(target)
            self.assertEqual([json.loads(value) for value in instructions(stage, "ENTRYPOINT")], [command])
            self.assertEqual(instructions(stage, "CMD"), [])

    def test_ports(self):
        deployment = manifests.of_kind(manifests.load("sandbox_router.yaml"), "Deployment")
        ports = [str(port["containerPort"]) for port in manifests.find(deployment, contract.ROUTER + ".ports")]
        self.assertEqual(instructions(self.recipe.stage("router"), "EXPOSE"), [" ".join(ports)])

    def test_no_secret_and_no_open_door_in_the_image(self):
        text = PATH.read_text(encoding="utf-8")
        for name in ("ROUTER_AUTH_TOKEN", "ALLOW_UNAUTHENTICATED_ROUTER"):
            self.assertNotIn(name, text)

    def test_package_lists_do_not_stay_in_a_layer(self):
        for stage in self.recipe.stages:
            for step in instructions(stage, "RUN"):
                if "apt-get update" in step or "./dev setup" in step:
                    self.assertIn("rm -rf /var/lib/apt/lists/*", step)

    def test_copied_files_are_in_the_context(self):
        files = dockerfile.context_files(manifests.REPOSITORY)
        for stage in self.recipe.stages:
            for instruction in stage.instructions:
                if instruction.name != "COPY":
                    continue
                options, sources, _ = dockerfile.copy_words(instruction)
                for source in sources if "from" not in options else []:
                    self.assertTrue(any(file == source or file.startswith(source + "/") for file in files), source)

    def test_context_holds_nothing_else(self):
        files = dockerfile.context_files(manifests.REPOSITORY)
        folders = {file.split("/")[0] for file in files}
        self.assertEqual(folders - {"dev", "tools", "CMakeLists.txt", "CMakePresets.json", "cmake", "src", "runtime"}, set())
        self.assertEqual([file for file in files if file.endswith("_test.cc")], [])
        self.assertEqual([file for file in files if file.startswith("tools/") and not file.startswith("tools/dev/")], [])


class TheReader(unittest.TestCase):
    def test_lines_are_joined_and_comments_dropped(self):
        recipe = dockerfile.parse(textwrap.dedent("""\
            # comment
            ARG BASE=debian:bookworm-slim
            FROM ${BASE} AS one
            RUN first \\
                # inside
                && second

            from one as two
            COPY --from=one /a /b
            """))
        self.assertEqual([(stage.name, stage.base) for stage in recipe.stages],
                         [("one", "debian:bookworm-slim"), ("two", "one")])
        self.assertEqual(recipe.stages[0].instructions[0].value, "first && second")

    def test_what_is_not_understood_is_refused(self):
        for text in ("", "RUN x\n", "ARG A\nFROM b\n", "FROM $NOTHING\n", "FROM a\nADD x y\n", "FROM a b c d\n",
                     "FROM a\nRUN x \\\n", "FROM a\nRUN <<END\n", "FROM a\nARG x\n", "FROM a\nHEALTHCHECK NONE\n"):
            with self.subTest(text), self.assertRaises(dockerfile.DockerfileError):
                dockerfile.parse(text)

    def test_stages_that_are_not_needed_are_left_out(self):
        recipe = dockerfile.parse("FROM x AS a\nFROM a AS b\nFROM x AS c\nFROM x AS d\nCOPY --from=b /f /f\n")
        self.assertEqual([stage.name for stage in recipe.needed_for("d")], ["a", "b", "d"])
        with self.assertRaises(dockerfile.DockerfileError):
            recipe.needed_for("nothing")

    def test_commands(self):
        self.assertEqual(dockerfile.command_words('["a", "b c"]'), ["a", "b c"])
        self.assertEqual(dockerfile.command_words("a && b"), ["/bin/sh", "-c", "a && b"])
        for bad in ("[a]", "[1]"):
            with self.assertRaises(dockerfile.DockerfileError):
                dockerfile.command_words(bad)

    def test_copy(self):
        def copy(value):
            return dockerfile.copy_words(dockerfile.Instruction(1, "COPY", value))
        self.assertEqual(copy("--from=x /a b/ /c/"), ({"from": "x"}, ["/a", "b/"], "/c/"))
        self.assertEqual(copy('["a b", "c"]'), ({}, ["a b"], "c"))
        for bad in ("a", "--link a b", "--from a b"):
            with self.subTest(bad), self.assertRaises(dockerfile.DockerfileError):
                copy(bad)

    def test_environment(self):
        self.assertEqual(dockerfile.pairs('A=1 B="two words"'), {"A": "1", "B": "two words"})
        with self.assertRaises(dockerfile.DockerfileError):
            dockerfile.pairs("A 1")

    def test_installed_packages(self):
        stage = dockerfile.parse("FROM a\nRUN apt-get update && apt-get install -y --no-install-recommends x y && z\n").stages[0]
        self.assertEqual(dockerfile.installed_packages(stage), ["x", "y"])

    def test_ignore(self):
        ignore = dockerfile.Ignore("# c\n*\n!src\n!tools/dev\n**/*_test.cc\n!src/kept_test.cc\n")
        for path, ignored in {
            "README.md": True, "src": False, "src/a/b.cc": False, "src/b_test.cc": True, "src/a/b_test.cc": True,
            "src/kept_test.cc": False, "tools": True, "tools/x": True, "tools/dev/x.sh": False, "srcs": True,
        }.items():
            self.assertEqual(ignore.ignores(path), ignored, path)
        self.assertTrue(ignore.ignores_all_below("build"))
        self.assertFalse(ignore.ignores_all_below("tools"))
        self.assertFalse(dockerfile.Ignore("").ignores("anything"))

    def test_context(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name in ("src/a.cc", "src/deep/b_test.cc", "build/x", ".git/config", "dev"):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text("", encoding="utf-8")
            os.symlink("a.cc", root / "src" / "link")
            (root / ".dockerignore").write_text("*\n!src\n!dev\n**/*_test.cc\n", encoding="utf-8")
            self.assertEqual(dockerfile.context_files(root), ["dev", "src/a.cc", "src/link"])


class TheSources(unittest.TestCase):
    """run_dockerfile.py takes Debian's packages from wherever this machine takes them, and nothing else."""

    def sources(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder) / name
                path.parent.mkdir(exist_ok=True)
                path.write_text(textwrap.dedent(text), encoding="utf-8")
            return rootfs.debian_sources("bookworm", folder)

    def test_both_forms_are_read(self):
        text = self.sources({
            "sources.list": """\
                # deb http://commented.test/debian bookworm main
                deb [arch=amd64 signed-by=/k.gpg] http://one.test/debian bookworm main contrib # why
                deb http://other.test/apt stable main
                """,
            "sources.list.d/more.sources": """\
                # comment
                Types: deb deb-src
                URIs: http://two.test/debian
                Suites: bookworm-updates trixie
                Components: main
                Signed-By: /d.gpg

                Types: deb
                URIs: http://off.test/debian
                Suites: bookworm
                Components: main
                Enabled: no
                """,
        })
        self.assertEqual(re.findall(r"http://(\w+)\.test", text), ["two", "one"])
        self.assertIn("Suites: bookworm-updates\n", text)
        self.assertIn("Signed-By: /k.gpg", text)

    def test_no_source_is_an_error(self):
        with self.assertRaises(rootfs.StepError):
            self.sources({"sources.list": "deb http://x.test/debian bookworm-updates main\n"})


if __name__ == "__main__":
    unittest.main()
