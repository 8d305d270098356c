#!/usr/bin/env python3
"""Runs the steps of deploy/Dockerfile in Debian roots made with mmdebstrap, then starts each target as its user on a read-only
root and checks that it answers. For machines without Docker; the steps, files, users and entry points are the Dockerfile's own.
"""

import argparse
import copy
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time

import dockerfile
import image_checks
import manifests
import rootfs


class Builder:
    """Builds stages, each once, into roots under a work folder."""

    def __init__(self, recipe, context, work, deadline):
        self.recipe = recipe
        self.context = context
        self.work = work
        self.deadline = deadline
        self.roots = {}
        self.states = {}

    def build(self, target):
        """Builds a target with what it needs; returns its Image."""
        for stage in self.recipe.needed_for(target):
            if stage.name not in self.roots:
                self._build_stage(stage)
        return image_checks.Image(target, self.roots[target], self.states[target])

    def _build_stage(self, stage):
        root = self.work / f"stage-{stage.name}"
        state = self._start(stage, root)
        for instruction in stage.instructions:
            began = time.monotonic()
            self._step(stage, root, state, instruction)
            if instruction.name in ("RUN", "COPY"):
                print(f"  [{stage.name}] {instruction.name} {instruction.value[:80]}  ({time.monotonic() - began:.1f} s)",
                      flush=True)
        state["installed"] = dockerfile.installed_packages(stage)
        self.roots[stage.name], self.states[stage.name] = root, state

    def _start(self, stage, root):
        """The root and the settings a stage begins with: an earlier stage's, or a fresh Debian's."""
        if stage.base in self.roots:
            rootfs.copy_root(self.roots[stage.base], root, self.deadline)
            before = self.states[stage.base]
            return {**copy.deepcopy(before), "defaults": {}}  # two targets may be made of one stage
        suite = re.fullmatch(r"debian:([a-z]+)-slim", stage.base)
        if not suite:
            raise dockerfile.DockerfileError(f"stage {stage.name}: {stage.base} is no debian:SUITE-slim and no earlier stage")
        base = self.work / f"base-{suite[1]}"
        if not base.exists():
            began = time.monotonic()
            rootfs.bootstrap(suite[1], base, self.work, self.deadline)
            print(f"  [{stage.base}] mmdebstrap  ({time.monotonic() - began:.1f} s)", flush=True)
        rootfs.copy_root(base, root, self.deadline)
        return {"environment": {}, "defaults": {}, "cwd": "/", "user": "0", "entry_point": [], "arguments": [], "volumes": [],
                "ports": []}

    def _step(self, stage, root, state, instruction):
        name, value = instruction.name, instruction.value
        if name == "RUN":
            if state["user"].split(":")[0] not in ("0", "root"):
                raise dockerfile.DockerfileError(f"line {instruction.line}: RUN after USER is not understood here")
            rootfs.run_in(root, dockerfile.command_words(value), {**state["defaults"], **state["environment"]},
                          state["cwd"], self.work, self.deadline)
        elif name == "COPY":
            self._copy(stage, root, state, instruction)
        elif name == "ARG":  # with its default: what RUN sees, and not the image
            state["defaults"].update(dockerfile.pairs(value))
        elif name == "ENV":
            state["environment"].update(dockerfile.pairs(dockerfile.expand(value, state["environment"])))
        elif name == "WORKDIR":
            state["cwd"] = os.path.normpath(os.path.join(state["cwd"], value))
            (root / state["cwd"].strip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "USER":
            state["user"] = value
        elif name == "ENTRYPOINT":
            state["entry_point"], state["arguments"] = dockerfile.command_words(value), []
        elif name == "CMD":
            state["arguments"] = dockerfile.command_words(value)
        elif name == "VOLUME":
            state["volumes"] += dockerfile.list_words(value)
        elif name == "EXPOSE":
            state["ports"] += [int(word.removesuffix("/tcp")) for word in value.split()]
        elif name != "LABEL":
            raise dockerfile.DockerfileError(f"line {instruction.line}: {name} is not understood here")

    def _copy(self, stage, root, state, instruction):
        options, sources, destination = dockerfile.copy_words(instruction)
        if set(options) - {"from"}:
            raise dockerfile.DockerfileError(f"line {instruction.line}: COPY --chown and --chmod are not understood here")
        target = root / os.path.normpath(os.path.join(state["cwd"], destination)).strip("/")
        into_folder = len(sources) > 1 or destination.endswith("/") or target.is_dir()
        for source in sources:
            if "from" in options:
                origin = self.roots[options["from"]]
                files = [path.relative_to(origin).as_posix() for path in [origin / source.strip("/")] if path.is_file()]
            else:
                origin = self.context
                name = source.strip("/")
                files = [path for path in self._context_files() if path == name or path.startswith(name + "/")]
            if not files:
                raise dockerfile.DockerfileError(f"line {instruction.line}: COPY finds no {source} (is it in .dockerignore?)")
            for file in files:
                below = os.path.relpath(file, source.strip("/"))
                if below == ".":
                    goal = target / pathlib.PurePath(file).name if into_folder else target
                else:
                    goal = target / below
                goal.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(origin / file, goal, follow_symlinks=False)
                os.chown(goal, 0, 0, follow_symlinks=False)

    def _context_files(self):
        if not hasattr(self, "_files"):
            self._files = dockerfile.context_files(self.context)
        return self._files


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", action="append", choices=sorted(image_checks.CHECKS),
                        help="a target to build and start; may be repeated (default: all)")
    parser.add_argument("--context", type=pathlib.Path, default=manifests.REPOSITORY,
                        help="build context (default: the repository)")
    parser.add_argument("--file", type=pathlib.Path, help="the Dockerfile (default: deploy/Dockerfile of the context)")
    parser.add_argument("--time-limit", type=int, default=470, metavar="SECONDS", help="for everything (default: 470)")
    parser.add_argument("--optional", action="store_true", help="say so and succeed where this machine cannot do it")
    parser.add_argument("--keep", action="store_true", help="keep the work folder and print its name")
    return parser.parse_args()


def main():
    options = arguments()
    impossible = rootfs.require_tools()
    if impossible:
        print(f"run_dockerfile: {'skipped, ' if options.optional else ''}{impossible}", file=sys.stderr)
        return 0 if options.optional else 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    deadline = rootfs.Deadline(options.time_limit)
    began = time.monotonic()
    work = pathlib.Path(tempfile.mkdtemp(prefix="sandgate-image-"))
    try:
        recipe = dockerfile.parse((options.file or options.context / "deploy" / "Dockerfile").read_text(encoding="utf-8"))
        builder = Builder(recipe, options.context.resolve(), work, deadline)
        for target in options.target or sorted(image_checks.CHECKS):
            print(f"target {target}", flush=True)
            image = builder.build(target)
            image_checks.check(image, work, deadline)
            print(f"target {target}: built, started and checked ({image.size_mib()} MiB)", flush=True)
    except (rootfs.StepError, dockerfile.DockerfileError, image_checks.CheckFailed, OSError) as error:
        print(f"run_dockerfile: FAILED: {error}", file=sys.stderr)
        return 1
    finally:
        if options.keep:
            print(f"kept: {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    print(f"run_dockerfile: all well ({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
