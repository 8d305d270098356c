#!/usr/bin/env python3
"""The sources compile for arm64 with Debian's cross compiler and multiarch libraries, and the unit tests pass under qemu-user.

In a Debian root of its own, made by mmdebstrap (as root) and kept under build/arm64 for the next time. Everything is built
without optimization; the simulation, whose millions of events an emulator would take hours for, and the tests in Python,
which start programs by name, are left to the other steps. Ends with "N passed, N failed".

  .ci/arm64.py [--jobs N] [TEST...]     TEST: only these test programs, such as http_h1_test
"""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "deploy"))
import rootfs  # noqa: E402

WORK = ROOT / "build" / "arm64"
TOOLS = ["g++-aarch64-linux-gnu", "cmake", "ninja-build", "pkg-config", "qemu-user-static", "python3"]
# What tests start beside themselves; it runs as it is, without emulation.
BESIDE = ["redis-server", "openssl"]
LIBRARIES_ALIKE = {"nlohmann-json3-dev", "libcli11-dev", "libexpected-dev"}  # headers, the same for every architecture
TEST_SECONDS_MAX = 300
# What the emulator cannot do: it starts every program by fork(), so that nobody hears why exec() failed, and it knows no
# PR_SET_CHILD_SUBREAPER.
BEYOND_QEMU = {"CommandTest.SaysWhyItCannotStart", "CommandTest.ReapsOrphansItInherits",
               "CredentialsTest.AMissingPluginShowsItsHint"}
QEMU = "/usr/bin/qemu-aarch64-static"
SIMULATIONS = {"simulation_test", "simulation_parts_test", "watch_simulation_test", "address_reuse_test"}


def packages():
    """The build's own list, its libraries for arm64."""
    shell = f". {ROOT}/tools/dev/packages.sh; group_packages build; group_packages test"
    names = subprocess.run(["bash", "-c", shell], check=True, capture_output=True, text=True).stdout.split()
    libraries = [name for name in names if name.endswith("-dev")]
    return TOOLS + BESIDE + [name if name in LIBRARIES_ALIKE else name + ":arm64" for name in libraries] + ["libstdc++6:arm64"]


def make_root(deadline):
    """A root with the tools; the one of the last time where it was made of the same."""
    wanted = packages()
    stamp = hashlib.sha256("\n".join([*wanted, rootfs.debian_sources("bookworm")]).encode()).hexdigest()
    root, stamp_file = WORK / "root", WORK / "root.made-of"
    if root.exists() and stamp_file.exists() and stamp_file.read_text() == stamp:
        return root
    shutil.rmtree(root, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)
    sources = WORK / "sources.sources"
    sources.write_text(rootfs.debian_sources("bookworm"), encoding="utf-8")
    options = [f"--aptopt={option}" for option in rootfs.apt_options(deadline)]
    options += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info")]
    rootfs.run(["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--architectures=amd64,arm64",
                "--dpkgopt=force-unsafe-io", "--include=" + ",".join(wanted), *options, "bookworm", root, sources], deadline)
    with open(root / "etc" / "hosts", "a", encoding="utf-8") as hosts:
        hosts.write("127.0.0.1 localhost\n::1 localhost\n")
    stamp_file.write_text(stamp)
    return root


def copy_sources(root):
    """What git knows and what is new; what did not change is left alone, so that nothing is built twice."""
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True)
    wanted = {name for name in listed.stdout.decode().split("\0")
              if name and not name.startswith("bench/") and (ROOT / name).is_file()}
    there = root / "src"
    for path in there.rglob("*"):
        if path.is_file() and str(path.relative_to(there)) not in wanted:
            path.unlink()
    for name in wanted:
        source, target = ROOT / name, there / name
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)  # with the time of now: it is newer than what was built of the older one


def build(root, deadline, jobs):
    # Only that everything compiles, links and runs is asked: no optimization, no debugger.
    configure = ["cmake", "--preset", "dev", "-B", "/b", "-DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake",
                 "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -g0"]
    print(rootfs.run_in(root, configure, {}, "/src", WORK, deadline)[-2000:], flush=True)
    built = rootfs.run_in(root, ["ninja", "-C", "/b", f"-j{jobs}"], {"NINJA_STATUS": "[%f/%t, %es] "}, "/src", WORK, deadline)
    print(built.strip().splitlines()[-1], flush=True)


def run_test(root, name, deadline):
    """(passed, failed, output) of one test program."""
    limit = rootfs.Deadline(min(TEST_SECONDS_MAX, deadline.left()))
    try:
        # rootfs.run_in() would keep only the end of what a failed program said.
        command = ["sh", "-c", f"{QEMU} /b/tests/{name} --gtest_filter=-{':'.join(sorted(BEYOND_QEMU))} 2>&1 || true"]
        output = rootfs.run_in(root, command, {}, "/src", WORK, limit)
    except rootfs.StepError as error:
        output = str(error)
    ran = re.search(r"^\[==========\] (\d+) tests? from .* ran\.", output, re.M)
    passed = re.search(r"^\[  PASSED  \] (\d+) tests?\.", output, re.M)
    if not ran:
        return 0, 1, output
    good = int(passed[1]) if passed else 0
    return good, int(ran[1]) - good, output


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--time-limit", type=int, default=3300, metavar="SECONDS", help="for everything (3300)")
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    impossible = rootfs.require_tools()
    if impossible:
        print(f"arm64: {impossible}")
        return 1
    deadline = rootfs.Deadline(options.time_limit)
    began = time.monotonic()

    def took(what):
        nonlocal began
        print(f"arm64: {what} ({time.monotonic() - began:.0f} s)", flush=True)
        began = time.monotonic()

    try:
        root = make_root(deadline)
        took("the root")
        copy_sources(root)
        build(root, deadline, options.jobs)
        took("the build")
        for name in ("sandgate", "sandgate-runtime", "sandgate-devcluster", "sandbox"):
            kind = rootfs.run_in(root, ["aarch64-linux-gnu-readelf", "-h", f"/b/bin/{name}"], {}, "/", WORK, deadline)
            if "AArch64" not in kind:
                raise rootfs.StepError(f"{name} is not for arm64:\n{kind}")
            print(rootfs.run_in(root, [QEMU, f"/b/bin/{name}", "--version"], {}, "/", WORK, deadline).strip(), flush=True)
    except rootfs.StepError as error:
        print(f"arm64: {error}")
        return 1
    names = sorted(path.name for path in (root / "b" / "tests").iterdir() if path.name.endswith("_test"))
    names = [name for name in names if name not in SIMULATIONS and (not options.tests or name in options.tests)]
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, (good, bad, output) in zip(names, pool.map(lambda one: run_test(root, one, deadline), names)):
            passed, failed = passed + good, failed + bad
            if bad:
                quiet = ("[ RUN ", "[       OK", "[------")
                print("\n".join(line for line in output.splitlines() if line and not line.startswith(quiet))[-8000:])
            print(f"{'FAILED' if bad else 'passed'}: {name} ({good} passed, {bad} failed)", flush=True)
    took("the tests")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
