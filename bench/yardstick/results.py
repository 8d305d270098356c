"""From samples to statements: medians, minima, ratios to the relay and to the better peer, goals met or not."""
from __future__ import annotations

import json
import pathlib
import statistics
from dataclasses import dataclass, field

from loads import LOADS, Load
from peers import RELAY, YARD

TIE = 0.05  # ratios this near to 1 are not told apart by a machine of this kind
SUBJECT = "sandgate"


@dataclass
class Series:
    """All samples of one peer under one load."""

    load: Load
    peer: str
    samples: list[dict] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def values(self, key: str) -> list[float]:
        return [sample[key] for sample in self.samples if sample.get(key) is not None]

    def median(self, key: str) -> float | None:
        values = self.values(key)
        return statistics.median(values) if values else None

    @property
    def cost(self) -> float | None:
        """The figure that counts, median."""
        return self.median(self.load.key)

    @property
    def least(self) -> float | None:
        return min(self.values(self.load.key), default=None)

    @property
    def most(self) -> float | None:
        return max(self.values(self.load.key), default=None)

    @property
    def relays(self) -> float | None:
        """Median of the samples, each divided by the relay's taken beside it."""
        ratios = [sample[self.load.key] / sample["gauge"] for sample in self.samples if sample.get("gauge")]
        return statistics.median(ratios) if ratios else None


@dataclass
class Run:
    """One run as read from its file."""

    about: dict
    series: dict[str, dict[str, Series]]  # by load, then by peer

    @property
    def loads(self) -> list[Load]:
        return [load for name, load in LOADS.items() if name in self.series]

    @property
    def failures(self) -> list[str]:
        return [f"{name} {peer}: {text}" for name, peers in self.series.items() for peer, series in peers.items()
                for text in series.failures]


def read(paths: list[pathlib.Path]) -> Run:
    """Reads one or more files of records; samples of several runs are put together, the last description counts."""
    about: dict = {}
    series: dict[str, dict[str, Series]] = {}
    for path in paths:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}, line {number}: not JSON ({error})") from error
            if "about" in record:
                about = record["about"]
                continue
            name, peer = record["load"], record["peer"]
            if name not in LOADS:
                raise ValueError(f"{path}, line {number}: no load is named {name}")
            one = series.setdefault(name, {}).setdefault(peer, Series(LOADS[name], peer))
            if "fail" in record:
                one.failures.append(record["fail"])
            else:
                one.samples.append(record)
    return Run(about, series)


@dataclass(frozen=True)
class Verdict:
    """What one load says about Sandgate. Ratios are to the better of the yard peers; None when one side is missing."""

    better: str | None
    ratio: float | None         # of medians, each sample in relays when the load has a gauge
    ratio_minima: float | None  # of the lowest samples as they were taken
    tie: bool
    goal: str
    met: bool | None
    figure: str

    @property
    def word(self) -> str:
        if self.met is None:
            return "—" if not self.goal else "not measured"
        return "met" if self.met else "not met"


def judge(load: Load, peers: dict[str, Series], subject: str = SUBJECT) -> Verdict:
    """Compares the subject with the better of the yard peers and with the load's goal."""
    own = peers.get(subject)
    yard = {name: peers[name] for name in YARD if name in peers and peers[name].samples}

    def normal(one: Series) -> float | None:
        return one.relays if load.gauged else one.cost

    costs = {name: value for name, one in yard.items() if (value := normal(one)) is not None}
    better = min(costs, key=costs.__getitem__) if costs else None
    ratio = ratio_minima = None
    if own and own.samples and better and costs[better] > 0 and load.kind != "bodies":  # there nothing is the usual figure
        mine = normal(own)
        ratio = mine / costs[better] if mine is not None else None
        least = min(one.least for one in yard.values())
        ratio_minima = own.least / least if least > 0 else None
    tie = ratio is not None and abs(ratio - 1) <= TIE
    goal, met, figure = "", None, "" if ratio is None else f"{ratio:.2f}"
    if load.goal and load.goal.ratio_max is not None:
        goal = f"≤ {load.goal.ratio_max:.2f}" + (" or a tie" if load.goal.tie else "")
        if ratio is not None:
            met = ratio <= load.goal.ratio_max or (load.goal.tie and tie)
    elif load.goal and load.goal.value_below is not None:
        goal = f"< {load.goal.value_below:,.0f} {load.unit}"
        if own and own.samples:
            met = own.most < load.goal.value_below
            figure = f"{own.most:,.0f}"
    return Verdict(better, ratio, ratio_minima, tie, goal, met, figure)


def order(peers: dict[str, Series]) -> list[Series]:
    """Relay, Sandgate, the yard peers, then the rest as they came."""
    first = [RELAY, SUBJECT, *YARD]
    return sorted(peers.values(), key=lambda one: first.index(one.peer) if one.peer in first else len(first))
