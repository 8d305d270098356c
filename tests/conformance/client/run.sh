#!/usr/bin/env bash
# The published Python SDK k8s-agent-sandbox 1.0.8 and our client library do the same steps against the same cluster
# stand-in; what they send is recorded and compared. Our side is a small program built against the installed package.
# Then the package itself, and completion by bash, zsh and fish; a shell that is missing is told by "skipped: ...".
# Usage: run.sh [--print]
# Environment: SANDGATE_BIN_DIR (default build/release/bin), PYTHON (default /usr/bin/python3).
# Ends with "N passed, N failed"; exit status 0: all passed, 1: some failed, 2: could not be prepared.
set -u
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=prepare.sh
. "${HERE}/prepare.sh"

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,7s/^# //p' "$0"; exit 0; fi
prepare_client_suite "${HERE}" "${WORK}/client" || exit 2
exec "${SDK_PYTHON}" -W ignore "${HERE}/run.py" "${BIN}" "${OUT}" "${OUT}/build/drive-shared" "$@"
