#!/usr/bin/env bash
# Runs the watch, the claims, the gateways and the client on a real kube-apiserver and etcd, built from their Go modules by
# name under build/conformance/kubernetes/ (once), and the API's and the claims' tests on the stand-in as well.
# Usage: run.sh [--build-only] [WORD ...]   only parts or checks whose name contains a WORD
# Environment: SANDGATE_BIN_DIR (default build/release/bin), PYTHON (default /usr/bin/python3), GO (default go),
#   OLD_ETCD (an etcd without streaming lists; default: that of Debian 12, unpacked under build/).
# Ends with "N passed, N failed", or with "skipped: ..." where there is no Go; exit status 0: all passed or skipped,
# 1: some failed, 2: could not be prepared.
set -u
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=../common/prepare.sh
. "${HERE}/../common/prepare.sh"
BUILT="${WORK}/kubernetes/bin"
KUBERNETES_VERSION=v1.36.3
GO="${GO:-go}"
GO_MINOR_NEEDED=26 # of Go 1: what these modules are written in

# build_servers: etcd, kube-apiserver and kubectl, unless they are there for this go.mod and this compiler.
build_servers() {
  local stamp began=${SECONDS} package name
  stamp="$("${GO}" version) ${KUBERNETES_VERSION} $(cat "${HERE}/server/go.mod" "${HERE}/server/go.sum" | sha256sum)"
  if [ "$(cat "${BUILT}/.built" 2>/dev/null)" = "${stamp}" ]; then return 0; fi
  mkdir -p "${BUILT}"
  rm -f "${BUILT}/.built"
  local version="k8s.io/component-base/version"
  for package in go.etcd.io/etcd/server/v3 k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl; do
    name="$(basename "${package%/server/v3}")"
    echo "conformance: building ${name} (once; all three take some minutes)"
    (cd "${HERE}/server" && GOFLAGS=-buildvcs=false GOTOOLCHAIN=local GOWORK=off \
      "${GO}" build -trimpath -o "${BUILT}/${name}" -ldflags "-s -w -X ${version}.gitVersion=${KUBERNETES_VERSION} \
      -X ${version}.gitMajor=1 -X ${version}.gitMinor=36" "${package}") || {
      echo "conformance: ${package} could not be built; what the compiler said is above" >&2
      return 2
    }
  done
  printf '%s\n' "${stamp}" >"${BUILT}/.built"
  echo "conformance: built in $((SECONDS - began)) s"
}

# old_etcd: prints the path of an etcd 3.4, unpacked from Debian's package (it is not installed, and nothing starts it).
old_etcd() {
  local folder="${WORK}/kubernetes/etcd-3.4"
  if [ ! -x "${folder}/usr/bin/etcd" ]; then
    rm -rf "${folder}"
    mkdir -p "${folder}"
    # apt refuses to write as its own user into a folder of ours, and says so; that is all it does.
    (cd "${folder}" && apt-get -qq download etcd-server 2>download.log && dpkg-deb -x etcd-server_*.deb .) || {
      rm -rf "${folder}"
      return 1
    }
  fi
  printf '%s\n' "${folder}/usr/bin/etcd"
}

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,9s/^# //p' "$0"; exit 0; fi
minor="$("${GO}" env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')"
if [ -z "${minor}" ] || [ "${minor}" -lt "${GO_MINOR_NEEDED}" ]; then
  echo "skipped: kube-apiserver is built from its Go modules, and Go 1.${GO_MINOR_NEEDED} or newer is not here"
  exit 0
fi
if ! command -v openssl >/dev/null; then
  echo "conformance: openssl is missing (the certificates of the API server); type: apt-get install -y openssl" >&2
  exit 2
fi
build_servers || exit 2
[ "${1:-}" != --build-only ] || exit 0
SANDGATE="$(binary sandgate)" || exit 2
for program in sandgate-runtime sandgate-devcluster sandbox; do binary "${program}" >/dev/null || exit 2; done
SANDGATE_BIN_DIR="$(cd "$(dirname "${SANDGATE}")" && pwd)"
export SANDGATE_BIN_DIR
OLD_ETCD="${OLD_ETCD:-$(old_etcd)}"
exec "${PYTHON}" -B "${HERE}/run.py" --servers "${BUILT}" --work-dir "${WORK}/kubernetes/run" --old-etcd "${OLD_ETCD}" "$@"
