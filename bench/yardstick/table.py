"""Prints a run as Markdown tables.

  table.py RECORDS.jsonl [...]                     to the terminal
  table.py RECORDS.jsonl --update docs/performance.md    into the marked part of a page
"""
from __future__ import annotations

import argparse
import pathlib
import sys

import results
from loads import Load
from peers import RELAY, YARD
from results import Run, Series

BEGIN, END = "<!-- yardstick: begin -->", "<!-- yardstick: end -->"


def number(value: float | None) -> str:
    """Three figures or so; a dash for nothing."""
    if value is None:
        return "—"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if size >= 200 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _table(head: list[str], rows: list[list[str]], texts: int = 1) -> list[str]:
    """A Markdown table; the first `texts` columns are left-aligned."""
    return [_row(head), "|" + "---|" * texts + "---:|" * (len(head) - texts), *map(_row, rows)]


def _mebibytes(one: Series) -> str:
    kib = one.median("memory_kib")
    return "—" if kib is None else number(kib / 1024)


def _timed_rows(load: Load, series: list[Series]) -> tuple[list[str], list[list[str]]]:
    bulk = load.key == "cpu_ms_per_gib"
    cost, unit = (load.key, load.unit) if load.key != "p50" else ("us_per_req", "CPU µs/request")
    rate, rate_unit = ("gbps", "GB/s") if bulk else ("rps", "messages/s" if load.name == "M6" else "requests/s")
    of = "" if cost == load.key else load.key + " "  # what the relay and the range speak of, where it is not the first column
    head = ["", unit, f"{of}× relay", rate_unit, *([] if bulk else ["p50 µs", "p99 µs"]),
            "CPU use", "in user space", "memory MiB", f"{of}lowest – highest", "samples"]
    rows = []
    for one in series:
        latency = [] if bulk else [number(one.median("p50")), number(one.median("p99"))]
        rows.append([one.peer, number(one.median(cost)), number(one.relays), number(one.median(rate)), *latency,
                     number(one.median("util")), number(one.median("user_share")), _mebibytes(one),
                     f"{number(one.least)} – {number(one.most)}", str(len(one.samples))])
    return head, rows


def _idle_rows(load: Load, series: list[Series]) -> tuple[list[str], list[list[str]]]:
    head = ["", load.unit, "MiB before", "MiB with all", "connections"]
    rows = [[one.peer, number(one.cost), number((one.median("before_kib") or 0) / 1024), _mebibytes(one),
             number(one.median("idle"))] for one in series]
    return head, rows


def _body_rows(_: Load, series: list[Series]) -> tuple[list[str], list[list[str]]]:
    head = ["", "peak growth MB", "of it after up", "after up in chunks", "after down", "stays MB", "MiB before"]

    def megabytes(value: float | None) -> str:
        return "—" if value is None else f"{value / 1e6:.2f}"

    rows = []
    for one in series:
        peaks = one.samples[-1]["peaks"] if one.samples else {}
        rows.append([one.peer, megabytes(one.cost), *(megabytes(peaks.get(part)) for part in ("up", "up_chunked", "down")),
                     megabytes(one.median("stays_bytes")), number((one.median("before_kib") or 0) / 1024)])
    return head, rows


def per_load(run: Run) -> list[str]:
    """A table for each load."""
    shapes = {"idle": _idle_rows, "bodies": _body_rows}
    lines = []
    for load in run.loads:
        series = [one for one in results.order(run.series[load.name]) if one.samples]
        if not series:
            continue
        head, rows = shapes.get(load.kind, _timed_rows)(load, series)
        lines += ["", f"### {load.name}: {load.title}", "", *_table(head, rows)]
    return lines


def summary(run: Run) -> list[str]:
    """One line a load: the figure that counts, the ratio to the better of the yard peers, the goal."""
    head = ["load", "unit", "relay", results.SUBJECT, *YARD, "ratio", "of minima", "goal", ""]
    rows = []
    for load in run.loads:
        peers = run.series[load.name]
        verdict = results.judge(load, peers)
        costs = [number(peers[name].cost) if name in peers else "—" for name in (RELAY, results.SUBJECT, *YARD)]
        tie = " (tie)" if verdict.tie else ""
        rows.append([load.name, load.unit, *costs, ("—" if verdict.ratio is None else f"{verdict.ratio:.2f}") + tie,
                     "—" if verdict.ratio_minima is None else f"{verdict.ratio_minima:.2f}", verdict.goal or "—", verdict.word])
    return _table(head, rows, texts=2)


def goals(run: Run) -> list[str]:
    """A line for each goal: met or not, with the figure."""
    lines = []
    for load in run.loads:
        verdict = results.judge(load, run.series[load.name])
        if verdict.goal:
            against = f", against {verdict.better}" if load.goal.ratio_max is not None and verdict.better else ""
            lines.append(f"{verdict.word:12} {load.name:7} {verdict.figure or '—':>10}  goal {verdict.goal}{against}")
    return lines


def about(run: Run) -> str:
    """The sentence on where the figures come from."""
    what = run.about
    if not what:
        return ""
    machine = what.get("machine", {})
    versions = ", ".join(text for text in what.get("versions", {}).values() if text)
    text = (f"{what.get('rounds')} rounds of {what.get('seconds')} s, {what.get('date')}; {machine.get('processors')} processors "
            f"({machine.get('model')}), Linux {machine.get('kernel')}, {machine.get('system')}; {versions}.")
    busy = what.get("busy", 0)
    if busy > 0.1:
        text += f" Other programs used {busy:.0%} of the processors when the run began: take the figures as rough."
    return text


def page(run: Run) -> str:
    """Everything, as Markdown."""
    return "\n".join([about(run), "", *summary(run), *per_load(run), ""])


def update(path: pathlib.Path, run: Run) -> None:
    """Replaces the marked part of a page."""
    text = path.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{path}: the lines {BEGIN} and {END} must each be there once")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n{page(run)}{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", nargs="+", type=pathlib.Path)
    parser.add_argument("--update", type=pathlib.Path, metavar="PAGE", help="replace the marked part of this page")
    options = parser.parse_args()
    try:
        run = results.read(options.records)
        if options.update:
            update(options.update, run)
        else:
            print(page(run))
    except (OSError, ValueError) as error:
        sys.exit(f"table.py: {error}")


if __name__ == "__main__":
    main()
