"""differences.md: the committed table that explains where the router and the references differ, and why.

The table is read from the file's rows `| cases | sandgate | nginx | haproxy | reason |`; the cases are the names in
backticks, the three cells after them are signatures (see exchange.Outcome.signature), "same" standing for the
router's own. A reference whose answer depends on timing has both, joined by " or "; the router never does.
"""

import dataclasses
import re

COLUMNS = ("sandgate", "nginx", "haproxy")


class TableError(Exception):
    """The table cannot be read; the text names file and line."""


@dataclasses.dataclass(frozen=True)
class Row:
    line: int
    cases: tuple
    signatures: tuple
    reason: str

    def matches(self, observed):
        """Whether three observed signatures are those of the row."""
        return all(seen in cell.split(" or ") for cell, seen in zip(self.signatures, observed))


def read(path):
    """All rows of the file."""
    rows = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.startswith("| `"):
                continue
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            where = "%s:%d" % (path, number)
            if len(cells) != 5:
                raise TableError("%s: %d cells, 5 are wanted" % (where, len(cells)))
            names = tuple(re.findall(r"`([^`]+)`", cells[0]))
            own = cells[1]
            signatures = (own,) + tuple(own if cell == "same" else cell for cell in cells[2:4])
            if " or " in own:
                raise TableError("%s: the router's own cell allows two results" % where)
            if len(set(signatures)) == 1:
                raise TableError("%s: the row explains no difference" % where)
            if not cells[4]:
                raise TableError("%s: the row gives no reason" % where)
            rows.append(Row(number, names, signatures, cells[4]))
    return rows


def compare(rows, observed):
    """Compares the table with what was seen; returns texts of what does not agree.

    `observed` maps a case name to its three signatures in the order of COLUMNS. A case without any difference must
    not be in the table, one with a difference must be there once, with these signatures.
    """
    faults = []
    explained = {}
    for row in rows:
        for name in row.cases:
            if name in explained:
                faults.append("%s: in the table twice (lines %d and %d)" % (name, explained[name].line, row.line))
            explained[name] = row
            if name not in observed:
                faults.append("%s: in the table (line %d), but there is no such case" % (name, row.line))
    for name, signatures in observed.items():
        row = explained.get(name)
        differs = len(set(signatures)) > 1
        shown = "; ".join("%s: %s" % pair for pair in zip(COLUMNS, signatures))
        if differs and row is None:
            faults.append("%s: a difference that is not in the table: %s" % (name, shown))
        elif row is not None and not differs:
            faults.append("%s: the difference of line %d no longer occurs: all %s" % (name, row.line, signatures[0]))
        elif row is not None and not row.matches(signatures):
            faults.append("%s: not as in line %d: %s" % (name, row.line, shown))
    return faults


def propose(observed, explained_names, reason=""):
    """Rows for differences that have none yet, one a group of equal signatures."""
    groups = {}
    for name, signatures in observed.items():
        if len(set(signatures)) > 1 and name not in explained_names:
            groups.setdefault(signatures, []).append(name)
    lines = []
    for signatures, names in groups.items():
        own = signatures[0]
        cells = [", ".join("`%s`" % n for n in names), own] + ["same" if s == own else s for s in signatures[1:]]
        lines.append("| %s | %s |" % (" | ".join(cells), reason))
    return lines
