#!/usr/bin/env bash
# The client beside the published Python SDK: large files, memory, and the time it adds to the first command.
# Usage: run.sh [options of run.py, see there]
# Environment: SANDGATE_BIN_DIR (default build/release/bin), PYTHON (default /usr/bin/python3).
# Ends with "N passed, N failed"; exit status 0: all goals met, 1: some missed, 2: could not be prepared.
set -u
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=../../tests/conformance/client/prepare.sh
. "${HERE}/../../tests/conformance/client/prepare.sh"

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,5s/^# //p' "$0"; exit 0; fi
prepare_client_suite "${HERE}" "${REPO}/build/bench/client" || exit 2
exec "${SDK_PYTHON}" -W ignore "${HERE}/run.py" "${BIN}" "${OUT}" "${OUT}/build/first_command" "$@"
