"""What is measured: the loads, the figure that counts in each, and the goals."""
from __future__ import annotations

from dataclasses import dataclass, field

GIB = 1 << 30
MANY_SANDBOXES = 10000


@dataclass(frozen=True)
class Goal:
    """What Sandgate is to reach. `ratio_max` is against the better of the yard peers, `value_below` is absolute."""

    ratio_max: float | None = None
    tie: bool = False  # True: up to 5 % above ratio_max is a tie and counts as met
    value_below: float | None = None


@dataclass(frozen=True)
class Load:
    """One load. `kind` names the function of measure.py that runs it, `key` the figure that counts in its answer."""

    name: str
    title: str
    kind: str  # timed, idle, bodies or http2
    key: str
    unit: str
    args: tuple[str, ...] = ()  # for the load generator
    gauge_args: tuple[str, ...] | None = None  # what the relay runs beside it, when not the same
    gauged: bool = True  # False: does not depend on the machine's speed
    sandboxes: int = 1
    warm_seconds: float | None = None
    fresh: bool = False  # True: a new process for each sample
    tls: bool = False
    once: bool = False  # True: more rounds would tell nothing new
    relay_takes_part: bool = True  # False: for the relay the figure would mean something else
    goal: Goal | None = field(default=None)


def _timed(name: str, title: str, args: tuple[str, ...], **more) -> Load:
    return Load(name, title, "timed", "us_per_req", "CPU µs/request", args, **more)


_KEEP_ALIVE = ("--mode", "get")

_LOADS = [
    Load("L1", "one connection, one request at a time: latency", "timed", "p50", "p50 µs", ("--mode", "get", "--conns", "1")),
    _timed("M1", "keep-alive GET, 100 bytes", _KEEP_ALIVE, goal=Goal(ratio_max=0.80)),
    _timed("M2", "keep-alive GET, 10 KiB", ("--mode", "get", "--path", "/b/10240"), goal=Goal(ratio_max=0.80)),
    Load("M3d", "one 1 GiB body down", "timed", "cpu_ms_per_gib", "CPU ms/GiB",
         ("--mode", "get", "--conns", "1", "--path", f"/b/{GIB}"), goal=Goal(ratio_max=1.00, tie=True)),
    Load("M3u", "one 1 GiB body up", "timed", "cpu_ms_per_gib", "CPU ms/GiB",
         ("--mode", "ul", "--conns", "1", "--ulsize", str(GIB)), goal=Goal(ratio_max=1.00, tie=True)),
    _timed("M4", "a new client connection for each request", ("--mode", "conn"), relay_takes_part=False,
           goal=Goal(ratio_max=0.95)),
    _timed("M5k", "TLS 1.3, keep-alive", ("--mode", "tls"), gauge_args=_KEEP_ALIVE, tls=True, relay_takes_part=False),
    _timed("M5h", "TLS 1.3, a full handshake for each request", ("--mode", "hs"), gauge_args=_KEEP_ALIVE, tls=True,
           relay_takes_part=False),
    Load("M6", "64-byte message through an upgraded tunnel and back", "timed", "us_per_req", "CPU µs/message",
         ("--mode", "ws"), goal=Goal(ratio_max=1.00, tie=True)),
    Load("M6m", "an idle tunnel, one of 9,000", "idle", "bytes_per_conn", "bytes/tunnel",
         ("--mode", "idlews", "--conns", "9000"), gauged=False, fresh=True, once=True, goal=Goal(value_below=2048)),
    Load("M7", "an idle keep-alive client, one of 15,000", "idle", "bytes_per_conn", "bytes/client",
         ("--mode", "idle", "--conns", "15000"), gauged=False, fresh=True, once=True, relay_takes_part=False,
         goal=Goal(value_below=600)),
    Load("M8", "HTTP/2 client, 8 × 32 streams, HTTP/1.1 back end", "http2", "us_per_req", "CPU µs/request",
         gauge_args=_KEEP_ALIVE, tls=True, relay_takes_part=False),
    _timed("M9", "M1 over 10,000 sandboxes at random", ("--mode", "get", "--sandboxes", str(MANY_SANDBOXES)),
           gauge_args=_KEEP_ALIVE, sandboxes=MANY_SANDBOXES, warm_seconds=4.0, fresh=True, relay_takes_part=False,
           goal=Goal(ratio_max=0.80)),
    Load("MEM200", "200 MB up and down past a side that stalls", "bodies", "growth_bytes", "bytes of growth",
         gauged=False, fresh=True, once=True, goal=Goal(value_below=16e6)),
]

LOADS = {load.name: load for load in _LOADS}
LATER = ("M5k", "M5h", "M8")  # Sandgate has no TLS and no HTTP/2 yet; the peers can be measured by naming the load
DEFAULT = [name for name in LOADS if name not in LATER]
