"""Programs under test: started with free ports, watched by their output, stopped by their number."""
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

from support.peer import PATIENCE

ROOT = pathlib.Path(__file__).resolve().parents[3]
START_PATIENCE = 30.0  # seconds; a loaded machine starts slowly


def binary(name):
    folder = pathlib.Path(os.environ.get("SANDGATE_BIN_DIR") or ROOT / "build" / "dev" / "bin")
    path = folder / name
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: ./dev build dev, or set SANDGATE_BIN_DIR")
    return str(path)


def clean_environment(extra):
    keep = {name: os.environ[name] for name in ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
                                                "LSAN_OPTIONS") if name in os.environ}
    return {**keep, **extra}


def eventually(check, what="it", within=PATIENCE):
    """Calls `check` until it gives something true, which is returned; the bound turns a hang into a failure."""
    limit = time.monotonic() + within
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > limit:
            raise AssertionError(f"{what} did not happen within {within:g} s")
        time.sleep(0.005)


class Process:
    """A child whose output lines are kept and can be waited for."""

    def __init__(self, command, env=None):
        self.lines = []
        self.changed = threading.Condition()
        self.command = command
        self.process = subprocess.Popen(command, env=clean_environment(env or {}), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @property
    def pid(self):
        return self.process.pid

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)  # the end
            self.changed.notify_all()

    def log(self):
        return "\n".join(line for line in self.lines if line is not None)

    def wait_record(self, wanted, start=0, within=PATIENCE):
        """The first JSON line from `start` on for which `wanted(record)` is true."""
        limit = time.monotonic() + within
        at = start
        with self.changed:
            while True:
                while at < len(self.lines):
                    line = self.lines[at]
                    if line is None:
                        raise AssertionError("the program ended:\n" + self.log())
                    if line.startswith("{"):
                        record = json.loads(line)
                        if wanted(record):
                            return record
                    at += 1
                left = limit - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError("no such line in\n" + self.log()[-4000:])

    def peak_memory_bytes(self):
        """The most it has had in memory at once."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return 1024 * int(status.read().split("VmHWM:")[1].split()[0])

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, within=PATIENCE):
        status = self.process.wait(within)
        self.reader.join(PATIENCE)
        self.process.stdout.close()
        return status

    def stop(self):
        """Ends it if it still runs. A status other than 0 fails the test: a sanitizer's report is one."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(0.3)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGTERM)  # the second one cuts what still runs
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait()
            raise AssertionError(f"{self.command[:2]} did not stop:\n" + self.log()[-4000:]) from None
        if status != 0:
            raise AssertionError(f"{self.command[:2]} ended with {status}:\n" + self.log()[-4000:])
