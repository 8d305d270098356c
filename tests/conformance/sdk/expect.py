"""Small assertions that say what was expected and what came."""

from k8s_agent_sandbox.exceptions import SandboxRequestError

from flavours import call


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


async def status(code, what, function, *arguments, **options):
    """The call must end in a SandboxRequestError with an HTTP status; returns its response."""
    error = await refused(SandboxRequestError, what, function, *arguments, **options)
    equal(error.status_code, code, what + ": status")
    return error.response
