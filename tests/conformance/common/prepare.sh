# shellcheck shell=bash
# Sourced by the conformance runners: prepares a Python virtual environment under build/conformance/.
# Sets REPO (root of the checkout) and WORK (build/conformance); prepare_venv NAME REQUIREMENTS makes $WORK/NAME.

REPO="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)"
WORK="${REPO}/build/conformance"
PYTHON="${PYTHON:-/usr/bin/python3}"

# prepare_venv NAME REQUIREMENTS: makes the environment, or does nothing when it is there for these requirements.
prepare_venv() {
  local venv="${WORK}/$1" requirements="$2" stamp
  stamp="$("${PYTHON}" --version 2>&1) $(sha256sum <"${requirements}")"
  if [ "$(cat "${venv}/.prepared" 2>/dev/null)" = "${stamp}" ]; then return 0; fi
  if ! "${PYTHON}" -c 'import venv, ensurepip' 2>/dev/null; then
    echo "conformance: ${PYTHON} cannot make virtual environments; type: apt-get install -y python3-venv" >&2
    return 2
  fi
  echo "conformance: installing $(basename "$(dirname "${requirements}")") packages into build/conformance/$1"
  mkdir -p "${WORK}"
  rm -rf "${venv}"
  "${PYTHON}" -m venv "${venv}" || return 2
  "${venv}/bin/pip" install --quiet --disable-pip-version-check --requirement "${requirements}" || {
    echo "conformance: pip could not install ${requirements#"${REPO}"/}" >&2
    return 2
  }
  printf '%s\n' "${stamp}" >"${venv}/.prepared"
}

# binary NAME: the path of a program under test; ends the run when it is not built.
binary() {
  local path="${SANDGATE_BIN_DIR:-${REPO}/build/release/bin}/$1"
  if [ ! -x "${path}" ]; then
    echo "conformance: ${path} is missing; run ./dev build first, or set SANDGATE_BIN_DIR" >&2
    exit 2
  fi
  printf '%s\n' "${path}"
}
