"""The SDK on the cluster stand-in: claims from a warm pool, by the router that watches it, in direct and in gateway mode."""

import asyncio

from k8s_agent_sandbox.exceptions import SandboxNotFoundError, SandboxWarmPoolNotFoundError

import expect
from cluster_world import EXTENSIONS, LATE_GATEWAY, POOL, SANDBOX_PORT, SANDBOXES, until
from flavours import call, gateway


async def create(world, client, **options):
    """A sandbox from the warm pool, once it is routed."""
    sandbox = await call(client.create_sandbox, POOL, **options)
    world.wait_routed(sandbox.sandbox_id)
    return sandbox


async def claim_run_terminate(world, flavour, client):
    world.wait_warm()
    sandbox = await create(world, client, labels={"team": "a"})
    box = world.kube.must("GET", SANDBOXES + "/" + sandbox.sandbox_id)
    expect.equal(box["metadata"]["labels"].get("agents.x-k8s.io/launch-type"), "warm", "launch type")
    expect.true(sandbox.sandbox_id.startswith(POOL + "-"), "a member of the pool: " + sandbox.sandbox_id)
    expect.true(sandbox.claim_name != sandbox.sandbox_id, "claim and sandbox have names of their own")
    expect.equal((await call(sandbox.status))[0], "SandboxReady", "status()")
    expect.equal(await call(sandbox.get_pod_ip), box["status"]["podIPs"][0], "get_pod_ip()")
    result = await call(sandbox.commands.run, "echo hello")
    expect.equal((result.stdout, result.stderr, result.exit_code), ("hello\n", "", 0), "echo")
    await call(sandbox.files.write, "kept.txt", b"kept")
    with open(world.file_of(sandbox.sandbox_id, "kept.txt"), "rb") as stored:
        expect.equal(stored.read(), b"kept", "stored in this sandbox")
    claim = world.kube.must("GET", EXTENSIONS + "sandboxclaims/" + sandbox.claim_name)
    expect.equal(claim["metadata"]["labels"].get("team"), "a", "label of the claim")
    name, claim = sandbox.sandbox_id, sandbox.claim_name
    await call(sandbox.terminate)
    until(lambda: world.kube.request("GET", EXTENSIONS + "sandboxclaims/" + claim)[0] == 404, "the end of the claim")
    until(lambda: world.kube.request("GET", SANDBOXES + "/" + name)[0] == 404, "the end of the Sandbox")


async def two_never_share(world, flavour, client):
    first = await create(world, client)
    second = await create(world, client)
    expect.true(first.sandbox_id != second.sandbox_id, "two claims, two sandboxes")
    await call(first.files.write, "mine.txt", b"first")
    await call(second.files.write, "mine.txt", b"second")
    expect.equal((await call(first.files.read, "mine.txt"), await call(second.files.read, "mine.txt")), (b"first", b"second"),
                 "each its own file")
    await call(first.terminate)
    expect.equal(await call(second.files.read, "mine.txt"), b"second", "the other lives on")
    await call(second.terminate)


async def attach(world, flavour, client):
    sandbox = await create(world, client, claim_name="named-" + flavour.name)
    await call(sandbox.files.write, "attach.txt", b"before")
    await call(sandbox.close_connection)
    again = await call(client.get_sandbox, "named-" + flavour.name)
    expect.equal(await call(again.files.read, "attach.txt"), b"before", "read after attach")
    adopted = await call(client.create_sandbox, POOL, claim_name="named-" + flavour.name, adopt_existing=True)
    expect.equal(adopted.sandbox_id, again.sandbox_id, "the same sandbox")
    await call(adopted.terminate)
    await expect.refused(SandboxNotFoundError, "attach after terminate", client.get_sandbox, "named-" + flavour.name,
                         resolve_timeout=1)


async def environment(world, flavour, client):
    """Variables of its own make a sandbox that no pool can have ready."""
    sandbox = await create(world, client, env={"COLOUR": "blue"})
    expect.equal((await call(sandbox.commands.run, "printenv COLOUR")).stdout, "blue\n", "COLOUR")
    await call(sandbox.terminate)


