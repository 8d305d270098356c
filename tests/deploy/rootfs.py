"""Debian roots made with mmdebstrap, and processes in them: RUN steps, and a container-like start with a read-only root.

Needs root. Every process gets mount and process-id namespaces of its own, so nothing stays mounted or running after it.

Called as a program (`python3 rootfs.py FILE`, by itself only) it is the first process in those namespaces: it mounts what the
JSON file says, gives up what it must not keep, and becomes the command.
"""

import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROXY_VARIABLES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY")
PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38


class StepError(Exception):
    """A step that failed, with what it was."""


class Deadline:
    """The time the whole run may take."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def left(self):
        seconds = self.end - time.monotonic()
        if seconds <= 0:
            raise StepError("the time limit for the whole run is over")
        return seconds


def run(command, deadline, **options):
    """Runs a command of this machine; StepError with its output when it fails or takes too long."""
    try:
        done = subprocess.run(command, timeout=deadline.left(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False, **options)
    except subprocess.TimeoutExpired as error:
        output = error.stdout or ""
        if isinstance(output, bytes):
            output = output.decode(errors="replace")
        raise StepError(f"took longer than the time limit: {' '.join(map(str, command))}\n{output[-4000:]}") from error
    if done.returncode != 0:
        raise StepError(f"exit {done.returncode}: {' '.join(map(str, command))}\n{done.stdout[-4000:]}")
    return done.stdout


# ---- the first root ----

def debian_sources(suite, folder="/etc/apt"):
    """The machine's own apt sources for a Debian suite and its updates, in deb822 form."""
    wanted = {suite, f"{suite}-updates", f"{suite}-security"}
    found = []

    def add(uris, suites, components, signed_by):
        suites = [name for name in suites if name in wanted]
        if suites and "main" in components:
            lines = ["Types: deb", f"URIs: {' '.join(uris)}", f"Suites: {' '.join(suites)}", "Components: main"]
            found.append("\n".join(lines + ([f"Signed-By: {signed_by}"] if signed_by else [])))

    root = pathlib.Path(folder)
    for path in sorted(root.glob("sources.list.d/*.sources")):
        for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
            fields = {key.lower(): value.split() for key, value in re.findall(r"(?m)^([\w-]+):[ \t]*(.*)$", block)}
            if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"]) != ["no"]:
                add(fields.get("uris", []), fields.get("suites", []), fields.get("components", []),
                    " ".join(fields.get("signed-by", [])))
    for path in [root / "sources.list", *sorted(root.glob("sources.list.d/*.list"))]:
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            match = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)", line)
            if match:
                signed = re.search(r"signed-by=(\S+)", match[1] or "")
                add([match[2]], [match[3]], match[4].split("#")[0].split(), signed[1] if signed else "")
    if not any(re.search(rf"(?m)^Suites:.*\b{suite}(?![\w-])", block) for block in found):
        raise StepError(f"none of this machine's apt sources has Debian's suite {suite}, component main")
    return "\n\n".join(found) + "\n"


def apt_options(deadline):
    """This machine's apt settings that decide whether its sources can be read at all: proxies and date checks."""
    wanted = re.compile(r"Acquire::(?:https?::(?:\S*::)?Proxy\S*|Check-Valid-Until|Check-Date) ")
    return [line.rstrip(";") for line in run(["apt-config", "dump"], deadline).splitlines() if wanted.match(line)]


def bootstrap(suite, target, work, deadline):
    """Makes a minimal root of the suite, as small as the slim image it stands for."""
    sources = work / "sources.sources"
    sources.write_text(debian_sources(suite), encoding="utf-8")
    options = [f"--aptopt={option}" for option in apt_options(deadline)]
    options += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info")]
    run(["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--dpkgopt=force-unsafe-io", *options, suite,
         target, sources], deadline)
    # As in the published image: nothing that was downloaded stays.
    (target / "etc/apt/apt.conf.d/clean").write_text(
        'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };\n'
        'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";\n', encoding="utf-8")


def copy_root(source, target, deadline):
    run(["cp", "-a", "--reflink=auto", "-T", source, target], deadline)


# ---- processes in a root ----

def _spec(work, root, command, environment, cwd, user=(0, 0), read_only=False, volumes=()):
    path = work / f"process-{time.monotonic_ns()}.json"
    path.write_text(json.dumps({
        "root": str(root), "command": command, "environment": environment, "cwd": cwd, "user": user,
        "read_only": read_only, "volumes": list(volumes),
    }), encoding="utf-8")
    return ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=KILL", "--ipc", "--uts",
            sys.executable, "-I", __file__, str(path)]


