"""The Python SDK's side of the measurements: python_side.py KUBE_URL ROUTER_URL upload|download|first ...

    upload CLAIM LOCAL REMOTE      download CLAIM REMOTE LOCAL      first COUNT
"""

import logging
import sys
import time

import kubernetes.client
from k8s_agent_sandbox import SandboxClient
from k8s_agent_sandbox.models import SandboxDirectConnectionConfig

TIMEOUT_S = 600


def main():
    logging.disable(logging.CRITICAL)
    kube_url, router_url, what, *words = sys.argv[1:]
    configuration = kubernetes.client.Configuration(host=kube_url)
    client = SandboxClient(connection_config=SandboxDirectConnectionConfig(api_url=router_url),
                           api_client=kubernetes.client.ApiClient(configuration))
    if what == "first":
        for _ in range(int(words[0])):
            begin = time.monotonic()
            sandbox = client.create_sandbox("pool")
            result = sandbox.commands.run("echo ready")
            end = time.monotonic()
            assert result.stdout == "ready\n", result
            print("%.9f %.9f" % (begin, end))
            sandbox.terminate()
        return
    sandbox = client.get_sandbox(words[0])
    if what == "upload":
        with open(words[1], "rb") as source:
            sandbox.files.write(words[2], source, timeout=TIMEOUT_S)
    else:
        with open(words[2], "wb") as sink:
            sandbox.files.read_to(words[1], sink, timeout=TIMEOUT_S)


if __name__ == "__main__":
    main()
