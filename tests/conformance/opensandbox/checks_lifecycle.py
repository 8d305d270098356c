"""The life of sandboxes as the SDK sees it, with the ingress between."""

import http.client
from datetime import datetime, timedelta, timezone

from opensandbox.exceptions import SandboxException
from opensandbox.models.sandboxes import SandboxFilter

import expect
from flavours import call
from world import APP_PORT, EXECD_PORT, EXECD_TOKEN, IMAGE, WILDCARD


async def create(flavour, gateway, headers=None, **options):
    options.setdefault("env", {})
    return await call(flavour.sandbox.create, IMAGE, timeout=timedelta(minutes=10), ready_timeout=timedelta(seconds=60),
                      connection_config=gateway.options(flavour, headers), **options)


async def life(world, flavour, gateway):
    """Create, health, information, metrics, a second object for the same sandbox, kill."""
    sandbox = await create(flavour, gateway, metadata={"purpose": "life"})
    try:
        expect.true(world.batch(sandbox.id) is not None, "no BatchSandbox " + sandbox.id)
        endpoint = await call(sandbox.get_endpoint, EXECD_PORT)
        address = "%s:%d" % gateway.ingress
        if gateway.mode == "uri":
            expect.equal(endpoint.endpoint, "%s/%s/%d" % (address, sandbox.id, EXECD_PORT), "endpoint")
        elif gateway.mode == "wildcard":
            expect.equal(endpoint.endpoint, "%s-%d.%s" % (sandbox.id, EXECD_PORT, WILDCARD), "endpoint")
        else:
            expect.equal((endpoint.endpoint, {k.lower(): v for k, v in endpoint.headers.items()}),
                         (address, {"opensandbox-ingress-to": "%s-%d" % (sandbox.id, EXECD_PORT)}), "endpoint")
        expect.equal(await call(sandbox.is_healthy), True, "health")
        expect.equal((await call(sandbox.get_info)).status.state, "Running", "state")
        expect.equal((await call(sandbox.get_metrics)).memory_total_in_mib, 1024.0, "metrics of execd")
        again = await call(flavour.sandbox.connect, sandbox.id, connection_config=gateway.options(flavour))
        done = await call(again.commands.run, "echo connected")
        expect.equal(done.logs.stdout[0].text, "connected", "a command of the second object")
        await call(again.close)
        manager = await call(flavour.manager.create, gateway.options(flavour))
        listed = await call(manager.list_sandbox_infos, SandboxFilter(metadata={"purpose": "life"}))
        expect.true(sandbox.id in [one.id for one in listed.sandbox_infos], "not listed")
        await call(manager.close)
    finally:
        await call(sandbox.kill)
    await expect.eventually(lambda: world.batch(sandbox.id) is None and not world.pods(sandbox.id), "the sandbox's end")

    def gone():
        status, _, body = gateway.ask(endpoint, "/ping")
        return status == 404 and body.decode() == "OpenSandbox Ingress: sandbox not found: %s\n" % sandbox.id
    await expect.eventually(gone, "404 of the ingress")
    expect.equal(await call(sandbox.is_healthy), False, "health afterwards")
    await call(sandbox.close)


async def pause(world, flavour, gateway):
    """A paused sandbox is 503 with Retry-After, not 502; resumed it is reached on its new address."""
    sandbox = await create(flavour, gateway)
    try:
        endpoint = await call(sandbox.get_endpoint, APP_PORT)
        expect.equal(gateway.ask(endpoint)[0], 200, "status before")
        await call(sandbox.pause)

        def paused():
            try:
                status, fields, body = gateway.ask(endpoint)
            except http.client.IncompleteRead:
                return False  # the Pod went within its answer
            if status != 503:
                return False
            expect.equal(fields["Retry-After"], "1", "Retry-After")
            expect.true(body.decode().startswith("OpenSandbox Ingress: sandbox not ready: "), body.decode())
            return True
        await expect.eventually(paused, "503 of the paused sandbox")

        async def settled():
            return (await call(sandbox.get_info)).status.state == "Paused"
        await expect.eventually(settled, "state Paused")
        resumed = await call(flavour.sandbox.resume, sandbox.id, connection_config=gateway.options(flavour))
        done = await call(resumed.commands.run, "echo resumed")
        expect.equal(done.logs.stdout[0].text, "resumed", "a command after the resume")
        await call(resumed.close)
    finally:
        await call(sandbox.kill)
        await call(sandbox.close)


async def execd_token(world, flavour, gateway):
    """X-EXECD-ACCESS-TOKEN of the user's settings passes the ingress; without it execd itself refuses."""
    sandbox = await create(flavour, gateway, {"X-EXECD-ACCESS-TOKEN": EXECD_TOKEN}, env={"EXECD_ACCESS_TOKEN": EXECD_TOKEN})
    try:
        done = await call(sandbox.commands.run, "echo in")
        expect.equal(done.logs.stdout[0].text, "in", "output")
        error = await expect.refused(SandboxException, "no token", flavour.sandbox.connect, sandbox.id,
                                     connection_config=gateway.options(flavour))
        expect.true("401" in str(error) or getattr(error, "status_code", None) == 401, "not 401: %s" % error)
    finally:
        await call(sandbox.kill)
        await call(sandbox.close)


async def renewed(world, flavour, gateway):
    """A request through the ingress lets the server extend the sandbox's life: intent, Redis, consumer, expireTime."""
    sandbox = await create(flavour, gateway, extensions={"access.renew.extend.seconds": "1800"})
    try:
        soon = datetime.now(timezone.utc) + timedelta(minutes=20)

        async def later():
            await call(sandbox.is_healthy)
            return (await call(sandbox.get_info)).expires_at > soon
        await expect.eventually(later, "an end after %s" % soon)
    finally:
        await call(sandbox.kill)
        await call(sandbox.close)


async def not_renewed(world, flavour, gateway):
    """Neither who did not ask for it, nor a request that says skip."""
    sandbox = await create(flavour, gateway, extensions={"access.renew.extend.seconds": "1800"},
                           headers={"OpenSandbox-Access-Renew": "skip"})
    try:
        before = (await call(sandbox.get_info)).expires_at
        for _ in range(5):
            expect.equal(await call(sandbox.is_healthy), True, "health")
        # The renewal of a sandbox that does not skip is over within this time (the check before).
        other = await create(flavour, gateway, extensions={"access.renew.extend.seconds": "1800"})
        soon = datetime.now(timezone.utc) + timedelta(minutes=20)

        async def moved():
            await call(other.is_healthy)
            return (await call(other.get_info)).expires_at > soon
        try:
            await expect.eventually(moved, "the renewal of the other sandbox")
        finally:
            await call(other.kill)
            await call(other.close)
        expect.equal((await call(sandbox.get_info)).expires_at, before, "end of the sandbox that skips")
    finally:
        await call(sandbox.kill)
        await call(sandbox.close)


async def local_path(world, flavour, gateway):
    connection = http.client.HTTPConnection(*gateway.ingress, timeout=10)
    connection.request("GET", "/status.ok")
    response = connection.getresponse()
    expect.equal((response.status, response.read()), (200, b"OK"), "/status.ok")
    connection.close()


CHECKS = (
    ("create, health, connect, list, kill", life),
    ("pause and resume", pause),
    ("execd's own token", execd_token),
    ("access renews", renewed),
    ("access that does not renew", not_renewed),
    ("/status.ok", local_path),
)
