"""Differential test: the same raw requests to `sandgate router`, nginx and HAProxy in front of a recording origin.

Usage: run.py --sandgate PATH [--only WORD] [--propose] [--verbose]

For each case three things are checked: the invariants of the router (invariants.py), its first status against what
the contract asks for, and the comparison with the references against the table of explained differences
(differences.md). Ends with "N passed, N failed"; the exit status is 0 when all passed.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time

import cases_chunks
import cases_coding
import cases_fields
import cases_host
import cases_length
import cases_limits
import cases_pipeline
import cases_start_line
import cases_target
import cases_upgrade
import exchange
import invariants
import servers
import strict
import table

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "differences.md")
MODULES = (cases_length, cases_coding, cases_chunks, cases_fields, cases_host, cases_target, cases_start_line,
           cases_upgrade, cases_pipeline, cases_limits)
CASES_MIN = 300
# A result that is not as expected is looked at again with longer waits: the machine may be busy.
PATIENCES = (1.0, 3.0, 6.0)


def all_cases():
    """Every case by name, with the title of its class."""
    found = {}
    for module in MODULES:
        for case in module.CASES:
            if case.name in found:
                raise SystemExit("two cases are named %s" % case.name)
            found[case.name] = (module.TITLE, case)
    return found


async def over_lanes(cases, work):
    """Runs `work(case, lane)` for every case, each lane one case at a time."""
    waiting = list(reversed(cases))

    async def lane_loop(lane):
        while waiting:
            await work(waiting.pop(), lane)

    await asyncio.gather(*(lane_loop(lane) for lane in range(servers.LANES)))


class Run:
    def __init__(self, cases, router, references, rows):
        self._cases = cases
        self._router = router
        self._references = references
        self._explained = {name: row for row in rows for name in row.cases}
        self.observed = {}
        self.faults = {}

    async def run(self):
        await over_lanes(self._cases, self._one)

    async def _one(self, case, lane):
        for patience in PATIENCES:
            signatures, faults = await self._look(case, lane, patience)
            row = self._explained.get(case.name)
            as_table = len(set(signatures)) == 1 if row is None else row.matches(signatures)
            if as_table and not faults:
                break
        self.observed[case.name] = signatures
        self.faults[case.name] = faults

    async def _look(self, case, lane, patience):
        """One case against all servers; returns the three signatures and the router's faults."""
        raw = case.bytes_for(lane)
        reading = strict.read_all(raw)
        marker = exchange.marker_for(lane)
        outcomes = await asyncio.gather(*(
            exchange.run_case(raw, reading, server, lane, marker, patience)
            for server in (self._router, *self._references)))
        signatures = tuple(outcome.signature(case.watch) for outcome in outcomes)
        faults = invariants.broken(reading, outcomes[0], marker)
        first = outcomes[0].responses[0].status if outcomes[0].responses else 0
        if case.status and first not in case.status:
            faults.append("status %d, the contract asks for %s" % (first, " or ".join(map(str, case.status))))
        faults += ["%r reached the origin" % forbidden for forbidden in case.forbid
                   if any(forbidden in request.head for request in outcomes[0].at_origin)]
        # The same bytes with the marker in one piece: what is left in a buffer must not change anything.
        together = raw + marker
        outcome = await exchange.run_case(together, strict.read_all(together), self._router, lane, b"", patience)
        faults += ["in one piece with the marker: " + fault
                   for fault in invariants.broken(strict.read_all(together), outcome, b"")]
        return signatures, faults


async def run_all(arguments, cases, work_dir):
    with servers.processes.Programs(os.path.join(work_dir, "logs")) as programs:
        router = await servers.start_sandgate(programs, work_dir, arguments.sandgate)
        nginx = await servers.start_nginx(programs, work_dir)
        haproxy = await servers.start_haproxy(programs, work_dir)
        rows = table.read(TABLE)
        run = Run(cases, router, (nginx, haproxy), rows)
        await run.run()
        alive = {s.name: s.program.running() for s in (router, nginx, haproxy)}
        log = router.program.tail()
        for server in (router, nginx, haproxy):
            for origin in server.origins:
                await origin.stop()
    return run, rows, alive, log


def report(arguments, run, rows, found, alive, log):
    """Prints the failures by case and the totals; returns the exit status."""
    failures = {name: list(faults) for name, faults in run.faults.items() if faults}
    if arguments.only:
        rows = [row for row in rows if all(name in run.observed for name in row.cases)]
    for fault in table.compare(rows, run.observed):
        name, text = fault.split(": ", 1)
        failures.setdefault(name, []).append(text)
    if arguments.verbose:
        for name, signatures in run.observed.items():
            print("%s\n    %s" % (name, "\n    ".join("%-8s %s" % p for p in zip(table.COLUMNS, signatures))))
    if arguments.propose:
        explained = {name for row in rows for name in row.cases}
        for title in dict.fromkeys(title for title, _ in found.values()):
            part = {n: s for n, s in run.observed.items() if found[n][0] == title}
            lines = table.propose(part, explained)
            if lines:
                print("\n## %s\n%s" % (title, "\n".join(lines)))
    for name, texts in failures.items():
        for text in texts:
            print("FAIL  %s: %s" % (name, text))
    for name, running in alive.items():
        if not running:
            print("FAIL  %s did not survive%s" % (name, ":\n" + log if name == "sandgate" else ""))
            failures[name + " survives"] = []
    for title in dict.fromkeys(title for title, _ in found.values()):
        names = [n for n in run.observed if found[n][0] == title]
        differ = sum(1 for n in names if len(set(run.observed[n])) > 1)
        bad = sum(1 for n in names if n in failures)
        print("%-24s %3d cases, %3d differ from a reference, %d failed" % (title, len(names), differ, bad))
    passed = sum(1 for name in run.observed if name not in failures)
    print("%d passed, %d failed" % (passed, len(failures)), flush=True)
    return 1 if failures or not passed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sandgate", required=True, metavar="PATH", help="the program under test")
    parser.add_argument("--only", metavar="WORD", help="only cases whose name contains WORD")
    parser.add_argument("--propose", action="store_true", help="print rows for differences that are not in the table")
    parser.add_argument("--verbose", action="store_true", help="print what every server did in every case")
    arguments = parser.parse_args()
    found = all_cases()
    if len(found) < CASES_MIN:
        print("%d cases, at least %d are wanted" % (len(found), CASES_MIN), file=sys.stderr)
        return 2
    cases = [case for name, (_, case) in found.items() if not arguments.only or arguments.only in name]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sandgate-differential-") as work_dir:
        try:
            run, rows, alive, log = asyncio.run(run_all(arguments, cases, work_dir))
        except (servers.processes.StartError, table.TableError) as error:
            print("FAIL  %s" % error)
            print("0 passed, 1 failed")
            return 1
    status = report(arguments, run, rows, found, alive, log)
    print("%.0f s" % (time.monotonic() - started), file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
