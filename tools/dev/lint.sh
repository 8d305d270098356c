# shellcheck shell=bash
lint_usage() {
  cat <<'TXT'
Usage: ./dev lint [--fix] [--tidy]

Checks every tracked file: clang-format, folder dependencies (tools/check_layers), documents (tools/check_docs), the tests
named in docs/compatibility.md (tools/check_compatibility), style (tools/check_style), shell scripts (shellcheck).

  --fix    let clang-format mend what it can, then check
  --tidy   also run clang-tidy over the product's sources (minutes)
TXT
}

verb_lint() {
  local fix='' tidy='' passed=0 failed=0
  local -a docs=()
  while [ $# -gt 0 ]; do
    case $1 in
      -h|--help) lint_usage; return ;;
      --fix) fix=1 ;;
      --tidy) tidy=1 ;;
      *) bad_usage "no option '$1'" lint ;;
    esac
    shift
  done
  need_packages lint
  [ -z "${CI:-}" ] || docs=(--need-programs)
  [ -z "$fix" ] || cpp_files | xargs -0 -r clang-format-16 -i

  lint_check format lint_format
  lint_check layers tools/check_layers
  lint_check style tools/check_style
  lint_check documents tools/check_docs "${docs[@]}"
  lint_check compatibility tools/check_compatibility
  lint_check scripts lint_scripts
  [ -z "$tidy" ] || lint_check tidy lint_tidy
  say "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}

# Uses the caller's counters.
lint_check() {
  local name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    say "FAILED: $name"
  fi
}

# Tracked files that exist: one that was just deleted is still listed.
tracked() {
  local name
  git ls-files -z -- "$@" | while IFS= read -r -d '' name; do [ ! -f "$name" ] || printf '%s\0' "$name"; done
}
cpp_files() { tracked '*.cc' '*.h' '*.cpp' '*.hpp'; }

lint_format() { cpp_files | xargs -0 -r clang-format-16 --dry-run --Werror; }

lint_scripts() {
  tracked '*.sh' dev .ci/run .ci/until_ready | xargs -0 -r shellcheck -x -P SCRIPTDIR:.
}

lint_tidy() {
  . tools/dev/build.sh
  need_packages build test
  [ -f build/dev/compile_commands.json ] || build_preset dev
  tracked 'src/*.cc' 'runtime/*.cc' | grep -zv '_test\.cc$' |
    xargs -0 -r -n 4 -P "$(cores)" clang-tidy-16 -p build/dev --quiet --warnings-as-errors='*' 2>/dev/null
}
