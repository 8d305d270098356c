# shellcheck shell=bash
fuzz_usage() {
  cat <<'TXT'
Usage: ./dev fuzz [NAME...] [options]

Builds preset fuzz (clang, address and undefined-behaviour sanitizers) and runs the harnesses, all of them when none is
named, starting from fuzz/corpus/NAME/. An input that fails is left in build/fuzz/faults/.

  --seconds N   how long each harness runs (default 60)
  --keep        add the inputs that reach new code to fuzz/corpus/NAME/
  -j N          that many harnesses at once (default: the cores)
  --list        print the names of the harnesses and stop
TXT
}

# Prints the names: a harness is a file fuzz/NAME.cc with libFuzzer's entry point.
fuzz_harnesses() {
  grep -l 'LLVMFuzzerTestOneInput' fuzz/*.cc 2>/dev/null | xargs -r -n 1 basename -s .cc
}

# Prints the program of harness NAME, wherever the build put it.
fuzz_program() {
  local program
  for program in build/fuzz/{bin,fuzz}/{"fuzz_$1","$1_fuzz","$1"}; do
    if [ -f "$program" ]; then printf '%s\n' "$program"; return; fi
  done
  return 1
}

verb_fuzz() {
  local seconds=60 keep='' jobs list='' name failed=0 passed=0
  local -a wanted=()
  local -A programs=()
  jobs=$(cores)
  while [ $# -gt 0 ]; do
    case $1 in
      -h|--help) fuzz_usage; return ;;
      --seconds) want_value "$1" fuzz $#; is_number "$2" || bad_usage "--seconds needs a number, not '$2'" fuzz
        seconds=$2; shift ;;
      -j) want_value "$1" fuzz $#; is_number "$2" || bad_usage "-j needs a number, not '$2'" fuzz; jobs=$2; shift ;;
      --keep) keep=1 ;;
      --list) list=1 ;;
      -*) bad_usage "no option '$1'" fuzz ;;
      *) wanted+=("$1") ;;
    esac
    shift
  done
  if [ -n "$list" ]; then fuzz_harnesses; return; fi
  [ "${#wanted[@]}" -gt 0 ] || mapfile -t wanted < <(fuzz_harnesses)
  [ "${#wanted[@]}" -gt 0 ] || fail 'there is no harness fuzz/NAME.cc'
  for name in "${wanted[@]}"; do
    [[ $'\n'$(fuzz_harnesses)$'\n' == *$'\n'"$name"$'\n'* ]] || bad_usage "no harness '$name'" fuzz
  done
  need_packages build clang
  build_preset fuzz "${wanted[@]/#/fuzz_}"  # the harnesses and what they link, not the whole tree
  for name in "${wanted[@]}"; do
    programs[$name]=$(fuzz_program "$name") || fail "preset fuzz built no program for fuzz/$name.cc"
  done

  step "Fuzz ${wanted[*]}: $seconds s each, $jobs at once"
  local -A pids=()
  local running=0
  for name in "${wanted[@]}"; do
    if [ "$running" -ge "$jobs" ]; then wait -n || true; running=$((running - 1)); fi
    fuzz_one "$name" "${programs[$name]}" "$seconds" "$keep" &
    pids[$name]=$!
    running=$((running + 1))
  done
  for name in "${wanted[@]}"; do
    if wait "${pids[$name]}"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  done
  say "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}

fuzz_one() {
  local name=$1 program=$2 seconds=$3 keep=$4 log=build/fuzz/$1.log rc=0
  local found=build/fuzz/corpus/$name seeds=fuzz/corpus/$name faults=build/fuzz/faults
  local -a options=("-max_total_time=$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1)
  options+=("-artifact_prefix=$faults/$name-")
  mkdir -p "$found" "$faults"
  [ ! -f "fuzz/$name.dict" ] || options+=("-dict=fuzz/$name.dict")
  [ -d "$seeds" ] || { say "FAILED: $name: no corpus at $seeds"; return 1; }
  "$program" "${options[@]}" "$found" "$seeds" >"$log" 2>&1 || rc=$?
  if [ "$rc" -ne 0 ]; then
    tail -n 40 "$log"
    say "FAILED: $name: the input is in $faults/, the log is $log"
    return 1
  fi
  say "passed: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s"
  [ -z "$keep" ] || "$program" -merge=1 "$seeds" "$found" >>"$log" 2>&1
}
