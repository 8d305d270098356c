#!/usr/bin/env bash
# The client beside the published Python SDK: large files, memory, and the time it adds to the first command.
# Usage: run.sh [options of run.py, see there]
# Environment: SANDGATE_BIN_DIR (default build/release/bin), PYTHON (default /usr/bin/python3).
# Ends with "N passed, N failed"; exit status 0: all goals met, 1: some missed, 2: could not be prepared.
set -u
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=../../tests/conformance/common/prepare.sh
. "${HERE}/../../tests/conformance/common/prepare.sh"

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,5s/^# //p' "$0"; exit 0; fi
BIN="$(dirname "$(binary sandbox)")" || exit 2
for program in sandgate sandgate-runtime sandgate-devcluster; do binary "${program}" >/dev/null || exit 2; done
prepare_venv sdk-venv "${REPO}/tests/conformance/sdk/requirements.txt" || exit 2

OUT="${REPO}/build/bench/client"
mkdir -p "${OUT}"
prepare() {
  rm -rf "${OUT}/prefix" &&
    cmake --install "$(dirname "${BIN}")" --component client --prefix "${OUT}/prefix" &&
    cmake -S "${HERE}" -B "${OUT}/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="${OUT}/prefix" &&
    cmake --build "${OUT}/build"
}
if ! prepare >"${OUT}/prepare.log" 2>&1; then
  tail -n 30 "${OUT}/prepare.log" >&2
  exit 2
fi
exec "${WORK}/sdk-venv/bin/python" -W ignore "${HERE}/run.py" "${BIN}" "${OUT}" "${OUT}/build/first_command" "$@"
