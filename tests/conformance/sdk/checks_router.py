"""What the SDK makes of the router's own answers: unknown sandboxes, nothing listening, the token."""

import time

import expect
from flavours import call
from world import DEAD, NAMED, TOKEN, UNROUTED


async def unknown_sandbox(world, flavour, client):
    sandbox = await call(client.create_sandbox, "pool-" + UNROUTED)
    response = await expect.status(502, "a sandbox the router does not know", sandbox.commands.run, "true")
    expect.equal(response.content, b'{"detail":"Could not connect to the backend sandbox: %s"}' % UNROUTED.encode(),
                 "body")
    expect.equal(response.headers.get("Content-Type"), "application/json", "Content-Type")
    expect.equal(response.headers.get("X-Sandgate-Forwarded"), "no", "X-Sandgate-Forwarded")
    await call(sandbox.terminate)


async def nothing_listens(world, flavour, client):
    """Refused connections are retried by the router inside the request's budget, then answered with 502."""
    sandbox = await call(client.create_sandbox, "pool-" + DEAD)
    started = time.monotonic()
    response = await expect.status(502, "a sandbox that is down", sandbox.commands.run, "true", timeout=20)
    expect.true(time.monotonic() - started < 10, "the answer comes within 10 s")
    expect.equal(response.content, b'{"detail":"Could not connect to the backend sandbox: %s"}' % DEAD.encode(), "body")
    expect.equal(response.headers.get("X-Sandgate-Forwarded"), "no", "X-Sandgate-Forwarded")
    await call(sandbox.terminate)


async def extra_headers(world, flavour, client):
    other = flavour.open_client(world.kube.url, world.connection(extra_headers={"X-Request-ID": "conformance"}))
    try:
        sandbox = await call(other.create_sandbox, "pool-" + NAMED)
        expect.equal((await call(sandbox.commands.run, "echo extra header")).stdout, "extra header\n", "stdout")
        await call(sandbox.terminate)
    finally:
        await flavour.close_client(other)


async def token(world, flavour, client):
    connection = world.connection()
    connection.api_url = world.token_router_url
    without = flavour.open_client(world.kube.url, connection)
    try:
        sandbox = await call(without.create_sandbox, "pool-" + NAMED)
        response = await expect.status(401, "no token", sandbox.commands.run, "true")
        expect.equal(response.content, b'{"detail":"Missing or invalid Authorization header."}', "body")
        await call(sandbox.terminate)
    finally:
        await flavour.close_client(without)
    for given, wanted in ((TOKEN, 200), (TOKEN + "x", 401)):
        secured = world.connection(extra_headers={"Authorization": "Bearer " + given})
        secured.api_url = world.token_router_url
        other = flavour.open_client(world.kube.url, secured)
        try:
            sandbox = await call(other.create_sandbox, "pool-" + NAMED)
            if wanted == 200:
                expect.equal((await call(sandbox.commands.run, "echo let in")).stdout, "let in\n", "stdout")
                await call(sandbox.files.write, "token.txt", b"with token")
                expect.equal(await call(sandbox.files.read, "token.txt"), b"with token", "read")
            else:
                response = await expect.status(401, "wrong token", sandbox.commands.run, "true")
                expect.equal(response.content, b'{"detail":"Invalid token."}', "body")
            await call(sandbox.terminate)
        finally:
            await flavour.close_client(other)


CHECKS = (
    ("unknown sandbox: 502, nothing forwarded", unknown_sandbox),
    ("sandbox down: 502, nothing forwarded", nothing_listens),
    ("extra headers", extra_headers),
    ("token: missing 401, wrong 401, right 200", token),
)
