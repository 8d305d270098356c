#!/usr/bin/env bash
# Runs the published OpenSandbox SDK and server 1.1.1 against the ingress and the cluster stand-in.
# Usage: run.sh [WORD ...]   only checks whose name contains a WORD
# Environment: SANDGATE_BIN_DIR (default build/release/bin), PYTHON (default /usr/bin/python3). Needs redis-server.
# Ends with "N passed, N failed"; exit status 0: all passed, 1: some failed, 2: could not be prepared.
set -u
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=../common/prepare.sh
. "${HERE}/../common/prepare.sh"

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,5s/^# //p' "$0"; exit 0; fi
SANDGATE="$(binary sandgate)" || exit 2
binary sandgate-devcluster >/dev/null || exit 2
if ! command -v redis-server >/dev/null; then
  echo 'conformance: redis-server is missing; type: apt-get install -y redis-server' >&2
  exit 2
fi
prepare_venv opensandbox-venv "${HERE}/requirements.txt" || exit 2
exec "${WORK}/opensandbox-venv/bin/python" -W ignore "${HERE}/run.py" "$(dirname "${SANDGATE}")" "${WORK}/opensandbox" "$@"
