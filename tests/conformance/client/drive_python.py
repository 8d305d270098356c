"""The steps of the comparison by the published Python SDK. Usage: drive_python.py KUBE_URL ROUTER_URL MODE [REST_PORT]

Says "step NAME" on standard output before each step and waits for a line on standard input, so that the recorder knows what
a request belongs to. drive.cpp does the same steps, in the same order, by our library.
"""

import io
import logging
import sys

import kubernetes.client
from k8s_agent_sandbox import SandboxClient
from k8s_agent_sandbox.exceptions import SandboxError
from k8s_agent_sandbox.models import SandboxdInClusterConnectionConfig, SandboxDirectConnectionConfig

ODD_NAME = "dir/a b+é%.txt"


def step(name):
    print("step " + name, flush=True)
    sys.stdin.readline()


def tell(name, value):
    print("%s=%s" % (name, value), flush=True)


def files(sandbox):
    step("write")
    sandbox.files.write(ODD_NAME, b"some bytes")
    step("write-stream")
    sandbox.files.write("streamed.bin", io.BytesIO(b"streamed bytes"))
    step("read")
    tell("read", sandbox.files.read(ODD_NAME).decode())
    step("read-to")
    sink = io.BytesIO()
    tell("count", sandbox.files.read_to("streamed.bin", sink))
    step("list")
    tell("list", ",".join("%s:%d" % (e.name, e.size) for e in sandbox.files.list("dir")))
    step("list-root")
    tell("entries", len(sandbox.files.list(".")))
    step("exists")
    tell("exists", sandbox.files.exists(ODD_NAME))
    step("exists-not")
    tell("exists", sandbox.files.exists("nothing/here"))


def by_router(new_client):
    client = new_client()
    step("create")
    sandbox = client.create_sandbox("pool")
    tell("name sandbox", sandbox.sandbox_id)
    step("run")
    tell("run", sandbox.commands.run("echo hello").stdout.strip())
    step("run-again")
    tell("run", sandbox.commands.run("echo again").stdout.strip())
    step("run-limited")
    tell("run", sandbox.commands.run("echo quick", timeout=10, command_timeout=2.5).exit_code)
    files(sandbox)
    step("status")
    tell("status", sandbox.status()[0])
    step("delete")
    sandbox.terminate()
    step("create-full")
    sandbox = client.create_sandbox(
        "pool", labels={"team": "a"}, claim_name="by-name", shutdown_after_seconds=600, pod_labels={"tier": "test"},
        pod_annotations={"note": "x y"}, env={"COLOUR": "blue"})
    tell("name sandbox", sandbox.sandbox_id)
    step("adopt")
    client.create_sandbox("pool", claim_name="by-name", adopt_existing=True)
    step("attach")
    new_client().get_sandbox("by-name")  # another program's, which knows nothing yet
    step("list-claims")
    tell("claims", ",".join(client.list_all_sandboxes(label_selector="team=a")))
    step("delete-by-name")
    client.delete_sandbox("by-name")
    step("no-pool")
    try:
        client.create_sandbox("no-such-pool")
        tell("no-pool", "created")
    except SandboxError:
        tell("no-pool", "refused")


def by_sandboxd(client):
    step("create")
    sandbox = client.create_sandbox("sandboxd-pool")
    tell("name sandbox", sandbox.sandbox_id)
    files(sandbox)
    step("delete-file")
    sandbox.files.delete("streamed.bin")
    step("delete-directory")
    sandbox.files.delete("dir", recursive=True)
    step("delete")
    sandbox.terminate()


def main():
    logging.disable(logging.CRITICAL)
    kube_url, router_url, mode = sys.argv[1:4]
    if mode == "sandboxd":
        connection = SandboxdInClusterConnectionConfig(mode="in-cluster-pod-ip", rest_port=int(sys.argv[4]))
    else:
        connection = SandboxDirectConnectionConfig(api_url=router_url)
    configuration = kubernetes.client.Configuration(host=kube_url)

    def new_client():
        return SandboxClient(connection_config=connection, api_client=kubernetes.client.ApiClient(configuration))
    by_sandboxd(new_client()) if mode == "sandboxd" else by_router(new_client)
    step("end")


if __name__ == "__main__":
    main()
