"""Makes the Autobahn case set run on Python 3.

Usage: convert_cases.py SOURCE_ARCHIVE TARGET_DIR
Takes the cases out of the source archive of `autobahntestsuite` (Apache-2.0, written for Python 2) and puts them,
converted, into TARGET_DIR/autobahntestsuite. Nothing of the suite is kept in this repository.

Beyond what fissix does: the byte strings of Python 2 become text of Latin-1 characters, one character a byte, so
literals stay what they are on the wire (driver.py turns them into bytes where they meet the network); and names of
the old autobahn API become the present ones.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile

_WANTED = re.compile(r"^[^/]+/autobahntestsuite/(case/.*\.py|caseset\.py|testdata/.*)$")

_RENAMED = tuple((re.compile(r"\b%s\b" % old), new) for old, new in (
    ("acceptNoContextTakeover", "accept_no_context_takeover"), ("acceptMaxWindowBits", "accept_max_window_bits"),
    ("requestNoContextTakeover", "request_no_context_takeover"), ("requestMaxWindowBits", "request_max_window_bits"),
    ("noContextTakeover", "no_context_takeover"), ("windowBits", "window_bits")))

_EDITS = (
    (re.compile(r"\A(?:.*\n)?.*coding[:=].*\n"), ""),
    (re.compile(r"binascii\.b2a_hex\("), '__import__("latin1").hex_text('),
    # `class X(object, Case, )` has no consistent method resolution order in Python 3.
    (re.compile(r"\(object, *Case, *\)"), "(Case, )"),
    (re.compile(r"len\(self\.payload\) / self\.p"), "len(self.payload) // self.p"),
    (re.compile(r"^from zope\.interface import implements$", re.M), "implements = lambda *interfaces: None"),
) + _RENAMED


def _extract(archive, target):
    package = os.path.join(target, "autobahntestsuite")
    shutil.rmtree(package, ignore_errors=True)
    with tarfile.open(archive) as source:
        for member in source.getmembers():
            match = _WANTED.match(member.name)
            if match is None or not member.isfile():
                continue
            path = os.path.join(package, match[1])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with source.extractfile(member) as content, open(path, "wb") as out:
                shutil.copyfileobj(content, out)
    open(os.path.join(package, "__init__.py"), "w").close()
    return package


def _edit(path):
    with open(path, encoding="latin-1", newline="") as file:
        text = file.read()
    for pattern, replacement in _EDITS:
        text = pattern.sub(replacement, text)
    with open(path, "w", encoding="latin-1", newline="") as file:
        file.write("# coding: latin-1\n" + text)


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    archive, target = arguments
    package = _extract(archive, target)
    cases = os.path.join(package, "case")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "fissix", "-w", "-n", "--no-diffs",
         cases, os.path.join(package, "caseset.py")], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print("fissix ended with status %d:\n%s" % (done.returncode, done.stderr[-2000:]), file=sys.stderr)
        return 1
    for name in sorted(os.listdir(cases)):
        if name.endswith(".py"):
            _edit(os.path.join(cases, name))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
