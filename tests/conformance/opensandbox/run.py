"""The published OpenSandbox SDK and server, sync and async, through `sandgate ingress` in header, URI and
wildcard mode.

Usage: run.py BIN_DIR WORK_DIR [WORD ...]
With words, only checks whose name contains one of them run. Prints a line for each check and ends with
"N passed, N failed"; the exit status is 0 when all passed. Needs the virtual environment that run.sh prepares.
"""

import asyncio
import importlib.metadata
import logging
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

from programs import Programs, StartError  # noqa: E402
from report import GaveUp, Report  # noqa: E402

import checks_access  # noqa: E402
import checks_commands  # noqa: E402
import checks_files  # noqa: E402
import checks_lifecycle  # noqa: E402
import expect  # noqa: E402
from flavours import AsyncFlavour, SyncFlavour, call  # noqa: E402
from world import World  # noqa: E402

VERSIONS = {"opensandbox": "1.1.1", "opensandbox-server": "1.1.1"}


async def with_sandbox(world, report, gateway, flavour, groups, selected, prefix, **options):
    """Runs groups of checks on one sandbox; nothing is created when none is selected."""
    wanted = [(full, arguments) for full, arguments in groups if selected(full)]
    if not wanted:
        return
    sandbox = None

    async def made():
        nonlocal sandbox
        sandbox = await checks_lifecycle.create(flavour, gateway, **options)
    await report.run(prefix + ": its sandbox", made)
    if sandbox is None:
        return
    for full, (check, *arguments) in wanted:
        await report.run(full, check, *arguments, sandbox)
    await call(sandbox.kill)
    await call(sandbox.close)


async def run_face(world, report, gateway, flavour, selected):
    prefix = "%s %s" % (gateway.mode, flavour.name)
    for name, check in checks_lifecycle.CHECKS:
        full = "%s lifecycle: %s" % (prefix, name)
        if selected(full):
            await report.run(full, check, world, flavour, gateway)
    groups = [("%s %s: %s" % (prefix, subject, name), (check, world, flavour))
              for subject, module in (("commands", checks_commands), ("files", checks_files)) for name, check in module.CHECKS]
    groups += [("%s access: %s" % (prefix, name), (check, world, flavour, gateway)) for name, check in checks_access.CHECKS]
    await with_sandbox(world, report, gateway, flavour, groups, selected, prefix)
    protected = [("%s protected: %s" % (prefix, name), (check, world, flavour, gateway))
                 for name, check in checks_access.PROTECTED]
    protected += [("%s protected: %s" % (prefix, name), (check, world, flavour))
                  for name, check in (checks_commands.CHECKS[0], checks_files.CHECKS[0])]
    await with_sandbox(world, report, gateway, flavour, protected, selected, prefix + " protected", secure_access=True)


async def run_all(world, report, words):
    def selected(name):
        return not words or any(word in name for word in words)

    for gateway in world.gateways.values():
        for flavour in (SyncFlavour(), AsyncFlavour()):
            await run_face(world, report, gateway, flavour, selected)
    if not words:
        async def nothing_left():
            await expect.eventually(lambda: not world.batches(), "an empty namespace")
        await report.run("nothing is left over", nothing_left)


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    bin_dir, work_dir, words = arguments[0], arguments[1], arguments[2:]
    for package, version in VERSIONS.items():
        installed = importlib.metadata.version(package)
        if installed != version:
            print("%s %s is installed, the checks are for %s" % (package, installed, version), file=sys.stderr)
            return 2
    # The checks say what went wrong; the SDK's own account of errors that a check provokes would hide it.
    logging.getLogger("opensandbox").setLevel(logging.CRITICAL)
    os.makedirs(work_dir, mode=0o711, exist_ok=True)
    report = Report()
    try:
        with Programs(os.path.join(work_dir, "logs")) as programs:
            world = World(programs, bin_dir, work_dir)
            for gateway in world.gateways.values():
                print("opensandbox %s: server %s, ingress %s:%d in %s mode" % (
                    VERSIONS["opensandbox"], gateway.server, *gateway.ingress, gateway.mode), flush=True)
            asyncio.run(run_all(world, report, words))
    except StartError as error:
        report.failed("start", error)
    except GaveUp as error:
        report.failed("the rest was not run", error)
    return report.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
