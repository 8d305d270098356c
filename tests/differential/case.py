"""What a case is, and the few builders the tables of cases are written with."""

import dataclasses

# The lane that runs a case puts its own digit in place of the "@"; the length stays the same.
LANE = b"lane@"
ROUTE = b"Host: sandbox.test\r\nX-Sandbox-ID: " + LANE + b"\r\n"


ANY = ()


@dataclasses.dataclass(frozen=True)
class Case:
    """One run of raw bytes.

    `status`: what the router has to answer first, by the contract, or a tuple of statuses where it leaves a choice;
    0 stands for no answer, ANY for no rule. `watch`: fields of the first request at the origin that belong to the
    comparison. `forbid`: bytes that must not reach the origin in any head.
    """
    name: str
    raw: bytes
    status: tuple
    watch: tuple = ()
    forbid: tuple = ()

    def bytes_for(self, lane):
        return self.raw.replace(LANE, b"lane%d" % lane)


def case(name, raw, status, watch=(), forbid=()):
    statuses = status if isinstance(status, tuple) else (status,)
    return Case(name, raw, statuses, tuple(w.encode() for w in watch), tuple(forbid))


def get(fields=b"", target=b"/a", version=b"HTTP/1.1", method=b"GET"):
    """A request without a body: `fields` are complete lines that follow Host and X-Sandbox-ID."""
    return method + b" " + target + b" " + version + b"\r\n" + ROUTE + fields + b"\r\n"


def post(fields, body=b"", target=b"/a", version=b"HTTP/1.1", method=b"POST"):
    """A request with exactly the framing fields and the bytes given; nothing is computed."""
    return method + b" " + target + b" " + version + b"\r\n" + ROUTE + fields + b"\r\n" + body


def chunked(body, fields=b"", target=b"/a"):
    """A chunked POST with the raw chunk bytes given."""
    return post(b"Transfer-Encoding: chunked\r\n" + fields, body, target)


# A second request that must never reach the origin when the first is refused.
SMUGGLED = get(target=b"/smuggled")