async def asleep_and_awake(world, flavour, client):
    sandbox = await create(world, client)
    path = SANDBOXES + "/" + sandbox.sandbox_id
    world.kube.merge(path, {"spec": {"operatingMode": "Suspended"}})

    def state(wanted):
        ready = [one for one in world.kube.must("GET", path)["status"]["conditions"] if one["type"] == "Ready"]
        return ready and ready[0]["status"] == wanted
    until(lambda: state("False"), "the suspension")
    expect.equal((await call(sandbox.status))[0], "SandboxNotReady", "status()")
    response = await expect.status(502, "a sandbox that sleeps", sandbox.commands.run, "true", timeout=10)
    expect.equal(response.headers.get("X-Sandgate-Forwarded"), "no", "X-Sandgate-Forwarded")
    world.kube.merge(path, {"spec": {"operatingMode": "Running"}})
    until(lambda: state("True"), "the resume")
    world.wait_routed(sandbox.sandbox_id)
    expect.equal((await call(sandbox.commands.run, "echo awake")).stdout, "awake\n", "a new Pod, the same name")
    await call(sandbox.terminate)


async def its_pod_is_replaced(world, flavour, client):
    """The SDK may hold the address of a Pod that is gone; the router knows better."""
    sandbox = await create(world, client)
    before = await call(sandbox.get_pod_ip)
    world.kube.must("DELETE", "/api/v1/namespaces/default/pods/" + await call(sandbox.get_pod_name))

    def replaced():
        box = world.kube.must("GET", SANDBOXES + "/" + sandbox.sandbox_id)
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in box["status"]["conditions"])
        return ready and box["status"].get("podIPs") not in (None, [], [before])
    until(replaced, "a new Pod")
    world.wait_routed(sandbox.sandbox_id)
    expect.equal((await call(sandbox.commands.run, "echo moved")).stdout, "moved\n", "stdout")
    await call(sandbox.terminate)


async def missing_pool(world, flavour, client):
    await expect.refused(SandboxWarmPoolNotFoundError, "create from a pool that is not there",
                         client.create_sandbox, "missing-pool", sandbox_ready_timeout=5)


CHECKS = (
    ("claim from the warm pool, run, write, terminate", claim_run_terminate),
    ("two claims never share", two_never_share),
    ("named claim, get_sandbox, adopt_existing", attach),
    ("environment", environment),
    ("suspended: 502, resumed: a new Pod", asleep_and_awake),
    ("a replaced Pod", its_pod_is_replaced),
    ("warm pool not found", missing_pool),
)


async def late_gateway(world, flavour):
    """A Gateway gets its address while the SDK waits for it; one that never gets one is an error."""
    client = flavour.open_client(world.kube.url, gateway("no-such-gateway", SANDBOX_PORT, gateway_ready_timeout=1))
    try:
        sandbox = await call(client.create_sandbox, POOL)
        await expect.refused(TimeoutError, "a Gateway that is not there", sandbox.commands.run, "true")
        await call(sandbox.terminate)
    finally:
        await flavour.close_client(client)
    world.kube.merge(_gateway_status(), {"status": None})
    client = flavour.open_client(world.kube.url, gateway(LATE_GATEWAY, SANDBOX_PORT, gateway_ready_timeout=20))
    try:
        sandbox = await create(world, client)
        run = sandbox.commands.run
        running = asyncio.ensure_future(
            asyncio.to_thread(run, "echo late") if flavour.name == "sync" else run("echo late"))
        await asyncio.sleep(0.5)
        expect.true(not running.done(), "the SDK waits for the address")
        world.give_address(LATE_GATEWAY)
        expect.equal((await running).stdout, "late\n", "stdout")
        await call(sandbox.terminate)
    finally:
        await flavour.close_client(client)


def _gateway_status():
    return "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/%s/status" % LATE_GATEWAY
