"""Records of two clients, made comparable and compared.

What differs from run to run (names, times, identifiers, addresses) becomes a word in angle brackets. A difference is
(step, request, what, python, ours): `what` is a header, `target`, or the path of a value in the body; a request that only
one of the two makes has `what` "request".
"""

import collections
import dataclasses
import difflib
import json
import re

# Fields of one connection or one stretch of the way, and those whose only content is the address.
_IGNORED = ("host", "connection", "keep-alive", "content-length")
_ABSENT = "—"

_PATTERNS = (
    (re.compile(r"sandbox-claim-[0-9a-f]{8}"), "<claim>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(\+00:00|Z)"), r"<time \1>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\+00:00|Z)"), r"<second \1>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r"resourceVersion=[1-9][0-9]*"), "resourceVersion=<version>"),
    (re.compile(r"\b127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+\b"), "<pod address>"),
    (re.compile(r"^[0-9a-f]{16}$"), "<id>"),
)


@dataclasses.dataclass
class Message:
    step: str
    label: str
    values: dict


def _plain(text, names):
    for name, word in names.items():
        text = text.replace(name, word)
    for pattern, word in _PATTERNS:
        text = pattern.sub(word, text)
    return text


def _label(record, names):
    """What a request is about, whatever the names in it: "WATCH sandboxclaims", "GET download"."""
    path, _, query = _plain(record.target, names).partition("?")
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["apis"]:
        verb = "WATCH" if "watch=true" in query.lower() else record.method
        if verb == "GET" and len(parts) == 6:
            verb = "LIST"
        return "%s %s" % (verb, parts[5])
    if parts[:2] == ["v1", "files"]:
        return "%s v1/files" % record.method
    return "%s %s" % (record.method, parts[0] if parts else "/")


def _flatten(value, path, into):
    if isinstance(value, dict) and value:
        for key, item in value.items():
            _flatten(item, "%s.%s" % (path, key), into)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            _flatten(item, "%s[%d]" % (path, index), into)
    else:
        into[path] = value if isinstance(value, str) else json.dumps(value)


def _multipart(body, boundary):
    """The parts' heads and bodies, as values."""
    values = {}
    for index, part in enumerate(body.split(b"--" + boundary)[1:-1]):
        head, _, content = part[2:-2].partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            values["part[%d] %s" % (index, name.decode("latin-1").title())] = value.strip().decode("utf-8", "replace")
        values["part[%d]" % index] = content.decode("utf-8", "replace")
    return values


def _body(record, names):
    content_type = next((v for n, v in record.fields if n.lower() == "content-type"), "")
    boundary = re.match(r'multipart/form-data; boundary="?([^";]+)"?', content_type)
    if boundary:
        values = _multipart(record.body, boundary[1].encode())
    elif record.body[:1] == b"{":  # also without a Content-Type, as the Python client sends it
        values = {}
        _flatten(json.loads(record.body), "body", values)
    else:
        values = {"body": record.body.decode("utf-8", "replace")} if record.body else {}
    return {what: _plain(value, names) for what, value in values.items()}


def message_of(record, names):
    """`names` maps what this run called things to what they are called in comparisons."""
    values = {"method": record.method, "target": _plain(record.target, names)}
    path, _, query = values["target"].partition("?")
    values["path"] = path
    # The order of a query's parts has no meaning for this API; their bytes may have.
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        values["query " + name] = re.sub(r"^\d+$", "<seconds>", value) if name == "timeoutSeconds" else value
    del values["target"]
    framing = None
    for name, value in record.fields:
        lower = name.lower()
        if lower == "transfer-encoding":
            framing = value.lower()
        if lower in _IGNORED or lower == "transfer-encoding":
            continue
        value = re.sub(r'boundary="?[^";]+"?', "boundary=<boundary>", value)
        values["header " + lower] = _plain(value, names)
    if record.body:
        values["framing"] = framing or "length"
    values.update(_body(record, names))
    return Message(record.step, _label(record, names), values)


Difference = collections.namedtuple("Difference", "step request what python ours")


def _compare_pair(python, ours):
    for what in dict.fromkeys([*python.values, *ours.values]):
        left, right = python.values.get(what, _ABSENT), ours.values.get(what, _ABSENT)
        if left != right:
            yield Difference(python.step, python.label, what, left, right)


def compare(python, ours):
    """Differences between two lists of messages, step by step; requests are paired in order by their labels."""
    steps = dict.fromkeys(message.step for message in [*python, *ours])
    found = []
    for step in steps:
        left = [m for m in python if m.step == step]
        right = [m for m in ours if m.step == step]
        matcher = difflib.SequenceMatcher(None, [m.label for m in left], [m.label for m in right], autojunk=False)
        for kind, a, b, c, d in matcher.get_opcodes():
            if kind == "equal":
                for one, other in zip(left[a:b], right[c:d]):
                    found += _compare_pair(one, other)
                continue
            found += [Difference(step, m.label, "request", "made", _ABSENT) for m in left[a:b]]
            found += [Difference(step, m.label, "request", _ABSENT, "made") for m in right[c:d]]
    return found


class Table:
    """The rows of a Markdown table under a heading: step, request, what, python, ours, reason. `*` stands for any; the first
    cell may name several steps."""

    def __init__(self, path, heading):
        self.rows = []
        self.seen = collections.Counter()
        inside = False
        with open(path, encoding="utf-8") as document:
            for line in document:
                if line.startswith("#"):
                    inside = line.strip("# \n") == heading
                cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
                if inside and len(cells) == 6 and not set(cells[0]) <= {"-", ":"} and cells[0] != "Step":
                    self.rows.append(tuple(cell.strip("`") for cell in cells))

    def covers(self, difference):
        for row in self.rows:
            step = row[0] == "*" or difference.step in row[0].split(", ")
            if step and all(wanted in ("*", got) for wanted, got in zip(row[1:5], difference[1:])):
                self.seen[row] += 1
                return True
        return False

    def without_reason(self):
        return [row for row in self.rows if not row[5]]

    def stale(self):
        return [row for row in self.rows if not self.seen[row]]
