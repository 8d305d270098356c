"""The two faces of the SDK, sync and async, behind one: every call is awaited, so each check is written once."""

import inspect

import httpx
from opensandbox import Sandbox, SandboxManager, SandboxManagerSync, SandboxSync
from opensandbox.config import ConnectionConfig, ConnectionConfigSync
from opensandbox.models.execd import ExecutionHandlers
from opensandbox.models.execd_sync import ExecutionHandlersSync


async def call(function, *arguments, **options):
    """Calls a function of either face and awaits what has to be awaited."""
    result = function(*arguments, **options)
    return await result if inspect.isawaitable(result) else result


async def pieces(stream):
    """The pieces of what either face calls a stream, as one value."""
    stream = await call(lambda: stream)
    if hasattr(stream, "__aiter__"):
        return b"".join([piece async for piece in stream])
    return b"".join(stream)


def led(request, to, suffix):
    """A host below a domain that nobody resolves is reached at `to`; the Host field stays."""
    if request.url.host.endswith(suffix):
        request.url = request.url.copy_with(host=to[0], port=to[1])
    return request


class SyncFlavour:
    name = "sync"
    sandbox = SandboxSync
    manager = SandboxManagerSync
    config = ConnectionConfigSync

    @staticmethod
    def transport_to(to, suffix):
        class Transport(httpx.HTTPTransport):
            def handle_request(self, request):
                return super().handle_request(led(request, to, suffix))
        return Transport()

    @staticmethod
    def handlers(**functions):
        """Handlers made of plain functions."""
        return ExecutionHandlersSync(**functions)


class AsyncFlavour:
    name = "async"
    sandbox = Sandbox
    manager = SandboxManager
    config = ConnectionConfig

    @staticmethod
    def transport_to(to, suffix):
        class Transport(httpx.AsyncHTTPTransport):
            async def handle_async_request(self, request):
                return await super().handle_async_request(led(request, to, suffix))
        return Transport()

    @staticmethod
    def handlers(**functions):
        def awaited(function):
            async def run(message):
                function(message)
            return run
        return ExecutionHandlers(**{name: awaited(function) for name, function in functions.items()})
