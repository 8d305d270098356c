"""Endpoints, signatures and tokens as the server makes them, used on the ingress by plain requests."""

import json
import time

import expect
from flavours import call
from world import APP_PORT


def told(answer, what):
    status, _, body = answer
    expect.equal(status, 200, what + " (" + body[:200].decode("utf-8", "replace") + ")")
    return json.loads(body)


def text(answer):
    return answer[0], answer[2].decode("utf-8", "replace").strip()


async def user_application(world, flavour, gateway, sandbox):
    """Another port of the same sandbox; the bytes of the path come through."""
    endpoint = await call(sandbox.get_endpoint, APP_PORT)
    seen = told(gateway.ask(endpoint, "/a%2Fb//c/../d?q=1%20&r", headers={"X-Mine": "yes", "Authorization": "Bearer t"}), "app")
    expect.equal((seen["app"], seen["target"]), (sandbox.id, "/a%2Fb//c/../d?q=1%20&r"), "application and target")
    fields = dict(seen["fields"])
    expect.equal((fields.get("x-mine"), fields.get("authorization")), ("yes", "Bearer t"), "fields")
    expect.equal([name for name in fields if name.startswith(("opensandbox-ingress", "opensandbox-secure"))], [],
                 "routing fields that reached the sandbox")
    expect.true(fields["host"].endswith(":%d" % APP_PORT), "Host: " + fields["host"])


async def nobody_there(world, flavour, gateway, sandbox):
    endpoint = await call(sandbox.get_endpoint, APP_PORT + 1)
    status, _, body = gateway.ask(endpoint)
    expect.equal((status, body), (502, b""), "a port where nothing listens")


async def token(world, flavour, gateway, sandbox):
    """A protected sandbox: the server's token lets in, nothing and another token do not."""
    endpoint = await call(sandbox.get_endpoint, APP_PORT)
    name = [field for field in endpoint.headers if field.lower() == "opensandbox-secure-access"]
    expect.equal(len(name), 1, "token fields of the endpoint")
    seen = told(gateway.ask(endpoint, "/in"), "with the token")
    expect.true("opensandbox-secure-access" not in dict(seen["fields"]), "the token reached the sandbox")
    expect.equal(text(gateway.ask(endpoint, headers={name[0]: "wrong"})),
                 (401, "OpenSandbox Ingress: signature: secure access header mismatch"), "with another token")
    bare = endpoint.model_copy(update={"headers": {k: v for k, v in endpoint.headers.items() if k != name[0]}})
    expect.equal(text(gateway.ask(bare)), (401, "OpenSandbox Ingress: signature: signature required for this sandbox"),
                 "without the token")


def altered(endpoint, old, new):
    """The endpoint with the last `old` in its address and fields replaced."""
    def change(value):
        head, found, tail = value.rpartition(old)
        return head + new + tail if found else value
    return endpoint.model_copy(update={"endpoint": change(endpoint.endpoint),
                                       "headers": {k: change(v) for k, v in endpoint.headers.items()}})


def signature_of(gateway, endpoint):
    if gateway.mode == "uri":
        return endpoint.endpoint.rpartition("/")[2]
    if gateway.mode == "wildcard":
        return endpoint.endpoint.partition(".")[0].rpartition("-")[2]
    return list(endpoint.headers.values())[0].rpartition("-")[2]


async def signed(world, flavour, gateway, sandbox):
    """What the server signs, the ingress takes; whatever is changed of it, it does not."""
    endpoint = await call(sandbox.get_signed_endpoint, APP_PORT, int(time.time()) + 600)
    expect.true("OpenSandbox-Secure-Access" not in endpoint.headers, "a signed endpoint carries the token")
    expect.equal(told(gateway.ask(endpoint, "/x/y?z=1"), "signed")["target"], "/x/y?z=1", "target")
    signature = signature_of(gateway, endpoint)
    wrong = ("0" if signature[0] != "0" else "1") + signature[1:]
    expect.equal(text(gateway.ask(altered(endpoint, signature, wrong))),
                 (401, "OpenSandbox Ingress: signature: unauthorized: signature mismatch"), "a digit changed")
    expect.equal(text(gateway.ask(altered(endpoint, signature, signature[:8] + "a"))),
                 (401, "OpenSandbox Ingress: signature: unauthorized: signature mismatch"), "the other key")
    expect.equal(text(gateway.ask(altered(endpoint, signature, signature[:8] + "z"))),
                 (401, "OpenSandbox Ingress: signature: unauthorized: unknown signed_key_id"), "a key nobody has")
    other = await call(sandbox.get_signed_endpoint, APP_PORT + 1, int(time.time()) + 600)
    expect.equal(text(gateway.ask(altered(other, "%d" % (APP_PORT + 1), "%d" % APP_PORT)))[0], 401, "another port")


async def expiry(world, flavour, gateway, sandbox):
    end = int(time.time()) + 2
    endpoint = await call(sandbox.get_signed_endpoint, APP_PORT, end)
    told(gateway.ask(endpoint), "before its end")

    def over():
        return text(gateway.ask(endpoint)) == (401, "OpenSandbox Ingress: signature: access expired")
    await expect.eventually(over, "the end of the signature")
    expect.true(time.time() >= end, "refused too early")


CHECKS = (
    ("another port, the path as it is", user_application),
    ("a port where nothing listens", nobody_there),
)
PROTECTED = (
    ("the server's token", token),
    ("the server's signature", signed),
    ("a signature ends", expiry),
)
