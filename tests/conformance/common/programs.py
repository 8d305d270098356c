"""Starts and stops the programs under test, and picks loopback addresses for them.

Used by the conformance and differential runners. Everything listens on loopback, on ports that were free a
moment ago; programs are stopped by process id, in reverse order of start, also after an error.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time

STOP_TIMEOUT_S = 10.0


class StartError(RuntimeError):
    """A program did not come up; the text names the program, its command line and its last output."""


def free_port(address="127.0.0.1"):
    """Returns a TCP port nothing listens on at the moment of the call."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def free_loopback_address(port):
    """Returns an address of 127/8, other than 127.0.0.1, on which `port` is free."""
    for _ in range(200):
        address = "127.%d.%d.%d" % (random.randint(10, 250), random.randint(0, 255), random.randint(2, 254))
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return address
    raise StartError("no free loopback address for port %d after 200 tries" % port)


class Program:
    """One running program with its log file."""

    def __init__(self, name, argv, log_path, env=None, cwd=None):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.log_path = log_path
        self._log = open(log_path, "ab")
        try:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                env=env, cwd=cwd, start_new_session=True)
        except OSError as error:
            self._log.close()
            raise StartError("%s cannot be started: %s\n  %s" % (name, error, " ".join(self.argv))) from error

    def tail(self, lines=15):
        """The last lines of the program's output, for error messages."""
        with open(self.log_path, "rb") as log:
            return "\n".join(log.read().decode("utf-8", "replace").splitlines()[-lines:])

    def wait_until_listening(self, address, port, timeout_s=15.0):
        """Polls until a TCP connect succeeds. Raises StartError when the program ends or time is up."""
        deadline = time.monotonic() + timeout_s
        while True:
            if self.process.poll() is not None:
                raise StartError("%s ended with status %d before it listened on %s:%d\n  %s\n%s" % (
                    self.name, self.process.returncode, address, port, " ".join(self.argv), self.tail()))
            with socket.socket() as probe:
                probe.settimeout(0.5)
                if probe.connect_ex((address, port)) == 0:
                    return
            if time.monotonic() > deadline:
                raise StartError("%s does not listen on %s:%d after %g s\n  %s\n%s" % (
                    self.name, address, port, timeout_s, " ".join(self.argv), self.tail()))
            time.sleep(0.02)

    def running(self):
        return self.process.poll() is None

    def resident_bytes(self):
        """Resident memory of the main process, in bytes."""
        with open("/proc/%d/statm" % self.process.pid) as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        """SIGTERM, then SIGKILL after 10 s. Returns the exit status (negative: the signal)."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()
        return self.process.returncode


def _exit_on_signal(number, frame):
    raise SystemExit(128 + number)


class Programs(contextlib.AbstractContextManager):
    """The programs of one run: `start` them in order, leaving the `with` block stops all of them.

    Made on the main thread only: from then on SIGTERM ends the run through the same door, so that nothing stays behind.
    """

    def __init__(self, log_dir):
        signal.signal(signal.SIGTERM, _exit_on_signal)
        os.makedirs(log_dir, exist_ok=True)
        self._log_dir = log_dir
        self._started = []

    def start(self, name, argv, listen=None, env=None, cwd=None):
        """Starts a program; with `listen` = (address, port) returns only once it accepts connections."""
        log_path = os.path.join(self._log_dir, name + ".log")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(log_path)
        program = Program(name, argv, log_path, env=env, cwd=cwd)
        self._started.append(program)
        if listen is not None:
            program.wait_until_listening(*listen)
        return program

    def __exit__(self, *exc_info):
        for program in reversed(self._started):
            program.stop()
        return None


def environment(**extra):
    """The caller's environment without the variables the router reads, plus `extra`."""
    router_names = (
        "PROXY_TIMEOUT_SECONDS", "MAX_KEEPALIVE_CONNECTIONS", "WEBSOCKET_IDLE_TIMEOUT_SECONDS",
        "WEBSOCKET_MAX_LIFETIME_SECONDS", "WEBSOCKET_MAX_CONNECTIONS_PER_CLIENT", "WEBSOCKET_MAX_MESSAGE_BYTES",
        "TRUSTED_PROXY_CIDRS", "CLUSTER_DOMAIN", "ROUTER_AUTH_TOKEN", "ALLOW_UNAUTHENTICATED_ROUTER",
        "PORT", "SANDBOX_BASE_DIR", "SANDBOX_EXEC_TIMEOUT_SECONDS")
    kept = {k: v for k, v in os.environ.items() if k not in router_names and not k.startswith("SANDGATE_")}
    kept.update(extra)
    return kept


def start_router(programs, binary, static_sandboxes, name="router", flags=(), env=None):
    """Starts `sandgate router` in front of the sandboxes of a static file; returns (program, address, port)."""
    address, port = "127.0.0.1", free_port()
    argv = [binary, "router", "--http-bind-address", "%s:%d" % (address, port),
            "--static-sandboxes", static_sandboxes, "--allow-loopback-pod-ip",
            "--metrics-bind-address", "", "--health-probe-bind-address", "", *flags]
    if env is None:
        env = environment(ALLOW_UNAUTHENTICATED_ROUTER="true")
    return programs.start(name, argv, (address, port), env=env), address, port
