"""Draws a run as SVG: a panel for each load, a bar for each peer.

  plot.py RECORDS.jsonl [...] --to docs/plots
"""
from __future__ import annotations

import argparse
import pathlib
import sys
from dataclasses import dataclass
from xml.sax.saxutils import escape

import results
from results import Run
from table import number

_PANEL_WIDTH, _BAR_HEIGHT, _GAP, _COLUMNS = 460, 18, 6, 2
_NAME_WIDTH, _VALUE_WIDTH, _TITLE_HEIGHT, _MARGIN = 78, 84, 44, 20
_COLOURS = {"sandgate": "#c2410c", "relay": "#a8a29e"}
_OTHERS = "#3f6fa3"


@dataclass(frozen=True)
class Panel:
    """One load in a picture."""

    title: str
    unit: str
    bars: list[tuple[str, float]]

    @property
    def height(self) -> int:
        return _TITLE_HEIGHT + len(self.bars) * (_BAR_HEIGHT + _GAP) + _MARGIN


def _text(x: float, y: float, words: str, size: int = 12, **attributes: str) -> str:
    more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}"{more}>{escape(words)}</text>'


def _draw_panel(panel: Panel, left: float, top: float) -> list[str]:
    room = _PANEL_WIDTH - _NAME_WIDTH - _VALUE_WIDTH
    longest = max((value for _, value in panel.bars), default=0) or 1
    lines = [_text(left, top + 14, panel.title, 13, font_weight="bold"), _text(left, top + 31, panel.unit, 11, fill="#57534e")]
    for i, (name, value) in enumerate(panel.bars):
        y = top + _TITLE_HEIGHT + i * (_BAR_HEIGHT + _GAP)
        width = max(1.0, room * max(0.0, value) / longest)
        lines += [
            _text(left + _NAME_WIDTH - 8, y + 13, name, text_anchor="end"),
            f'<rect x="{left + _NAME_WIDTH:g}" y="{y:g}" width="{width:.1f}" height="{_BAR_HEIGHT}"'
            f' fill="{_COLOURS.get(name, _OTHERS)}"/>',
            _text(left + _NAME_WIDTH + width + 6, y + 13, number(value)),
        ]
    return lines


def draw(title: str, panels: list[Panel]) -> str:
    """A whole picture. Shorter bars are better in all of them, and it says so."""
    rows = [panels[i:i + _COLUMNS] for i in range(0, len(panels), _COLUMNS)]
    width = _MARGIN + _COLUMNS * (_PANEL_WIDTH + _MARGIN)
    top = 64
    body = [_text(_MARGIN, 28, title, 17, font_weight="bold"), _text(_MARGIN, 47, "shorter is better", 12, fill="#57534e")]
    for row in rows:
        for column, panel in enumerate(row):
            body += _draw_panel(panel, _MARGIN + column * (_PANEL_WIDTH + _MARGIN), top)
        top += max(panel.height for panel in row)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" viewBox="0 0 {width} {top}"'
        ' font-family="sans-serif" fill="#1c1917">',
        f'<rect width="{width}" height="{top}" fill="#ffffff"/>', *body, "</svg>", ""])


def _panel(run: Run, name: str, key: str | None = None, unit: str = "", factor: float = 1) -> Panel | None:
    series = run.series.get(name)
    if not series:
        return None
    load = next(load for load in run.loads if load.name == name)
    bars = [(one.peer, value * factor) for one in results.order(series)
            if (value := one.median(key or load.key)) is not None]
    return Panel(f"{name}: {load.title}", unit or load.unit, bars) if bars else None


def pictures(run: Run) -> dict[str, str]:
    """File name to SVG. A picture none of whose loads was measured is left out."""
    wanted = {
        "cpu.svg": ("Processor time of the proxy for each unit of work", [
            _panel(run, name) for name in ("M1", "M2", "M4", "M9", "M6", "M3d", "M3u")]),
        "latency.svg": ("Latency", [
            _panel(run, "L1", "p50", "p50 µs, one request at a time"), _panel(run, "L1", "p99", "p99 µs, one request at a time"),
            _panel(run, "M1", "p50", "p50 µs, 64 connections"), _panel(run, "M1", "p99", "p99 µs, 64 connections"),
            _panel(run, "M4", "p50", "p50 µs with the connecting"), _panel(run, "M4", "p99", "p99 µs with the connecting")]),
        "memory.svg": ("Memory", [
            _panel(run, "M7"), _panel(run, "M6m"), _panel(run, "MEM200", "growth_bytes", "highest growth, MB", 1e-6),
            _panel(run, "M9", "memory_kib", "MiB in all, under M9", 1 / 1024)]),
    }
    return {name: draw(title, [panel for panel in panels if panel]) for name, (title, panels) in wanted.items() if any(panels)}


def write(run: Run, folder: pathlib.Path) -> list[pathlib.Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pictures(run).items():
        (folder / name).write_text(text)
        written.append(folder / name)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", nargs="+", type=pathlib.Path)
    parser.add_argument("--to", type=pathlib.Path, required=True, metavar="FOLDER")
    options = parser.parse_args()
    try:
        for path in write(results.read(options.records), options.to):
            print(path)
    except (OSError, ValueError) as error:
        sys.exit(f"plot.py: {error}")


if __name__ == "__main__":
    main()
