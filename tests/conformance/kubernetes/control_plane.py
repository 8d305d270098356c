"""A real control plane on loopback: etcd and kube-apiserver, with certificates and keys of their own.

No controller manager, no scheduler, no kubelet: `sandgate-devcluster controllers` does their part for what is tested here.
"""

import http.client
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "common"))

from programs import StartError, free_port  # noqa: E402

ADMIN_TOKEN = "conformance-admin"
START_PATIENCE_S = 120.0  # seconds; a loaded machine starts slowly
# Who did what, so that tests can see what a gateway really asked for; the bodies do not matter.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "resources": [{"group": "agents.x-k8s.io"}, {"group": "sandbox.opensandbox.io"},
                                                  {"group": "", "resources": ["pods"]}]},
              {"level": "None"}]}


class Certificates:
    """An authority, a certificate of the server and one of an administrator, and the key of service account tokens."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self._folder = folder
        self.ca, self._ca_key = self._path("ca.crt"), self._path("ca.key")
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7", "-subj", "/CN=conformance-ca",
                      "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self._ca_key, "-out", self.ca)
        self.server = self._signed("server", "/CN=kube-apiserver",
                                   "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth")
        self.admin = self._signed("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth")
        self.accounts_key = self._path("accounts.key")
        self._openssl("genrsa", "-out", self.accounts_key, "2048")

    def _path(self, name):
        return os.path.join(self._folder, name)

    def _openssl(self, *words):
        done = subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise StartError("openssl %s: %s" % (words[0], done.stderr.strip()))

    def _signed(self, name, subject, extensions):
        """(certificate, key) that the authority vouches for."""
        certificate, key = self._path(name + ".crt"), self._path(name + ".key")
        request, details = self._path(name + ".csr"), self._path(name + ".ext")
        with open(details, "w", encoding="ascii") as out:
            out.write(extensions + "\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._ca_key, "-CAcreateserial",
                      "-days", "7", "-extfile", details, "-out", certificate)
        return certificate, key


class ControlPlane:
    """etcd and one kube-apiserver on it, or more one after the other."""

    def __init__(self, programs, folder, bin_dir, etcd=None, name="kubernetes"):
        self.folder, self._programs, self._bin, self.name = folder, programs, bin_dir, name
        os.makedirs(folder, exist_ok=True)
        self.certificates = Certificates(os.path.join(folder, "certificates"))
        self._trust = ssl.create_default_context(cafile=self.certificates.ca)
        self.port, self.other_port = free_port(), free_port()
        self.server = "https://127.0.0.1:%d" % self.port
        self._etcd_url = self._start_etcd(etcd or os.path.join(bin_dir, "etcd"))
        self.audit_log = os.path.join(folder, "audit.log")
        self.api = self.start_api(self.port)
        self.kubeconfig = self.write_kubeconfig("admin", {
            "client-certificate": self.certificates.admin[0], "client-key": self.certificates.admin[1]})

    def _start_etcd(self, binary):
        client, peer = ("http://127.0.0.1:%d" % free_port() for _ in range(2))
        etcd = self._programs.start(self.name + "-etcd", [
            binary, "--name", "one", "--data-dir", os.path.join(self.folder, "etcd"), "--listen-client-urls", client,
            "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", "one=" + peer])
        etcd.wait_until_listening("127.0.0.1", urllib.parse.urlsplit(client).port, START_PATIENCE_S)
        return client

    def start_api(self, port, name=None):
        """Starts a kube-apiserver and waits until it is ready."""
        tokens = self._write("tokens.csv", '%s,admin,admin,"system:masters"\n' % ADMIN_TOKEN)
        policy = self._write("audit-policy.json", json.dumps(AUDIT_POLICY))
        certificates = self.certificates
        program = self._programs.start(name or self.name + "-apiserver", [
            os.path.join(self._bin, "kube-apiserver"), "--etcd-servers=" + self._etcd_url,
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port=%d" % port,
            "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16",
            "--tls-cert-file=" + certificates.server[0], "--tls-private-key-file=" + certificates.server[1],
            "--client-ca-file=" + certificates.ca, "--token-auth-file=" + tokens, "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=" + certificates.accounts_key,
            "--service-account-signing-key-file=" + certificates.accounts_key,
            # Nobody makes default service accounts here, so Pods must do without.
            "--disable-admission-plugins=ServiceAccount", "--cert-dir=" + os.path.join(self.folder, "made"),
            "--audit-policy-file=" + policy, "--audit-log-path=" + self.audit_log, "--audit-log-mode=blocking"])
        deadline = time.monotonic() + START_PATIENCE_S
        while self._ready(port) != 200:
            if not program.running() or time.monotonic() > deadline:
                raise StartError("%s is not ready\n%s" % (program.name, program.tail()))
            time.sleep(0.1)
        return program

    def _ready(self, port):
        try:
            return self.request("GET", "/readyz", port=port)[0]
        except OSError:
            return 0

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as out:
            out.write(text)
        return path

    # --- requests

    def request(self, method, path, body=None, kind="application/json", token=ADMIN_TOKEN, port=None):
        """(status, answer), by the administrator unless another token is given; of a watch the list of its events."""
        connection = http.client.HTTPSConnection("127.0.0.1", port or self.port, timeout=30, context=self._trust)
        headers = {"Accept": "application/json", "Authorization": "Bearer " + token}
        if body is not None:
            headers["Content-Type"] = kind
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            text = response.read()
            if response.status == 200 and "watch=true" in path:
                return 200, [json.loads(line) for line in text.splitlines()]
            return response.status, json.loads(text) if text[:1] == b"{" else text
        finally:
            connection.close()

    def compact(self):
        """Makes etcd forget every state but the present one."""
        def post(path, body):
            url = urllib.parse.urlsplit(self._etcd_url)
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            connection.close()
            if response.status != 200:
                raise AssertionError("etcd: %s %d %s" % (path, response.status, text[:300]))
            return json.loads(text)
        revision = post("/v3/kv/range", {"key": "AA=="})["header"]["revision"]
        post("/v3/kv/compaction", {"revision": revision, "physical": True})

    def audited(self, user):
        """The requests of `user` so far, oldest first: the first audit entry of each (a watch has one more at its end)."""
        entries = {}
        with open(self.audit_log, encoding="utf-8") as log:
            for line in log:
                if line.endswith("\n"):
                    entry = json.loads(line)
                    if entry["user"]["username"] == user:
                        entries.setdefault(entry["auditID"], entry)
        return list(entries.values())

    # --- credentials

    def write_kubeconfig(self, name, user, server=None):
        """A kubeconfig with these credentials; its path."""
        return self._write("kubeconfig-" + name, json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "conformance",
            "clusters": [{"name": "conformance", "cluster": {
                "server": server or self.server, "certificate-authority": self.certificates.ca}}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "conformance", "context": {"cluster": "conformance", "user": name}}]}))

    def account(self, namespace, name):
        """A token of a ServiceAccount by TokenRequest, and a kubeconfig with it: (token, kubeconfig, user name)."""
        status, answer = self.request(
            "POST", "/api/v1/namespaces/%s/serviceaccounts/%s/token" % (namespace, name),
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}})
        if status != 201:
            raise AssertionError("TokenRequest for %s/%s: %d %s" % (namespace, name, status, answer))
        token = answer["status"]["token"]
        file = self._write("token-%s-%s" % (namespace, name), token)
        return token, self.write_kubeconfig("%s-%s" % (namespace, name), {"tokenFile": file}), \
            "system:serviceaccount:%s:%s" % (namespace, name)
