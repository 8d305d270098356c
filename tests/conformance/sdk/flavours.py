"""The two faces of the SDK, sync and async, behind one: every call is awaited, so each check is written once."""

import inspect

import kubernetes.client
import kubernetes_asyncio.client
from k8s_agent_sandbox import AsyncSandboxClient, SandboxClient
from k8s_agent_sandbox.models import SandboxDirectConnectionConfig, SandboxGatewayConnectionConfig


async def call(function, *arguments, **options):
    """Calls a function of either face and awaits what has to be awaited."""
    result = function(*arguments, **options)
    return await result if inspect.isawaitable(result) else result


class SyncFlavour:
    name = "sync"

    def open_client(self, kube_url, connection):
        """A client whose only difference from a user's is the URL of its Kubernetes API."""
        configuration = kubernetes.client.Configuration(host=kube_url)
        return SandboxClient(connection_config=connection,
                             api_client=kubernetes.client.ApiClient(configuration))

    async def close_client(self, client):
        client.delete_all()

    async def in_scope(self, client, body):
        """Runs `body(client)` inside the client's own `with` statement."""
        with client:
            await body(client)


class AsyncFlavour:
    name = "async"

    def open_client(self, kube_url, connection):
        configuration = kubernetes_asyncio.client.Configuration(host=kube_url)
        return AsyncSandboxClient(connection_config=connection, cleanup=False,
                                  api_client=kubernetes_asyncio.client.ApiClient(configuration))

    async def close_client(self, client):
        await client.delete_all()
        await client.close()
        await client.k8s_helper.injected_api_client.close()

    async def in_scope(self, client, body):
        async with client:
            await body(client)
        await client.k8s_helper.injected_api_client.close()


def direct(router_url, server_port, **options):
    """The SDK's direct mode: the router's URL and the port the sandbox listens on."""
    return SandboxDirectConnectionConfig(api_url=router_url, server_port=server_port, **options)


def gateway(name, server_port, **options):
    """The SDK's gateway mode: the Gateway object that names the router's address; it always calls port 80 there."""
    return SandboxGatewayConnectionConfig(gateway_name=name, server_port=server_port, **options)
