# shellcheck shell=bash
# Sourced by the suites that set our client beside the published Python SDK (this one and bench/client): prepares both.
# Sets REPO, WORK (see common/prepare.sh) and, by prepare_client_suite, BIN, OUT and SDK_PYTHON.

# shellcheck source=../common/prepare.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common/prepare.sh"

# prepare_client_suite SOURCE OUT: checks that the programs are built, installs the SDK, and builds the programs of the CMake
# project in SOURCE, which use the client as any foreign program does: installed, by find_package. They end up in OUT/build.
prepare_client_suite() {
  local source="$1" program
  OUT="$2"
  BIN="$(dirname "$(binary sandgate)")" || return 2
  for program in sandgate-runtime sandgate-devcluster sandbox; do binary "${program}" >/dev/null || return 2; done
  prepare_venv sdk-venv "${REPO}/tests/conformance/sdk/requirements.txt" || return 2
  # shellcheck disable=SC2034  # for who sources this
  SDK_PYTHON="${WORK}/sdk-venv/bin/python"
  mkdir -p "${OUT}"
  if ! build_foreign "${source}" >"${OUT}/prepare.log" 2>&1; then
    tail -n 30 "${OUT}/prepare.log" >&2
    echo "conformance: the programs of ${source#"${REPO}"/} could not be built (see ${OUT#"${REPO}"/}/prepare.log)" >&2
    return 2
  fi
}

build_foreign() {
  rm -rf "${OUT}/prefix" &&
    cmake --install "$(dirname "${BIN}")" --component client --prefix "${OUT}/prefix" &&
    cmake -S "$1" -B "${OUT}/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="${OUT}/prefix" &&
    cmake --build "${OUT}/build"
}
