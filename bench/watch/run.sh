#!/usr/bin/env bash
# What the watch of the cluster costs and how fast it is, on loopback with the cluster's stand-in.
# Usage: run.sh [options of run.py, see run.py --help]
# Environment: SANDGATE_BIN_DIR (default build/release/bin), PYTHON (default python3).
# Exit status 0: everything was measured, 1: something could not be measured, 2: could not be prepared.
set -u
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
SANDGATE_BIN_DIR="${SANDGATE_BIN_DIR:-${HERE}/../../build/release/bin}"
export SANDGATE_BIN_DIR
for program in sandgate sandgate-devcluster; do
  if [ ! -x "${SANDGATE_BIN_DIR}/${program}" ]; then
    echo "${program} is not in ${SANDGATE_BIN_DIR}: ./dev build, or set SANDGATE_BIN_DIR" >&2
    exit 2
  fi
done
exec "${PYTHON:-python3}" "${HERE}/run.py" "$@"
