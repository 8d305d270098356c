"""The published Python SDK against `sandgate router` and `sandgate-runtime`, sync and async: in direct mode with a scripted
Kubernetes API, whose every answer the checks choose, and in direct and gateway mode on the cluster stand-in.

Usage: run.py BIN_DIR WORK_DIR [WORD ...]
With words, only checks whose name contains one of them run. Prints a line for each check and ends with
"N passed, N failed"; the exit status is 0 when all passed. Needs the virtual environment that run.sh prepares.
"""

import asyncio
import importlib.metadata
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

from programs import Programs, StartError  # noqa: E402
from report import GaveUp, Report  # noqa: E402

import checks_cluster  # noqa: E402
import checks_commands  # noqa: E402
import checks_files  # noqa: E402
import checks_lifecycle  # noqa: E402
import checks_router  # noqa: E402
from cluster_world import ClusterWorld  # noqa: E402
import expect  # noqa: E402
from flavours import AsyncFlavour, SyncFlavour, call  # noqa: E402
from world import ADDRESSED, NAMED, World  # noqa: E402

SDK, SDK_VERSION = "k8s-agent-sandbox", "1.0.8"
# Longer than the 30 s after which the replaced Go router gives up waiting for response headers.
LONG_COMMAND_S = 31


class LongCommand:
    """One command of 31 s, run beside all other checks."""

    def __init__(self, world):
        self._world = world
        self._outcome = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        try:
            client = SyncFlavour().open_client(self._world.kube.url, self._world.connection())
            sandbox = client.create_sandbox("pool-" + ADDRESSED, claim_name="long-command")
            self._outcome = sandbox.commands.run("sh -c 'sleep %d; echo awake'" % LONG_COMMAND_S, timeout=60)
            sandbox.terminate()
        except Exception as error:  # reported by check()
            self._outcome = error

    async def check(self):
        await asyncio.to_thread(self._thread.join, LONG_COMMAND_S + 30)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        expect.true(self._outcome is not None, "no answer after %d s" % (LONG_COMMAND_S + 30))
        expect.equal((self._outcome.stdout, self._outcome.exit_code), ("awake\n", 0), "result")


async def run_flavour(world, flavour, report, selected):
    """All checks of one face of the SDK."""
    client = flavour.open_client(world.kube.url, world.connection())
    try:
        for subject, module in (("lifecycle", checks_lifecycle), ("router", checks_router)):
            for name, check in module.CHECKS:
                full = "%s %s: %s" % (flavour.name, subject, name)
                if selected(full):
                    await report.run(full, check, world, flavour, client)
        for pool in ("pool-" + NAMED, "pool-" + ADDRESSED):
            world.empty_base_dirs()
            sandbox = await call(client.create_sandbox, pool)
            route = "by name" if pool.endswith(NAMED) else "by address"
            for subject, module in (("commands", checks_commands), ("files", checks_files)):
                for name, check in module.CHECKS:
                    full = "%s %s %s: %s" % (flavour.name, route, subject, name)
                    if selected(full):
                        await report.run(full, check, world, sandbox)
            for subject, names, check in (("name", checks_files.ODD_NAMES, checks_files.odd_name),
                                          ("path", checks_files.ODD_PATHS, checks_files.odd_path)):
                for name in names:
                    shown = ascii(name if len(name) < 60 else name[:3] + "...x%d" % len(name))
                    full = "%s %s files: %s %s" % (flavour.name, route, subject, shown)
                    if selected(full):
                        await report.run(full, check, world, sandbox, name)
            await call(sandbox.terminate)
    finally:
        await flavour.close_client(client)


async def run_cluster(world, flavour, report, selected):
    """All checks of one face of the SDK on the cluster stand-in."""
    for mode, connection in world.connections():
        client = flavour.open_client(world.kube.url, connection)
        try:
            for name, check in checks_cluster.CHECKS:
                full = "%s cluster %s: %s" % (flavour.name, mode, name)
                if selected(full):
                    await report.run(full, check, world, flavour, client)
            chosen = [("%s cluster %s %s: %s" % (flavour.name, mode, subject, name), check)
                      for subject, module in (("commands", checks_commands), ("files", checks_files))
                      for name, check in module.CHECKS]
            chosen = [(full, check) for full, check in chosen if selected(full)]
            if chosen:
                sandbox = await checks_cluster.create(world, client)
                for full, check in chosen:
                    await report.run(full, check, world, sandbox)
                await call(sandbox.terminate)
        finally:
            await flavour.close_client(client)
    full = "%s cluster gateway: an address that comes late, or never" % flavour.name
    if selected(full):
        await report.run(full, checks_cluster.late_gateway, world, flavour)


async def run_all_cluster(programs, bin_dir, report, words):
    def selected(name):
        return not words or any(word in name for word in words)

    world = ClusterWorld(programs, bin_dir)
    try:
        print("the same through %s and port 80 of %s, on %s" % (world.router_url, world.gateway_address, world.kube.url),
              flush=True)
        for flavour in (SyncFlavour(), AsyncFlavour()):
            await run_cluster(world, flavour, report, selected)
        expect.equal(world.kube.claim_names(), [], "claims left over at the end")
        for router in world.routers:
            if not router.running():
                report.failed("the router still runs at the end", router.tail())
    finally:
        world.close()


async def run_all(world, report, words):
    def selected(name):
        return not words or any(word in name for word in words)

    long_command = LongCommand(world) if selected("a command of 31 s") else None
    for flavour in (SyncFlavour(), AsyncFlavour()):
        await run_flavour(world, flavour, report, selected)
    if long_command is not None:
        await report.run("sync by address commands: a command of %d s" % LONG_COMMAND_S, long_command.check)
    expect.equal(world.kube.claim_names(), [], "claims left over at the end")
    if not world.router.running():
        report.failed("the router still runs at the end", world.router.tail())


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    bin_dir, work_dir, words = arguments[0], arguments[1], arguments[2:]
    installed = importlib.metadata.version(SDK)
    if installed != SDK_VERSION:
        print("%s %s is installed, the checks are for %s" % (SDK, installed, SDK_VERSION), file=sys.stderr)
        return 2
    os.makedirs(work_dir, exist_ok=True)
    report = Report()
    try:
        with Programs(os.path.join(work_dir, "logs")) as programs:
            world = World(programs, bin_dir, work_dir)
            print("%s %s through %s" % (SDK, installed, world.router_url), flush=True)
            asyncio.run(run_all(world, report, words))
            world.kube.close()
            asyncio.run(run_all_cluster(programs, bin_dir, report, words))
    except StartError as error:
        report.failed("start", error)
    except GaveUp as error:
        report.failed("the rest was not run", error)
    return report.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
