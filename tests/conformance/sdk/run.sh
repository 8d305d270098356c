#!/usr/bin/env bash
# Runs the published Python SDK k8s-agent-sandbox 1.0.8, unpatched, against the router and the runtime.
# Usage: run.sh [WORD ...]   only checks whose name contains a WORD
# Environment: SANDGATE_BIN_DIR (default build/release/bin), PYTHON (default /usr/bin/python3).
# The gateway mode always calls port 80, so this needs the right to listen there: root has it.
# Ends with "N passed, N failed"; exit status 0: all passed, 1: some failed, 2: could not be prepared.
set -u
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=../common/prepare.sh
. "${HERE}/../common/prepare.sh"

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,6s/^# //p' "$0"; exit 0; fi
ROUTER="$(binary sandgate)" || exit 2
for program in sandgate-runtime sandgate-devcluster; do binary "${program}" >/dev/null || exit 2; done
prepare_venv sdk-venv "${HERE}/requirements.txt" || exit 2
exec "${WORK}/sdk-venv/bin/python" -W ignore "${HERE}/run.py" "$(dirname "${ROUTER}")" "${WORK}/sdk" "$@"
