# shellcheck shell=bash
test_usage() {
  cat <<'TXT'
Usage: ./dev test [options]

Builds preset dev and runs every test: unit tests beside the code, integration tests, the seeded simulation, and the
Python tests of the manifests and tools. The last line counts test cases: "N passed, N failed".

  --preset NAME   dev (default), asan, tsan, clang, coverage; planted: only that the simulation catches five bugs
  -R REGEX        only the test programs (and Python folders) whose name matches
  -j N            that many at once (default: the cores)
  --list          print the names of the test programs and stop
TXT
}

# Folders of Python tests that need nothing but the test packages. Run with preset dev only: no preset changes them.
python_test_folders='tools/tests tests/deploy tests/differential bench/yardstick'

verb_test() {
  local preset=dev filter='' jobs list=''
  jobs=$(cores)
  while [ $# -gt 0 ]; do
    case $1 in
      -h|--help) test_usage; return ;;
      --preset) want_value "$1" test $#; preset=$2; shift ;;
      -R) want_value "$1" test $#; filter=$2; shift ;;
      -j) want_value "$1" test $#; is_number "$2" || bad_usage "-j needs a number, not '$2'" test; jobs=$2; shift ;;
      --list) list=1 ;;
      *) bad_usage "no option '$1'" test ;;
    esac
    shift
  done
  case $preset in
    dev|asan|tsan|clang|planted|coverage) ;;
    *) bad_usage "preset '$preset' has no tests" test ;;
  esac
  . tools/dev/build.sh
  # shellcheck disable=SC2046  # names without blanks
  need_packages build $(preset_groups "$preset")
  local -a targets=()
  if [ "$preset" = planted ]; then
    targets=(simulation_planted_test)
    filter='^simulation_planted_test$'
  fi
  build_preset "$preset" "${targets[@]}"
  if [ -n "$list" ]; then ctest --test-dir "build/$preset" -N; return; fi

  local results=build/$preset/test-results rc=0
  rm -rf "$results"
  mkdir -p "$results"
  step "Test $preset"
  run_ctest "$preset" "$filter" "$jobs" "$results" || rc=1
  if [ "$preset" = dev ]; then run_python_tests "$filter" "$results" || rc=1; fi
  step 'Result'
  python3 tools/count_tests.py "$results" || rc=1
  return "$rc"
}

run_ctest() {
  local preset=$1 filter=$2 jobs=$3 results=$4
  local -a prefix=()
  # Not detect_stack_use_after_return: g++ 12 puts objects of 64-byte alignment on its fake stack without aligning them.
  export ASAN_OPTIONS=${ASAN_OPTIONS:-check_initialization_order=1:strict_init_order=1}
  export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
  export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
  # The thread sanitizer of g++ 12 does not start under the widest address randomization of newer kernels.
  if [ "$preset" = tsan ] && setarch "$(uname -m)" -R true 2>/dev/null; then prefix=(setarch "$(uname -m)" -R); fi
  # The sizes keep whole outputs in the results: the cases are counted from them.
  "${prefix[@]}" ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure ${filter:+-R "$filter"} \
    --test-output-size-passed 50000000 --test-output-size-failed 50000000 --output-junit "$ROOT/$results/ctest.xml"
}

run_python_tests() {
  local filter=$1 results=$2 folder log rc=0
  for folder in $python_test_folders; do
    [ -d "$folder" ] || continue
    if [ -n "$filter" ] && ! [[ $folder =~ $filter ]]; then continue; fi
    log=$results/${folder//\//_}.python.log
    if python3 -m unittest discover -s "$folder" >"$log" 2>&1; then
      say "passed: $folder ($(grep -E '^Ran [0-9]+ test' "$log"))"
    else
      rc=1
      cat "$log"
      say "FAILED: $folder"
    fi
  done
  return "$rc"
}
