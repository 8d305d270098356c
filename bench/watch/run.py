#!/usr/bin/env python3
"""What the watch of `sandgate router` and `sandgate proxy` costs and how fast it is, with sandgate-devcluster as API server.

Everything on loopback; every measurement is bounded. Where rounds are told apart the best counts: other programs can only
make one worse. Ends with a table; exit status 1 only when a figure could not be measured, not when a goal was missed.
"""
import argparse
import os
import sys

import world

import listing
import outage
import size
import steady
import visible
from figures import Figures
from wire import WireError

BEGIN, END = "<!-- watch: begin -->", "<!-- watch: end -->"
PARTS = {"visible": visible, "steady": steady, "size": size, "listing": listing, "outage": outage}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--parts", default=",".join(PARTS), help="which measurements (%(default)s)")
    add("--sandboxes", type=int, default=10_000, help="known before anything is measured (%(default)s)")
    add("--many", type=int, default=100_000, help="of the largest table (%(default)s)")
    add("--events", type=float, default=200, help="a second, creations and deletions in turn (%(default)s)")
    add("--rounds", type=int, default=3, help="(%(default)s)")
    add("--visible-seconds", type=float, default=3, help="of events for each program and round (%(default)s)")
    add("--visible-rounds", type=int, default=8, help="(%(default)s)")
    add("--churn-seconds", type=float, default=5, help="of events before memory is looked at again (%(default)s)")
    add("--sample-every", type=int, default=2, help="one of so many creations, and of deletions (%(default)s)")
    add("--steady-seconds", type=float, default=1, help="of one sample of the steady load (%(default)s)")
    add("--steady-rounds", type=int, default=9, help="with and without, in turns (%(default)s)")
    add("--paced-rate", type=float, default=2000, help="requests a second of the slower, paced load (%(default)s)")
    add("--peak-seconds", type=float, default=2, help="(%(default)s)")
    add("--list-rate", type=float, default=1000, help="other requests a second beside GET /sandboxes (%(default)s)")
    add("--list-every", type=float, default=0.15, help="seconds between two lists (%(default)s)")
    add("--list-seconds", type=float, default=2, help="of one sample (%(default)s)")
    add("--outage-seconds", type=float, default=30, help="without an API server (%(default)s; by hand 600)")
    add("--outage-rate", type=float, default=500, help="requests a second meanwhile (%(default)s)")
    add("--update", metavar="FILE", help=f"replace what is between {BEGIN} and {END} there by the table")
    options = parser.parse_args()
    options.parts = options.parts.split(",")
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"--parts {part}: none of {', '.join(PARTS)}")
    return options


def update(path, lines):
    with open(path, encoding="utf-8") as document:
        text = document.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with open(path, "w", encoding="utf-8") as document:
        document.write(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after)


def main():
    options = arguments()
    os.environ.setdefault("SANDGATE_BIN_DIR", str(world.ROOT / "build" / "release" / "bin"))
    world.prepare()
    world.favour(os.getpid())
    figures, loads = Figures(), []
    for part in options.parts:
        print(part, flush=True)
        try:
            PARTS[part].measure(figures, options)
        except (world.MeasureError, WireError, OSError, AssertionError, TimeoutError) as error:
            figures.failed(part, error)
        loads.append(os.getloadavg()[0])
    lines = [f"{options.sandboxes:,} sandboxes and {options.events:g} events a second where nothing else is said; best of "
             f"{options.rounds} rounds, of {options.visible_rounds} short ones for the time of events, of "
             f"{options.steady_rounds} for the steady load and the list. Load of the machine: {min(loads):.1f} to "
             f"{max(loads):.1f} on {os.cpu_count()} processors.", "", *figures.table()]
    print("\n" + "\n".join(lines))
    if options.update:
        update(options.update, lines)
    return 1 if figures.failures else 0


if __name__ == "__main__":
    sys.exit(main())
