"""What a proxy is given to work with: ports, sandboxes, a folder for its configuration, a certificate."""
from __future__ import annotations

import pathlib
import subprocess
from dataclasses import dataclass

from system import SetupError, sandbox_ip

BACKEND_PORT = 9000


@dataclass(frozen=True)
class Site:
    """One proxy's place in a run."""

    folder: pathlib.Path
    port: int
    tls_port: int
    sandboxes: int = 1
    tls: bool = False

    def address(self, i: int) -> str:
        return f"{sandbox_ip(i)}:{BACKEND_PORT}"

    def write(self, name: str, text: str) -> str:
        """A file of this site; the port in its name keeps those of one peer's processes apart."""
        path = self.folder / f"{self.port}-{name}"
        path.write_text(text)
        return str(path)

    def sandbox_map(self, namespace: str = "") -> str:
        """A file with a line "[NAMESPACE/]sbN ADDRESS:PORT" for each sandbox."""
        prefix = f"{namespace}/" if namespace else ""
        lines = (f"{prefix}sb{i} {self.address(i)}\n" for i in range(1, self.sandboxes + 1))
        return self.write(f"sandboxes{'-' + namespace if namespace else ''}.map", "".join(lines))

    @property
    def certificate(self) -> pathlib.Path:
        return self._tls_file("certificate.pem")

    @property
    def key(self) -> pathlib.Path:
        return self._tls_file("key.pem")

    @property
    def both(self) -> pathlib.Path:
        """Certificate and key in one file."""
        return self._tls_file("both.pem")

    def _tls_file(self, name: str) -> pathlib.Path:
        both, certificate, key = (self.folder / n for n in ("both.pem", "certificate.pem", "key.pem"))
        if not both.exists():
            done = subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                 "-subj", "/CN=gateway.example.internal", "-keyout", str(key), "-out", str(certificate)],
                capture_output=True, text=True)
            if done.returncode != 0:
                raise SetupError(f"no certificate: {done.stderr.strip()[-300:]}")
            both.write_text(certificate.read_text() + key.read_text())
        return self.folder / name
