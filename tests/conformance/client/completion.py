"""`sandbox completion SHELL`, tried by the shells themselves: words are typed, the tab key is pressed, and the shell tells
what its line holds then."""

import fcntl
import os
import pty
import select
import shutil
import subprocess
import termios
import time

LIMIT_S = 20.0
CLAIM = "tab-claim"
FILE = "local-file.txt"
# What is typed, and what it becomes.
CASES = (
    ("a verb", "sandbox sus", "sandbox suspend"),
    ("a flag", "sandbox --kube-s", "sandbox --kube-server"),
    ("a flag behind a verb", "sandbox status --pod-ip", "sandbox status --pod-ip-header"),
    ("a claim", "sandbox delete tab-", "sandbox delete " + CLAIM),
    ("a local file", "sandbox cp local-", "sandbox cp " + FILE),
)
TAB, TELL = "\t", "\x18"  # control-X is bound to telling the line
PROMPT = "ready> "


class LineEditor:
    """A shell on a terminal of its own. `begin` gives its command, having written what it starts with into a folder; the key
    TELL writes the line into the file `told`."""

    def __init__(self, command, folder, env):
        self._told = os.path.join(folder, "told")
        control, terminal = pty.openpty()
        self._control = control
        # A session of its own, whose terminal this is: a shell without one has no line editor.
        self._process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=folder, env=env,
                                         start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(terminal)

    def _read_until(self, condition, what):
        seen, deadline = b"", time.monotonic() + LIMIT_S
        while not condition(seen):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise AssertionError("%s; the terminal shows %r" % (what, seen.decode(errors="replace")[-400:]))
            if select.select([self._control], [], [], 0.02)[0]:
                seen += os.read(self._control, 4096)

    def complete(self, typed):
        self._read_until(lambda seen: PROMPT.encode() in seen, "no prompt")
        os.write(self._control, (typed + TAB + TELL).encode())
        self._read_until(lambda seen: os.path.exists(self._told), "the line was not told")
        with open(self._told) as told:
            return told.read().strip()

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._control)


def _typed(command, folder, env, words):
    editor = LineEditor(command, folder, env)
    try:
        return editor.complete(words)
    finally:
        editor.close()


def _write(folder, name, lines):
    path = os.path.join(folder, name)
    with open(path, "w") as out:
        out.write("\n".join(lines) + "\n")
    return path


def by_bash(script, folder, env, words):
    # Written under another name first: the file is there when it is whole.
    start = _write(folder, "start", [script, "PS1='%s'" % PROMPT,
                                     """tell() { printf '%s' "$READLINE_LINE" >tell; mv tell told; }""",
                                     r"""bind -x '"\C-x": tell'"""])
    return _typed(["bash", "--noprofile", "--rcfile", start, "-i"], folder, env, words)


def by_zsh(script, folder, env, words):
    _write(folder, ".zshrc", ["autoload -Uz compinit; compinit -D -u", script, "PS1='%s'" % PROMPT,
                              "tell() { print -rn -- $BUFFER >tell; mv tell told }", "zle -N tell", "bindkey '^X' tell"])
    return _typed(["zsh", "-d", "-i"], folder, dict(env, ZDOTDIR=folder), words)


def by_fish(script, folder, env, words):
    """Fish tells what it would complete a line to."""
    start = _write(folder, "start", [script])
    done = subprocess.run(["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", start, words], cwd=folder,
                          env=env, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    offered = [line.split("\t")[0] for line in done.stdout.splitlines()]
    return " ".join(words.split(" ")[:-1] + offered)


def check(report, bin_dir, work_dir, kubeconfig):
    """`kubeconfig` leads to a cluster with a claim CLAIM and no other of that beginning."""
    env = dict(os.environ, PATH="%s:%s" % (bin_dir, os.environ["PATH"]), KUBECONFIG=kubeconfig, TERM="xterm", LC_ALL="C",
               HOME=work_dir)
    for shell, complete in (("bash", by_bash), ("zsh", by_zsh), ("fish", by_fish)):
        if not shutil.which(shell):
            print("skipped: completion by %s, which is not installed (apt-get install %s)" % (shell, shell), flush=True)
            continue
        script = subprocess.run([os.path.join(bin_dir, "sandbox"), "completion", shell], capture_output=True, text=True,
                                timeout=LIMIT_S, check=True).stdout
        for what, typed, wanted in CASES:
            name = "completion: %s, by %s" % (what, shell)
            folder = os.path.join(work_dir, "completion")
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            _write(folder, FILE, [])
            try:
                line = complete(script, folder, env, typed)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                report.failed(name, error)
                continue
            if line == wanted:
                report.passed(name)
            else:
                report.failed(name, "%r became %r, not %r" % (typed, line, wanted))
