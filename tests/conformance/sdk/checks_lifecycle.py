"""create, attach, list, terminate: the SDK's life of a sandbox, with a call through the router in each state."""

from k8s_agent_sandbox.exceptions import SandboxNotFoundError, SandboxWarmPoolNotFoundError

import expect
from flavours import call
from world import ADDRESSED, FORBIDDEN, NAMED


async def create_run_terminate(world, flavour, client):
    sandbox = await call(client.create_sandbox, "pool-" + NAMED)
    expect.true(sandbox.is_active, "is_active after create")
    expect.equal(sandbox.sandbox_id, NAMED, "sandbox_id")
    expect.true(sandbox.claim_name != sandbox.sandbox_id, "claim and sandbox have names of their own")
    expect.equal(await call(sandbox.status), ("SandboxReady", "Pod is Ready"), "status()")
    claim = sandbox.claim_name
    result = await call(sandbox.commands.run, "echo hello")
    expect.equal((result.stdout, result.stderr, result.exit_code), ("hello\n", "", 0), "echo")
    await call(sandbox.files.write, "lifecycle.txt", b"kept")
    expect.equal(await call(sandbox.files.read, "lifecycle.txt"), b"kept", "read")
    expect.true(await call(sandbox.files.exists, "lifecycle.txt"), "exists")
    names = [entry.name for entry in await call(sandbox.files.list, "")]
    expect.true("lifecycle.txt" in names, "lifecycle.txt in list: %s" % names)
    expect.true(claim in world.kube.claim_names(), "claim %s exists before terminate" % claim)
    await call(sandbox.terminate)
    expect.true(claim not in world.kube.claim_names(), "claim %s is gone after terminate" % claim)
    expect.true(not sandbox.is_active, "is_active after terminate")
    deletes = world.kube.count("DELETE", "sandboxclaims")
    await call(sandbox.terminate)
    expect.equal(world.kube.count("DELETE", "sandboxclaims"), deletes, "second terminate asks for nothing")


async def pod_address_header(world, flavour, client):
    """With a known pod address the SDK sends X-Sandbox-Pod-IP with each call; the same sandbox must answer."""
    sandbox = await call(client.create_sandbox, "pool-" + ADDRESSED)
    reads = world.kube.count("GET", "sandboxes/" + ADDRESSED)
    await call(sandbox.files.write, "where.txt", b"addressed")
    expect.equal(world.kube.count("GET", "sandboxes/" + ADDRESSED), reads + 1, "the SDK looked for the pod address")
    with open(world.file_of(ADDRESSED, "where.txt"), "rb") as stored:
        expect.equal(stored.read(), b"addressed", "stored in the addressed sandbox")
    await call(sandbox.terminate)


async def without_rights_to_the_pod(world, flavour, client):
    """A client that may not read the Sandbox has no pod address: routing by name must do."""
    sandbox = await call(client.create_sandbox, "pool-" + FORBIDDEN)
    for number in range(3):
        result = await call(sandbox.commands.run, "echo %d" % number)
        expect.equal(result.stdout, "%d\n" % number, "stdout")
    await call(sandbox.terminate)


async def attach_again(world, flavour, client):
    sandbox = await call(client.create_sandbox, "pool-" + NAMED)
    claim = sandbox.claim_name
    await call(sandbox.files.write, "attach.txt", b"first handle")
    await call(sandbox.close_connection)
    expect.true(not sandbox.is_active, "is_active after close_connection")
    again = await call(client.get_sandbox, claim)
    expect.equal(again.sandbox_id, NAMED, "sandbox_id after attach")
    expect.equal(await call(again.files.read, "attach.txt"), b"first handle", "read after attach")
    expect.true(claim in await call(client.list_all_sandboxes), "claim in list_all_sandboxes")
    await call(again.terminate)
    await expect.refused(SandboxNotFoundError, "attach after terminate",
                         client.get_sandbox, claim, resolve_timeout=1)


async def two_sandboxes_apart(world, flavour, client):
    first = await call(client.create_sandbox, "pool-" + NAMED)
    second = await call(client.create_sandbox, "pool-" + ADDRESSED)
    await call(first.files.write, "apart-%s.txt" % flavour.name, b"only in the first")
    expect.true(await call(first.files.exists, "apart-%s.txt" % flavour.name), "exists in the first")
    expect.true(not await call(second.files.exists, "apart-%s.txt" % flavour.name), "not in the second")
    here = (await call(first.commands.run, "pwd")).stdout
    there = (await call(second.commands.run, "pwd")).stdout
    expect.true(here != there, "two sandboxes have two base directories: %r" % here)
    await call(first.terminate)
    await call(second.terminate)


async def scope_exit_deletes(world, flavour, client):
    claims = []

    async def body(scoped):
        sandbox = await call(scoped.create_sandbox, "pool-" + NAMED)
        claims.append(sandbox.claim_name)
        expect.equal((await call(sandbox.commands.run, "echo in scope")).stdout, "in scope\n", "stdout")

    await flavour.in_scope(flavour.open_client(world.kube.url, world.connection()), body)
    expect.true(claims[0] not in world.kube.claim_names(), "claim is gone after the scope")


async def missing_pool(world, flavour, client):
    await expect.refused(SandboxWarmPoolNotFoundError, "create from a pool that is not there",
                         client.create_sandbox, "missing-pool", sandbox_ready_timeout=5)
    expect.equal([c for c in world.kube.claim_names() if c.startswith("sandbox-claim-")], [], "claims left over")


CHECKS = (
    ("create, run, write, read, list, exists, terminate", create_run_terminate),
    ("routed by pod address", pod_address_header),
    ("routed by name when the Sandbox may not be read", without_rights_to_the_pod),
    ("close_connection, get_sandbox, list_all_sandboxes", attach_again),
    ("two sandboxes do not see each other", two_sandboxes_apart),
    ("leaving the client's scope deletes its claims", scope_exit_deletes),
    ("warm pool not found", missing_pool),
)
