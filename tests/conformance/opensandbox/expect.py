"""Small assertions that say what was expected and what came."""

import asyncio
import time

from flavours import call

PATIENCE_S = 30.0


def equal(got, wanted, what):
    if got != wanted:
        raise AssertionError("%s: expected %s, got %s" % (what, _short(wanted), _short(got)))


def true(condition, what):
    if not condition:
        raise AssertionError(what)


def _short(value):
    text = repr(value)
    return text if len(text) <= 200 else "%s... (%d characters)" % (text[:160], len(text))


async def refused(kind, what, function, *arguments, **options):
    """The call must raise `kind`; returns the error."""
    try:
        result = await call(function, *arguments, **options)
    except kind as error:
        return error
    raise AssertionError("%s: expected %s, got %s" % (what, kind.__name__, _short(result)))


async def eventually(probe, what, within_s=PATIENCE_S):
    """Asks again until `probe` (a function or a coroutine function) holds; returns its value."""
    deadline = time.monotonic() + within_s
    while True:
        value = await call(probe)
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("not within %g s: %s" % (within_s, what))
        await asyncio.sleep(0.05)
