"""Figures beside their goals."""
from dataclasses import dataclass


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class Figure:
    what: str
    value: str
    goal: str = ""
    met: bool | None = None  # None: there is no goal


class Figures:
    def __init__(self):
        self.all, self.failures = [], []

    def add(self, what, value, goal="", met=None):
        self.all.append(Figure(what, value, goal, met))
        verdict = {None: "", True: "  met", False: "  NOT MET"}[met]
        print(f"  {what}: {value}{'  (goal ' + goal + ')' if goal else ''}{verdict}", flush=True)

    def failed(self, what, why):
        self.failures.append(what)
        print(f"  {what}: NOT MEASURED: {why}", flush=True)

    def table(self):
        lines = ["| what | figure | goal | |", "|---|---:|---|---|"]
        for one in self.all:
            verdict = {None: "", True: "met", False: "**not met**"}[one.met]
            lines.append(f"| {one.what} | {one.value} | {one.goal} | {verdict} |")
        lines += [f"| {what} | not measured | | |" for what in self.failures]
        return lines
