"""commands.run: output, exit codes, quoting, limits."""

import asyncio
import inspect
import time

from k8s_agent_sandbox.exceptions import SandboxRequestError

import expect
from flavours import call


async def _run(sandbox, command, stdout="", stderr="", exit_code=0, **options):
    result = await call(sandbox.commands.run, command, **options)
    expect.equal(result.stdout, stdout, "stdout of %s" % command)
    expect.equal(result.stderr, stderr, "stderr of %s" % command)
    expect.equal(result.exit_code, exit_code, "exit code of %s" % command)
    return result


async def output_and_exit_codes(world, sandbox):
    await _run(sandbox, "true")
    await _run(sandbox, "false", exit_code=1)
    await _run(sandbox, "sh -c 'exit 7'", exit_code=7)
    await _run(sandbox, "sh -c 'exit 255'", exit_code=255)
    await _run(sandbox, "sh -c 'echo out; echo err >&2; exit 3'", "out\n", "err\n", 3)
    await _run(sandbox, "printf no-newline", "no-newline")
    await _run(sandbox, "printf 'a\\0b'", "a\0b")


async def no_shell_and_quoting(world, sandbox):
    await _run(sandbox, "echo a; echo b | cat $HOME > x", "a; echo b | cat $HOME > x\n")
    await _run(sandbox, "echo 'two words' \"three more words\" back\\ slash", "two words three more words back slash\n")
    await _run(sandbox, "echo \"a'b\" 'c\"d' ''", "a'b c\"d \n")
    await _run(sandbox, "sh -c 'echo one && echo two | tr a-z A-Z'", "one\nTWO\n")


async def text_in_every_script(world, sandbox):
    text = "Grüße 日本語 \U0001f600 é {\"json\": \"\\\\ \"} \x7f"
    await _run(sandbox, "printf %s '" + text + "'", text)
    await _run(sandbox, "sh -c 'printf %s \"" + "ünï" + "\" >&2'", stderr="ünï")


async def long_output_and_command(world, sandbox):
    size = 3 * 1024 * 1024
    result = await call(sandbox.commands.run, "sh -c 'head -c %d /dev/zero | tr \"\\0\" x'" % size)
    expect.equal(len(result.stdout), size, "characters of output")
    expect.equal(result.stdout.strip("x"), "", "characters other than x")
    argument = "y" * 100_000
    await _run(sandbox, "echo " + argument, argument + "\n")
    both = await call(sandbox.commands.run,
                      "sh -c 'head -c 200000 /dev/zero | tr \"\\0\" o; head -c 200000 /dev/zero | tr \"\\0\" e >&2'")
    expect.equal((len(both.stdout), len(both.stderr)), (200_000, 200_000), "stdout and stderr filled at once")


async def failures_of_the_command(world, sandbox):
    missing = await call(sandbox.commands.run, "no-such-program-here --flag")
    expect.equal((missing.stdout, missing.exit_code), ("", 1), "a program that is not there")
    expect.true(missing.stderr.startswith("Failed to execute command:"), "its stderr: %r" % missing.stderr)
    open_quote = await call(sandbox.commands.run, "echo 'never closed")
    expect.equal((open_quote.stdout, open_quote.exit_code), ("", 1), "a quote that is not closed")
    expect.true(open_quote.stderr.startswith("Failed to execute command:"), "its stderr: %r" % open_quote.stderr)
    await _run(sandbox, "sh -c 'kill -9 $$'", exit_code=-9)
    await _run(sandbox, "sh -c 'kill -15 $$'", exit_code=-15)
    bytes_out = await call(sandbox.commands.run, "printf '\\377\\376'")
    expect.equal((bytes_out.stdout, bytes_out.exit_code), ("", 1), "output that is not UTF-8")


async def base_directory(world, sandbox):
    where = (await call(sandbox.commands.run, "pwd")).stdout.rstrip("\n")
    await call(sandbox.files.write, "made-by-sdk/here.txt", b"content")
    await _run(sandbox, "cat made-by-sdk/here.txt", "content")
    await _run(sandbox, "cat %s/made-by-sdk/here.txt" % where, "content")
    await _run(sandbox, "sh -c 'printf made > made-by-sdk/by-command.txt'")
    expect.equal(await call(sandbox.files.read, "made-by-sdk/by-command.txt"), b"made", "file made by a command")


async def command_timeout(world, sandbox):
    started = time.monotonic()
    result = await call(sandbox.commands.run, "sh -c 'echo early; sleep 60 & sleep 60'", command_timeout=1.0)
    took = time.monotonic() - started
    expect.true(took < 6, "the answer came after %.1f s, the limit was 1 s" % took)
    expect.equal(result.exit_code, 1, "exit code")
    expect.true("timed out after 1" in result.stderr, "stderr tells the limit: %r" % result.stderr)
    expect.true(result.timed_out, "timed_out is set")
    await _run(sandbox, "sh -c 'sleep 0.2; echo in time'", "in time\n", command_timeout=5)


async def call_timeout_runs_once(world, sandbox):
    """A call that ran into its own timeout is an error, and the command has not been started a second time."""
    await call(sandbox.commands.run, "rm -f runs.txt")
    started = time.monotonic()
    error = await expect.refused(SandboxRequestError, "a command longer than the call",
                                 sandbox.commands.run, "sh -c 'echo run >> runs.txt; sleep 3'", timeout=1)
    took = time.monotonic() - started
    expect.true(took < 3, "the call with timeout 1 s ended after %.1f s" % took)
    expect.true(error.status_code in (None, 504), "status is 504 or none, not %s" % error.status_code)
    expect.equal(await call(sandbox.files.read, "runs.txt"), b"run\n", "what the command wrote")


async def only_sandboxd(world, sandbox):
    await expect.refused(NotImplementedError, "env", sandbox.commands.run, "env", env={"A": "1"})
    await expect.refused(NotImplementedError, "cwd", sandbox.commands.run, "pwd", cwd="/tmp")


async def many_at_once(world, sandbox):
    """20 commands at a time over one handle: every answer belongs to its own command."""
    async def one(number):
        return await asyncio.to_thread(_blocking_run, sandbox, number)

    run = sandbox.commands.run
    if inspect.iscoroutinefunction(run):
        results = await asyncio.gather(*(run("echo answer %d" % n) for n in range(20)))
    else:
        results = await asyncio.gather(*(one(n) for n in range(20)))
    expect.equal([r.stdout for r in results], ["answer %d\n" % n for n in range(20)], "answers")


def _blocking_run(sandbox, number):
    return sandbox.commands.run("echo answer %d" % number)


async def many_in_a_row(world, sandbox):
    for number in range(60):
        await _run(sandbox, "echo %d" % number, "%d\n" % number)


CHECKS = (
    ("stdout, stderr, exit codes", output_and_exit_codes),
    ("words are split as a shell does, but no shell runs", no_shell_and_quoting),
    ("unicode in command and output", text_in_every_script),
    ("3 MiB of output, 100 kB of command", long_output_and_command),
    ("failures: no program, open quote, signals, no UTF-8", failures_of_the_command),
    ("runs in the base directory, files and commands meet", base_directory),
    ("command_timeout", command_timeout),
    ("timeout of the call, executed once", call_timeout_runs_once),
    ("env and cwd are refused for this runtime", only_sandboxd),
    ("20 commands at a time", many_at_once),
    ("60 commands in a row", many_in_a_row),
)
