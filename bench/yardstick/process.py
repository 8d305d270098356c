"""Starting, watching and stopping the processes of a run."""
from __future__ import annotations

import ctypes
import os
import pathlib
import re
import signal
import subprocess
import time

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_START_SECONDS_MAX = 30
_NICENESS = -15


class ProcessError(Exception):
    """A process did not start, or ended when it should not have."""


def spawn(argv: list[str], processor: int, **popen) -> subprocess.Popen:
    """Starts a program on one processor, ahead of whatever else runs there, and ends it when this script dies."""
    def prepare() -> None:
        os.sched_setaffinity(0, {processor})
        try:
            os.nice(_NICENESS)
            # Where the kernel groups processes by session, niceness counts within the session only; this is the group's.
            pathlib.Path("/proc/self/autogroup").write_text(str(_NICENESS))
        except OSError:
            pass  # not root, or no such groups: the figures get noisier, nothing else
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        return subprocess.Popen(argv, preexec_fn=prepare, start_new_session=True, **popen)
    except FileNotFoundError as error:
        raise ProcessError(f"{argv[0]}: no such program") from error


def tree(pid: int) -> list[int]:
    """A process and all that come from it."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        for children in pathlib.Path(f"/proc/{one}/task").glob("*/children"):
            try:
                todo += [int(child) for child in children.read_text().split()]
            except OSError:
                pass  # the thread has gone
    return found


def memory_kib(pids: list[int]) -> int:
    """Proportional set size: private pages and a fair share of the shared ones, also those that were swapped out."""
    total = 0
    for pid in pids:
        try:
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(kib) for kib in re.findall(r"^(?:Swap)?Pss:\s+(\d+)", rollup, re.M))
    return total


def cpu_seconds(pids: list[int]) -> float:
    """Processor time of all threads, nanosecond resolution."""
    total = 0
    for pid in pids:
        for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(stat.read_text().split()[0])
            except OSError:
                pass
    return total / 1e9


def is_listening(port: int) -> bool:
    """Whether anybody in this network namespace listens on the port."""
    pattern = re.compile(rf":{port:04X} 0+:0000 0A")
    return any(pattern.search(pathlib.Path("/proc/net", table).read_text()) for table in ("tcp", "tcp6"))


def wait_listening(process: subprocess.Popen, port: int, name: str, log: pathlib.Path | None = None) -> None:
    """Returns when the port answers. Raises with the end of the process's own words when it ends or takes too long."""
    deadline = time.monotonic() + _START_SECONDS_MAX
    while not is_listening(port):
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            words = log.read_text(errors="replace").strip()[-400:] if log and log.exists() else ""
            what = f"ended with {process.returncode}" if ended else f"does not listen on {port} after {_START_SECONDS_MAX} s"
            raise ProcessError(f"{name} {what}{': ' + words if words else ''}")
        time.sleep(0.05)


def stop(process: subprocess.Popen) -> None:
    """Ends a process and its children: asked first, forced after a second."""
    for number, patience in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0)):
        for pid in tree(process.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        try:
            process.wait(patience)
            return
        except subprocess.TimeoutExpired:
            continue
    raise ProcessError(f"process {process.pid} does not end")


class Proxy:
    """One running proxy under test."""

    def __init__(self, name: str, argv: list[str], environment: dict[str, str], processor: int, port: int, tls_port: int,
                 log: pathlib.Path):
        self.name, self.port, self.tls_port = name, port, tls_port
        with log.open("w") as words:
            self._process = spawn(argv, processor, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=words)
        try:
            wait_listening(self._process, port, name, log)
        except ProcessError:
            self.stop()
            raise
        time.sleep(0.3)  # nginx listens before its worker exists

    def pids(self) -> list[int]:
        """Its processes now: some replace their workers while they run."""
        if self._process.poll() is not None:
            raise ProcessError(f"{self.name} ended with {self._process.returncode} while it was measured")
        return tree(self._process.pid)

    def stop(self) -> None:
        if self._process.poll() is None:
            stop(self._process)
