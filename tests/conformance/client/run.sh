#!/usr/bin/env bash
# The published Python SDK k8s-agent-sandbox 1.0.8 and our client library do the same steps against the same cluster
# stand-in; what they send is recorded and compared. Our side is a small program built against the installed package.
# Usage: run.sh [--print]
# Environment: SANDGATE_BIN_DIR (default build/release/bin), PYTHON (default /usr/bin/python3).
# Ends with "N passed, N failed"; exit status 0: all passed, 1: some failed, 2: could not be prepared.
set -u
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=../common/prepare.sh
. "${HERE}/../common/prepare.sh"

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,6s/^# //p' "$0"; exit 0; fi
BIN="$(dirname "$(binary sandgate)")" || exit 2
for program in sandgate-runtime sandgate-devcluster sandbox; do binary "${program}" >/dev/null || exit 2; done
prepare_venv sdk-venv "${HERE}/../sdk/requirements.txt" || exit 2

PREFIX="${WORK}/client/prefix"
BUILD="${WORK}/client/build"
mkdir -p "${WORK}/client"
prepare() {
  rm -rf "${PREFIX}" &&
    cmake --install "$(dirname "${BIN}")" --component client --prefix "${PREFIX}" &&
    cmake -S "${HERE}" -B "${BUILD}" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="${PREFIX}" &&
    cmake --build "${BUILD}"
}
if ! prepare >"${WORK}/client/prepare.log" 2>&1; then
  tail -n 30 "${WORK}/client/prepare.log" >&2
  echo "conformance: the program of the suite could not be built (see ${WORK#"${REPO}"/}/client/prepare.log)" >&2
  exit 2
fi
exec "${WORK}/sdk-venv/bin/python" -W ignore "${HERE}/run.py" "${BIN}" "${WORK}/client" "${BUILD}/drive-shared" "$@"
