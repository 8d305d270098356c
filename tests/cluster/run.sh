#!/usr/bin/env bash
# Runs the gateways on the cluster stand-in and looks at what comes through, byte by byte (run.py says how).
# Usage: run.sh [options of run.py]   Environment: SANDGATE_BIN_DIR (default build/dev/bin).
# Ends with "N passed, N failed"; exit status 0: all passed.
set -u
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
exec python3 -B "${HERE}/run.py" "$@"
