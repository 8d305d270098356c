"""Where tests run: the stand-in, or a real control plane that stands where the tests of devcluster/ and tests/cluster/
otherwise start a stand-in."""

import os
import subprocess
import tempfile
import urllib.parse

import integration_support
from harness import cluster, gateway, ingress_case, path_case, router_case
from harness.process import binary, eventually

from control_plane import ADMIN_TOKEN, ControlPlane

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, os.pardir))
DEPLOY = os.path.join(ROOT, "deploy")
# The namespaces that the projects' own installations make.
NAMESPACES = ("agent-sandbox-system", "opensandbox", "opensandbox-system")
RIGHTS = ("router/rbac.yaml", "router/rbac-tokenreview.yaml", "path-proxy/k8s/rbac.yaml", "opensandbox-ingress/rbac.yaml")
ACCOUNTS = {"router": ("agent-sandbox-system", "sandbox-router"), "proxy": ("default", "sandbox-proxy"),
            "ingress": ("opensandbox-system", "opensandbox-ingress-gateway")}

_now = {}


def real():
    """The control plane of the running part."""
    return _now["real"]


def kubectl_of(servers, kubeconfig):
    """A function that runs kubectl: (*words, status=0, input=None) -> its output; another status than that one fails."""
    def kubectl(*words, status=0, text=None, cwd=None):
        done = subprocess.run([os.path.join(servers, "kubectl"), "--kubeconfig", kubeconfig, *words], input=text, text=True,
                              capture_output=True, timeout=120, check=False, cwd=cwd,
                              env={**os.environ, "HOME": os.path.dirname(kubeconfig)})
        if done.returncode != status:
            raise AssertionError("kubectl %s: status %d\n%s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr))
        return done.stdout + (done.stderr if status else "")
    return kubectl


class Real:
    """kube-apiserver on etcd, our definitions and manifests in it."""

    def __init__(self, programs, servers, folder, etcd=None, name="kubernetes"):
        self.plane = ControlPlane(programs, folder, servers, etcd, name)
        self.servers = servers
        self.kubectl = kubectl_of(servers, self.plane.kubeconfig)
        self._programs, self._etcd = programs, etcd or os.path.join(servers, "etcd")
        self._accounts, self._controllers = {}, None

    def versions(self):
        etcd = subprocess.run([self._etcd, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
        return self.plane.request("GET", "/version")[1]["gitVersion"], etcd.split("\n", 1)[0].split(": ")[-1]

    def prepare(self):
        """The definitions, the namespaces and the rights of the gateways."""
        self.kubectl("apply", "-f", os.path.join(DEPLOY, "crds-dev"))
        self.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", os.path.join(DEPLOY, "crds-dev"))
        for namespace in NAMESPACES:
            self.kubectl("create", "namespace", namespace)
        for file in RIGHTS:
            self.kubectl("apply", "-f", os.path.join(DEPLOY, file))

    def account(self, product):
        """(token, kubeconfig, user name) of the gateway's service account."""
        if product not in self._accounts:
            self._accounts[product] = self.plane.account(*ACCOUNTS[product])
        return self._accounts[product]

    def start_controllers(self):
        # Pods run as another user, who has to get there.
        folder = tempfile.TemporaryDirectory(prefix="sandgate-conformance-")
        os.chmod(folder.name, 0o711)
        ready = os.path.join(folder.name, "ready")
        program = self._programs.start("controllers", [
            binary("sandgate-devcluster"), "controllers", "--kubeconfig", self.plane.kubeconfig, "--ready-file", ready],
            env={**os.environ, "TMPDIR": folder.name})
        self._controllers = (program, folder)
        eventually(lambda: os.path.exists(ready) or not program.running(), "the start of the controllers", 30)
        if not program.running():
            raise AssertionError("the controllers ended:\n" + program.tail())

    def stop_controllers(self):
        program, folder = self._controllers
        status = program.stop()
        folder.cleanup()
        if status != 0:
            raise AssertionError("the controllers ended with %d:\n%s" % (status, program.tail()))


class RealCluster(cluster.Cluster):
    """What tests/cluster puts its objects into, on the real API server. All tests share it, so it is emptied at the end."""

    def __init__(self, *flags, controllers=False):
        assert not flags and not controllers, "nobody can tell a real API server to misbehave"
        plane = real().plane
        self.kubeconfig, self.url, self.versions = plane.kubeconfig, urllib.parse.urlsplit(plane.server), "v1beta1"

    def stop(self):
        for namespace in ("default", "opensandbox"):
            for path in (self.agents(namespace), cluster.BATCH.format(ns=namespace),
                         cluster.PODS.format(ns=namespace) + "?gracePeriodSeconds=0"):
                self.request("DELETE", path)

    def request(self, method, path, body=None, kind="application/json", url=None):
        return real().plane.request(method, path, body, kind)


class RealGateway(gateway.Gateway):
    """A gateway with the rights that our manifests give it, and no others."""

    def __init__(self, product, where, *flags, kubeconfig=None, **options):
        super().__init__(product, where, *flags, kubeconfig=kubeconfig or real().account(product)[1], **options)


def use_stand_in():
    integration_support.use(program=binary("sandgate-devcluster"))


def use_real(place):
    """From now on the shared tests use this control plane."""
    import ingress_routes_test  # noqa: PLC0415  (they take the names of the modules above)
    import path_routes_test  # noqa: PLC0415
    import path_watch_test  # noqa: PLC0415
    import router_watch_test  # noqa: PLC0415

    _now["real"] = place
    integration_support.use(server=place.plane.server, token=ADMIN_TOKEN)
    for module in (ingress_case, path_case, router_case, ingress_routes_test, path_routes_test, path_watch_test,
                   router_watch_test):
        module.Cluster, module.Gateway = RealCluster, RealGateway

