#!/usr/bin/env python3
"""A newcomer's first minutes: a bare Debian 12 with only git, a clone of this checkout's last commit, `./dev run`.

The Debian root is made by mmdebstrap, which needs root. Fails when anything goes wrong or takes too long.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "deploy"))
import rootfs  # noqa: E402

TOTAL_S_MAX = 360
BUILD_S_MAX = 150
PORT = "18080"  # the root shares this machine's loopback


def prepare(work, deadline):
    """A Debian root with git and the clone in it."""
    base = work / "root"
    rootfs.bootstrap("bookworm", base, work, deadline)
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["-y", "--no-install-recommends", "install", "git"]):
        rootfs.run_in(base, ["apt-get", "-q", *words], environment, "/", work, deadline)
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", ROOT.as_uri(), base / "srv/sandgate"], check=True)
    return base


def main():
    impossible = rootfs.require_tools()
    if impossible:
        print(f"newcomer: {impossible}")
        return 1
    deadline = rootfs.Deadline(840)
    work = pathlib.Path(tempfile.mkdtemp(prefix="sandgate-newcomer-"))
    try:
        base = prepare(work, deadline)
        began = time.monotonic()
        command = ["./dev", "run", "--once", "--port", PORT]
        output = rootfs.run_in(base, command, {}, "/srv/sandgate", work, deadline)
        seconds = time.monotonic() - began
    except rootfs.StepError as error:
        print(f"newcomer: {error}")
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(output)
    built = re.search(r"^built in (\d+) s$", output, re.M)
    build_seconds = int(built.group(1)) if built else -1
    print(f"newcomer: ./dev run took {seconds:.0f} s, {build_seconds} s of them the build "
          f"(at most {TOTAL_S_MAX} and {BUILD_S_MAX})")
    return 0 if seconds <= TOTAL_S_MAX and 0 <= build_seconds <= BUILD_S_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
