"""Reads a Dockerfile and a .dockerignore: the part of both that deploy/Dockerfile uses. Anything else is an error."""

import dataclasses
import json
import os
import pathlib
import re
import shlex

KNOWN = {"ARG", "FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "ENTRYPOINT", "CMD", "EXPOSE", "VOLUME", "LABEL"}


class DockerfileError(Exception):
    """What cannot be read, with the line."""


@dataclasses.dataclass
class Instruction:
    line: int
    name: str
    value: str


@dataclasses.dataclass
class Stage:
    base: str
    name: str
    instructions: list


@dataclasses.dataclass
class Dockerfile:
    arguments: dict  # ARG before the first FROM: name to default
    stages: list

    def stage(self, name):
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise DockerfileError(f"no stage named {name}; there are: {', '.join(stage.name for stage in self.stages)}")

    def needed_for(self, target):
        """The stages that must be built for a target, in the order of the file."""
        names = {stage.name for stage in self.stages}
        wanted, todo = set(), [target]
        while todo:
            name = todo.pop()
            if name in wanted:
                continue
            wanted.add(name)
            stage = self.stage(name)
            for other in [stage.base, *(copy_words(i)[0].get("from") for i in stage.instructions if i.name == "COPY")]:
                if other in names:
                    todo.append(other)
        return [stage for stage in self.stages if stage.name in wanted]


def expand(text, variables):
    """Puts values in place of $NAME and ${NAME}; an unknown name is an error."""
    def value(match):
        name = match[1] or match[2]
        if name not in variables:
            raise DockerfileError(f"${name} is not set where it is used: {text}")
        return variables[name]
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, text)


def logical_lines(text):
    """Pairs of line number and instruction, continuation lines joined, comments and empty lines left out."""
    parts, start = [], 0
    for number, raw in enumerate(text.splitlines(), 1):
        if raw.lstrip().startswith("#") or (not raw.strip() and not parts):
            continue
        if not parts:
            start = number
        if raw.rstrip().endswith("\\"):
            parts.append(raw.rstrip()[:-1])
            continue
        parts.append(raw)
        yield start, " ".join(part.strip() for part in parts)
        parts = []
    if parts:
        raise DockerfileError(f"line {start}: the file ends inside an instruction")


def parse(text):
    arguments, stages = {}, []
    for line, statement in logical_lines(text):
        name, _, value = statement.partition(" ")
        name, value = name.upper(), value.strip()
        if name not in KNOWN:
            raise DockerfileError(f"line {line}: {name} is not understood here")
        if "<<" in value and name in ("RUN", "COPY"):
            raise DockerfileError(f"line {line}: here-documents are not understood here")
        if name == "FROM":
            match = re.fullmatch(r"(\S+)(?:\s+AS\s+(\S+))?", expand(value, arguments), re.IGNORECASE)
            if not match:
                raise DockerfileError(f"line {line}: FROM wants IMAGE [AS NAME]")
            stages.append(Stage(match[1], match[2] or str(len(stages)), []))
        elif stages:
            if name == "ARG":
                pairs(value)  # its default is needed: nothing is given while building here
            stages[-1].instructions.append(Instruction(line, name, value))
        elif name == "ARG":
            key, equals, default = value.partition("=")
            if not equals:
                raise DockerfileError(f"line {line}: ARG {key} before the first FROM needs a default")
            arguments[key] = default
        else:
            raise DockerfileError(f"line {line}: {name} before the first FROM")
    if not stages:
        raise DockerfileError("there is no FROM")
    return Dockerfile(arguments, stages)


def command_words(value):
    """The exec form (a JSON list) as a list; the shell form as /bin/sh -c."""
    if value.startswith("["):
        try:
            words = json.loads(value)
        except ValueError as error:
            raise DockerfileError(f"bad JSON list: {value}") from error
        if not all(isinstance(word, str) for word in words):
            raise DockerfileError(f"a list of strings is wanted: {value}")
        return words
    return ["/bin/sh", "-c", value]


def list_words(value):
    """A JSON list, or words between blanks (VOLUME, EXPOSE)."""
    return json.loads(value) if value.startswith("[") else value.split()


def pairs(value):
    """The pairs of ENV NAME=value ..."""
    result = {}
    for word in shlex.split(value):
        name, equals, item = word.partition("=")
        if not equals:
            raise DockerfileError(f"ENV wants NAME=value, not {word}")
        result[name] = item
    return result


def copy_words(instruction):
    """The options (from, chown, chmod) of a COPY, its sources and its destination."""
    words = command_words(instruction.value) if instruction.value.startswith("[") else shlex.split(instruction.value)
    options = {}
    while words and words[0].startswith("--"):
        name, equals, value = words.pop(0)[2:].partition("=")
        if name not in ("from", "chown", "chmod") or not equals:
            raise DockerfileError(f"line {instruction.line}: COPY --{name} is not understood here")
        options[name] = value
    if len(words) < 2:
        raise DockerfileError(f"line {instruction.line}: COPY wants sources and a destination")
    return options, words[:-1], words[-1]


def installed_packages(stage):
    """The packages a stage's own RUN steps install with apt-get."""
    found = []
    for instruction in stage.instructions:
        if instruction.name == "RUN":
            for words in re.findall(r"apt-get install ([^&|;]*)", instruction.value):
                found += [word for word in words.split() if not word.startswith("-")]
    return found


class Ignore:
    """A .dockerignore: the last line that matches a path, or a folder above it, decides; `!` lets in again."""

    def __init__(self, text):
        self.rules = []
        self.kept = []
        for raw in text.splitlines():
            line = raw.strip()
            if line and not line.startswith("#"):
                keep = line.startswith("!")
                line = line.lstrip("!").strip("/")
                self.rules.append((keep, self._pattern(line)))
                if keep:
                    self.kept.append(line)

    @staticmethod
    def _pattern(line):
        wildcards = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
        parts = re.split(r"(\*\*/|\*\*|\*|\?)", line)
        return re.compile("".join(wildcards.get(part, re.escape(part)) for part in parts) + r"(?:/.*)?")

    def ignores(self, path):
        """Whether a file, named relative to the context with slashes, stays out."""
        ignored = False
        for keep, pattern in self.rules:
            if pattern.fullmatch(path):
                ignored = not keep
        return ignored

    def ignores_all_below(self, folder):
        """Whether nothing in the folder can be let in again, so that it need not be walked."""
        return self.ignores(folder) and not any(
            kept.startswith(folder + "/") or "*" in kept or "?" in kept for kept in self.kept)


def context_files(root):
    """The files (and links) of a build context that its .dockerignore lets in, relative to it, sorted."""
    root = pathlib.Path(root)
    ignore_file = root / ".dockerignore"
    ignore = Ignore(ignore_file.read_text(encoding="utf-8") if ignore_file.exists() else "")
    found = []
    for folder, below, files in os.walk(root):
        relative = pathlib.Path(folder).relative_to(root)
        links = [name for name in below if os.path.islink(os.path.join(folder, name))]
        below[:] = [name for name in below
                    if name not in links and not ignore.ignores_all_below((relative / name).as_posix())]
        for name in files + links:
            path = (relative / name).as_posix()
            if not ignore.ignores(path):
                found.append(path)
    return sorted(found)
