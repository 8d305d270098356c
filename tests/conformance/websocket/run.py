"""The Autobahn cases 1-7, 9 and 10 through `sandgate router`: 301 of 301 have to pass.

Usage: run.py BIN_DIR WORK_DIR CASE_DIR [GROUP ...]
With groups ("9", "5"), only those. Prints a line for each case that is not clean and one for each group, and ends
with "N passed, N failed".
"""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

from programs import Programs, StartError, free_loopback_address, free_port, start_router  # noqa: E402

import driver  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
# Group -> number of cases. 8 is empty in the suite; 12 and 13 (compression) do not concern a proxy that only relays.
GROUPS = {"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1}


def run(bin_dir, work_dir, case_dir, groups):
    with Programs(os.path.join(work_dir, "logs")) as programs:
        port = free_port()
        address = free_loopback_address(port)
        programs.start("echo-origin", [sys.executable, os.path.join(HERE, "echo_origin.py"), address, port],
                       (address, port))
        static_file = os.path.join(work_dir, "sandboxes.txt")
        with open(static_file, "w") as out:
            out.write("default/echo %s:%d\n" % (address, port))
        router, host, router_port = start_router(programs, os.path.join(bin_dir, "sandgate"), static_file)
        url = "ws://%s:%d/echo" % (host, router_port)
        print("Autobahn cases %s through %s" % (", ".join(groups), url), flush=True)
        outcomes = driver.run_cases(url, {"X-Sandbox-ID": "echo", "X-Sandbox-Port": str(port)}, case_dir, groups)
        return outcomes, router.running(), router.tail()


def main(arguments):
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    bin_dir, work_dir, case_dir = arguments[:3]
    groups = arguments[3:] or list(GROUPS)
    unknown = [g for g in groups if g not in GROUPS]
    if unknown:
        print("no case group %s; there are: %s" % (", ".join(unknown), ", ".join(GROUPS)), file=sys.stderr)
        return 2
    os.makedirs(work_dir, exist_ok=True)
    started = time.monotonic()
    try:
        outcomes, still_running, router_log = run(bin_dir, work_dir, case_dir, groups)
    except StartError as error:
        print("FAIL  start: %s" % error)
        print("0 passed, %d failed" % sum(GROUPS[g] for g in groups))
        return 1
    for case_id in sorted(outcomes, key=driver.case_key):
        outcome = outcomes[case_id]
        if not outcome.clean:
            print("FAIL  %s: behaviour %s, close %s: %s" % (
                case_id, outcome.behavior, outcome.close_behavior, outcome.detail[:300]))
    failed = 0
    for group in groups:
        clean = sum(1 for case_id, o in outcomes.items() if case_id.split(".")[0] == group and o.clean)
        failed += GROUPS[group] - clean
        print("%s  group %s: %d of %d" % ("ok  " if clean == GROUPS[group] else "FAIL", group, clean, GROUPS[group]))
    if not still_running:
        failed += 1
        print("FAIL  the router did not survive:\n%s" % router_log)
    print("%.0f s" % (time.monotonic() - started))
    print("%d passed, %d failed" % (sum(o.clean for o in outcomes.values()), failed), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