def run_in(root, command, environment, cwd, work, deadline):
    """A RUN step: as root, on a writable root; returns its output."""
    outside = {name: os.environ[name] for name in PROXY_VARIABLES if name in os.environ}
    inside = {"PATH": DEFAULT_PATH, "HOME": "/root", **outside, **environment}
    return run(_spec(work, root, command, inside, cwd), deadline)


class Container:
    """A started image: read-only root, its user, no capability, process 1 of its own process-id namespace."""

    def __init__(self, root, command, environment, cwd, user, volumes, work):
        self.log_path = work / f"log-{time.monotonic_ns()}.txt"
        inside = {"PATH": DEFAULT_PATH, **environment}
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                _spec(work, root, command, inside, cwd, user, True, volumes), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def pid(self):
        """The process id, seen from outside, of the container's process 1; None before it runs the image's command."""
        outer = self.process.pid
        try:
            children = pathlib.Path(f"/proc/{outer}/task/{outer}/children").read_text(encoding="utf-8").split()
            words = pathlib.Path(f"/proc/{children[0]}/cmdline").read_text(encoding="utf-8").split("\0") if children else []
        except OSError:
            return None
        return int(children[0]) if words and __file__ not in words else None

    def exit_code(self, seconds):
        """The exit status of process 1, or None when it still runs after so long."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, seconds):
        """SIGTERM, then the exit status, or None when it did not end in time."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
        return self.exit_code(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()  # process 1 dies with it, and with process 1 everything in the container
            self.process.wait()


def _mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def _mount_devices(target, read_only):
    if not read_only:
        _mount("--rbind", "/dev", str(target))
        return
    _mount("-t", "tmpfs", "-o", "mode=755,size=64k,nosuid,noexec", "tmpfs", str(target))
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        (target / name).touch()
        _mount("--bind", f"/dev/{name}", str(target / name))
    for name, link in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
                       ("stderr", "/proc/self/fd/2")):
        (target / name).symlink_to(link)
    (target / "shm").mkdir()
    _mount("-t", "tmpfs", "-o", "mode=1777,nosuid,nodev,noexec", "tmpfs", str(target / "shm"))


def _mount_volume(path):
    """A fresh writable file system on an image's VOLUME, with the folder's owner, mode and content."""
    state = path.stat()
    covered = os.open(path, os.O_PATH | os.O_DIRECTORY)
    _mount("-t", "tmpfs", "-o", f"mode={state.st_mode & 0o7777:o},uid={state.st_uid},gid={state.st_gid},nosuid,nodev",
           "tmpfs", str(path))
    subprocess.run(["cp", "-a", "-T", f"/proc/self/fd/{covered}/.", str(path)], check=True, pass_fds=[covered])
    os.close(covered)


def _give_up_privileges(libc, capabilities, user):
    for capability in range(capabilities):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"could not drop capability {capability}")
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "could not set no_new_privs")
    os.setgroups([])
    os.setresgid(user[1], user[1], user[1])
    os.setresuid(user[0], user[0], user[0])
    # The kernel forgets this one (unshare --kill-child made it) when the user changes.
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "could not bind this process's life to its starter's")


def _become(spec):
    root = pathlib.Path(spec["root"])
    confined = spec["read_only"]
    _mount("--bind", str(root), str(root))
    if confined:
        _mount("-o", "remount,bind,ro,nosuid,nodev", str(root))
    _mount_devices(root / "dev", confined)
    _mount("-t", "proc", "proc", str(root / "proc"))
    for volume in spec["volumes"]:
        _mount_volume(root / volume.strip("/"))
    # What Python may load late must be loaded now: after the chroot its own files are gone.
    libc = ctypes.CDLL(None, use_errno=True)
    capabilities = int(pathlib.Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="utf-8")) + 1
    os.chroot(root)
    os.chdir(spec["cwd"])
    if confined:
        _give_up_privileges(libc, capabilities, spec["user"])
    os.umask(0o022)
    os.execvpe(spec["command"][0], spec["command"], spec["environment"])


def require_tools():
    """A line for people when this machine cannot do it; None when it can."""
    if os.geteuid() != 0:
        return "must run as root: it makes file systems and namespaces"
    missing = [name for name in ("mmdebstrap", "apt-config", "unshare", "mount", "cp") if not shutil.which(name)]
    if missing:
        return f"these programs are missing: {' '.join(missing)} (Debian: apt-get install mmdebstrap util-linux mount)"
    probe = subprocess.run(["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "true"],
                           capture_output=True, text=True, check=False)
    return None if probe.returncode == 0 else f"namespaces cannot be made here: {probe.stderr.strip()}"


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as spec_file:
        _become(json.load(spec_file))
