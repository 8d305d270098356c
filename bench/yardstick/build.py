"""Compiles what the yardstick needs into build/bench/bin, when the sources are newer than what is there."""
from __future__ import annotations

import pathlib
import shutil
import subprocess

from system import SetupError

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
BUILD = ROOT / "build" / "bench"
BIN = BUILD / "bin"

_FLAGS = ["-std=c++20", "-O2", "-Wall", "-Wextra"]
_PROGRAMS = {
    "backend": (["backend.cc"], ["-lcrypto"]),
    "relay": (["relay.cc"], []),
    "loadgen": (["loadgen.cc", "load_client.cc", "load_options.cc", "process_sample.cc"], ["-lssl", "-lcrypto"]),
}


def helpers() -> None:
    """The back end, the relay and the load generator."""
    BIN.mkdir(parents=True, exist_ok=True)
    newest = max(path.stat().st_mtime for path in (BENCH / "src").iterdir())
    for name, (sources, libraries) in _PROGRAMS.items():
        target = BIN / name
        if target.exists() and target.stat().st_mtime >= newest:
            continue
        if not shutil.which("g++"):
            raise SetupError("g++ is missing: ./dev setup, or apt-get install g++ libssl-dev")
        print(f"compiling {name}", flush=True)
        part = target.with_suffix(".part")
        _run(["g++", *_FLAGS, "-o", str(part), *(str(BENCH / "src" / source) for source in sources), *libraries], name)
        part.rename(target)


def go_peer() -> pathlib.Path:
    """Go's standard reverse proxy, when Go is there."""
    if not shutil.which("go"):
        raise SetupError("peer go: the Go compiler is missing (Debian: golang-go), or leave it out of --peers")
    target = BIN / "go-reverse-proxy"
    _run(["go", "build", "-o", str(target), "."], "the Go peer", BENCH / "peers" / "go")
    return target


def pingora_peer() -> pathlib.Path:
    """Pingora's proxy; cargo fetches its crates."""
    if not shutil.which("cargo"):
        raise SetupError("peer pingora: cargo is missing, or leave it out of --peers")
    target = BUILD / "pingora"
    print("compiling the Pingora peer (several minutes the first time)", flush=True)
    _run(["cargo", "build", "--release", "-q", "--target-dir", str(target)], "the Pingora peer", BENCH / "peers" / "pingora")
    return target / "release" / "pingora-peer"


def _run(argv: list[str], what: str, directory: pathlib.Path | None = None) -> None:
    done = subprocess.run(argv, cwd=directory, capture_output=True, text=True)
    if done.returncode != 0:
        raise SetupError(f"{what} does not compile:\n{done.stderr[-2000:]}")
