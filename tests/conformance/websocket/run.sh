#!/usr/bin/env bash
# Runs the Autobahn WebSocket cases 1-7, 9 and 10 (301 cases) through the router to an echo origin.
# Usage: run.sh [GROUP ...]   only cases of these groups, such as 5 or 9
# Environment: SANDGATE_BIN_DIR (default build/release/bin), PYTHON (default /usr/bin/python3).
# Ends with "N passed, N failed"; exit status 0: all passed, 1: some failed, 2: could not be prepared.
set -u
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=../common/prepare.sh
. "${HERE}/../common/prepare.sh"

SUITE="autobahntestsuite==25.10.1"

# prepare_cases: downloads the suite's source archive and converts its cases into $WORK/websocket-cases.
prepare_cases() {
  local cases="${WORK}/websocket-cases" stamp
  stamp="${SUITE} $(cat "${HERE}/convert_cases.py" "${HERE}/requirements.txt" | sha256sum)"
  if [ "$(cat "${cases}/.prepared" 2>/dev/null)" = "${stamp}" ]; then return 0; fi
  rm -rf "${cases}"
  mkdir -p "${cases}"
  "${WORK}/websocket-venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-build-isolation \
    --no-binary :all: --dest "${cases}" "${SUITE}" 2>"${cases}/download.log" || {
    cat "${cases}/download.log" >&2
    echo "conformance: pip could not download ${SUITE}" >&2
    return 2
  }
  "${WORK}/websocket-venv/bin/python" "${HERE}/convert_cases.py" "${cases}"/autobahntestsuite-*.tar.gz "${cases}" ||
    return 2
  printf '%s\n' "${stamp}" >"${cases}/.prepared"
}

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,5s/^# //p' "$0"; exit 0; fi
ROUTER="$(binary sandgate)" || exit 2
prepare_venv websocket-venv "${HERE}/requirements.txt" || exit 2
prepare_cases || exit 2
exec "${WORK}/websocket-venv/bin/python" -W ignore "${HERE}/run.py" "$(dirname "${ROUTER}")" "${WORK}/websocket" \
  "${WORK}/websocket-cases" "$@"
