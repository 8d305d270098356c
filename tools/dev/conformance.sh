# shellcheck shell=bash
conformance_usage() {
  local name
  cat <<'TXT'
Usage: ./dev conformance [NAME...]

Builds the release programs and runs public suites against them; all of them when none is named. A suite is a folder
tests/conformance/NAME with a run.sh, which may install what it needs by pip, npm or go under build/.

Suites here:
TXT
  for name in $(conformance_suites); do say "  $name"; done
}

conformance_suites() {
  local script
  for script in tests/conformance/*/run.sh; do
    [ ! -e "$script" ] || basename "$(dirname "$script")"
  done
}

verb_conformance() {
  local name passed=0 failed=0
  local -a names=()
  while [ $# -gt 0 ]; do
    case $1 in
      -h|--help) conformance_usage; return ;;
      -*) bad_usage "no option '$1'" conformance ;;
      *) [ -f "tests/conformance/$1/run.sh" ] || bad_usage "no suite '$1'" conformance; names+=("$1") ;;
    esac
    shift
  done
  [ "${#names[@]}" -gt 0 ] || mapfile -t names < <(conformance_suites)
  [ "${#names[@]}" -gt 0 ] || fail 'there is no suite under tests/conformance/'
  need_packages build conformance
  build_preset release
  for name in "${names[@]}"; do
    step "Conformance: $name"
    if bash "tests/conformance/$name/run.sh"; then
      passed=$((passed + 1))
      say "passed: $name"
    else
      failed=$((failed + 1))
      say "FAILED: $name"
    fi
  done
  [ "${#names[@]}" -eq 1 ] || step "Suites: $passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}
