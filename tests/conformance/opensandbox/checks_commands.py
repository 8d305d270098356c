"""Commands through the ingress: output as it is written, both streams, exit status, background, aborted streams."""

import asyncio
import threading
import time
from datetime import timedelta

from opensandbox.exceptions import SandboxApiException, SandboxException
from opensandbox.models.execd import RunCommandOpts

import expect
from flavours import SyncFlavour, call


def lines(execution, stream="stdout"):
    return [message.text for message in getattr(execution.logs, stream)]


async def output_and_status(world, flavour, sandbox):
    done = await call(sandbox.commands.run, "echo one; echo two >&2; exit 3")
    expect.equal((lines(done), lines(done, "stderr"), done.exit_code), (["one"], ["two"], 3), "result")
    good = await call(sandbox.commands.run, "true")
    expect.equal((good.exit_code, good.error), (0, None), "result of true")
    expect.true(good.id, "the command has no id")


async def streamed(world, flavour, sandbox):
    """The command ends only after its first line has arrived: whoever holds lines back never sees the second."""
    where = lines(await call(sandbox.commands.run, "pwd"))[0]
    gateway = next(one for one in world.gateways.values() if one.server == sandbox.connection_config.domain)
    other = SyncFlavour.sandbox.connect(sandbox.id, connection_config=gateway.options(SyncFlavour))
    first = threading.Event()
    arrived = {}

    def heard(message):
        arrived[message.text] = time.monotonic()
        if message.text == "first":
            first.set()

    def answer():
        if first.wait(20):
            other.files.write_file(where + "/go", "")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    begun = time.monotonic()
    done = await call(sandbox.commands.run, "rm -f go; echo first; while [ ! -e go ]; do sleep 0.05; done; echo last",
                      opts=RunCommandOpts(timeout=timedelta(seconds=30)), handlers=flavour.handlers(on_stdout=heard))
    ended = time.monotonic()
    thread.join(20)
    other.close()
    expect.equal((lines(done), done.exit_code), (["first", "last"], 0), "result")
    expect.true(arrived["first"] < arrived["last"] <= ended, "the first line came with the last")
    print("      first line after %.0f ms, the end after %.0f ms" % (
        (arrived["first"] - begun) * 1000, (ended - begun) * 1000), flush=True)


async def many_lines(world, flavour, sandbox):
    done = await call(sandbox.commands.run, "seq 1 20000")
    expect.equal(lines(done), [str(i) for i in range(1, 20001)], "lines")


async def silent_for_seconds(world, flavour, sandbox):
    done = await call(sandbox.commands.run, "sleep 6; echo awake")
    expect.equal((lines(done), done.exit_code), (["awake"], 0), "result")


async def words_and_environment(world, flavour, sandbox):
    done = await call(sandbox.commands.run, ["printf", "%s|", "a b", "$HOME", "*"])
    expect.equal(lines(done), ["a b|$HOME|*|"], "argv")
    done = await call(sandbox.commands.run, 'echo "$GREETING from $OPENSANDBOX_ID"',
                      opts=RunCommandOpts(envs={"GREETING": "hé ☃"}))
    expect.equal(lines(done), ["hé ☃ from " + sandbox.id], "environment")


async def time_limit(world, flavour, sandbox):
    done = await call(sandbox.commands.run, "echo begun; exec sleep 60", opts=RunCommandOpts(timeout=timedelta(seconds=1)))
    expect.equal((lines(done), done.exit_code), (["begun"], -9), "result")


async def background(world, flavour, sandbox):
    begun = await call(sandbox.commands.run, "echo here; exec sleep 60", opts=RunCommandOpts(background=True))
    status = await call(sandbox.commands.get_command_status, begun.id)
    expect.equal((status.id, status.running), (begun.id, True), "status")
    logs = await expect.eventually(lambda: logs_of(sandbox, begun.id), "a line of output")
    expect.equal((logs.content, logs.cursor), ("here\n", 1), "logs")
    await call(sandbox.commands.interrupt, begun.id)

    async def ended():
        return not (await call(sandbox.commands.get_command_status, begun.id)).running
    await expect.eventually(ended, "the end of the interrupted command")
    error = await expect.refused(SandboxApiException, "an unknown command", sandbox.commands.get_command_status, "nobody")
    expect.equal(error.status_code, 404, "status of an unknown command")


async def logs_of(sandbox, command):
    logs = await call(sandbox.commands.get_background_command_logs, command, 0)
    return logs if logs.content else None


async def several_at_once(world, flavour, sandbox):
    def run(i):
        return call(sandbox.commands.run, "sleep 0.2; echo %d" % i)
    if flavour.name == "async":
        results = await asyncio.gather(*(run(i) for i in range(20)))
    else:
        results = await asyncio.gather(*(asyncio.to_thread(sandbox.commands.run, "sleep 0.2; echo %d" % i)
                                         for i in range(20)))
    expect.equal([lines(one) for one in results], [[str(i)] for i in range(20)], "results")


async def aborted_stream(world, flavour, sandbox):
    """The sandbox's program dies within the stream: the SDK must hear that, not a complete answer."""
    heard = []
    await expect.refused(
        SandboxException, "a stream that broke off", sandbox.commands.run, "echo before; kill -9 $PPID",
        handlers=flavour.handlers(on_stdout=lambda message: heard.append(message.text)))
    expect.true(heard in ([], ["before"]), "heard %s" % heard)
    # Its Pod is started again, on the same address.
    await expect.eventually(sandbox.is_healthy, "health after the restart")
    done = await call(sandbox.commands.run, "echo back")
    expect.equal(lines(done), ["back"], "a command after the restart")


CHECKS = (
    ("both outputs and the exit status", output_and_status),
    ("output arrives as it is written", streamed),
    ("20,000 lines, all in order", many_lines),
    ("a silent stream of 6 s", silent_for_seconds),
    ("argument lists and environment", words_and_environment),
    ("a time limit", time_limit),
    ("background, logs, interrupt", background),
    ("20 streams at once", several_at_once),
    ("a broken stream is seen as broken", aborted_stream),
)
