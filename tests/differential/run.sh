#!/usr/bin/env bash
# Sends raw requests to the router, nginx and HAProxy and compares (run.py says how; differences.md explains why).
# Usage: run.sh [options of run.py]   Environment: SANDGATE_BIN_DIR (default build/release/bin).
# Ends with "N passed, N failed"; exit status 0: all passed.
set -u
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
PROGRAM="${SANDGATE_BIN_DIR:-${HERE}/../../build/release/bin}/sandgate"
if [ ! -x "${PROGRAM}" ]; then
  echo "differential: ${PROGRAM} is missing; run ./dev build first, or set SANDGATE_BIN_DIR" >&2
  exit 2
fi
exec python3 "${HERE}/run.py" --sandgate "${PROGRAM}" "$@"
