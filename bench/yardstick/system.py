"""The ground a run stands on: its own network, one processor for the proxy and one for the rest, enough descriptors."""
from __future__ import annotations

import ctypes
import fcntl
import os
import pathlib
import platform
import resource
import subprocess
import tempfile
import time

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
DESCRIPTORS_NEEDED = 19900  # M6m: 9,000 tunnels are 18,000 descriptors in the proxy


class SetupError(Exception):
    """The run cannot start; the text says what is missing and how to get it."""


def sandbox_ip(i: int) -> str:
    """The loopback address of sandbox number i (the load generator knows the same rule)."""
    return f"127.{1 + (i >> 16)}.{(i >> 8) & 255}.{i & 255}"


def isolate() -> None:
    """Moves this process into network and mount namespaces of its own: no port clashes, nothing else on its loopback.

    Needs root; without it a user namespace is tried, in which niceness cannot be raised (figures get noisier).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWNS | CLONE_NEWNET | (0 if uid == 0 else CLONE_NEWUSER)
    if libc.unshare(flags) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise SetupError(f"no namespaces of its own ({reason}): run as root, or in a container with CAP_SYS_ADMIN")
    if uid != 0:
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    for command in (["mount", "--make-rprivate", "/"], ["ip", "link", "set", "lo", "up"]):
        _command(command)
    for name, value in {"ip_local_port_range": "12000 65535", "tcp_tw_reuse": "1"}.items():
        pathlib.Path("/proc/sys/net/ipv4", name).write_text(value)
    # Names of the first sandboxes, for a proxy that resolves instead of reading a table.
    with tempfile.NamedTemporaryFile("w", prefix="yardstick-hosts-") as hosts:
        hosts.write("127.0.0.1 localhost\n")
        hosts.writelines(f"{sandbox_ip(i)} sb{i}.default.svc.cluster.local\n" for i in (1, 2))
        hosts.flush()
        _command(["mount", "--bind", hosts.name, "/etc/hosts"])  # the mount keeps the file alive


def _command(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise SetupError(f"{' '.join(argv)}: {done.stderr.strip()}")


def choose_processors() -> tuple[int, int]:
    """The processor of the proxy and that of the back end and the load generator. This script moves to the second."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise SetupError(f"2 processors are needed, this process may use {len(usable)}")
    os.sched_setaffinity(0, {usable[1]})
    return usable[0], usable[1]


def raise_descriptor_limit() -> int:
    """Sets the soft limit as high as it goes and returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(hard, 20000), hard):  # root may lift the hard limit too
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(limit, hard)))
            return limit
        except (ValueError, OSError):
            continue
    return soft


def lock_machine():
    """Waits until no other run of the yardstick is on this machine. Keep the result: closing it frees the lock."""
    lock = open(pathlib.Path(tempfile.gettempdir(), "sandgate-yardstick.lock"), "w")  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another run of the yardstick is on this machine; waiting for it", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def busy_share(seconds: float = 0.5) -> float:
    """Share of all processors in use right now by anybody, 0 to 1."""
    def ticks() -> tuple[int, int]:
        values = [int(v) for v in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(values), values[3] + values[4]
    all_before, idle_before = ticks()
    time.sleep(seconds)
    all_after, idle_after = ticks()
    return 1 - (idle_after - idle_before) / max(1, all_after - all_before)


def describe_machine() -> dict[str, object]:
    """What a reader of the figures wants to know about where they were taken."""
    models = [line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]
    os_release = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return {"processors": len(models), "model": models[0] if models else platform.machine(),
            "kernel": ".".join(platform.release().split(".")[:2]), "system": os_release.get("PRETTY_NAME", "?").strip('"')}
