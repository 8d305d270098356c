# shellcheck shell=bash
build_usage() {
  cat <<'TXT'
Usage: ./dev build [PRESET] [--target NAME]...

Builds a preset of CMakePresets.json (default: release) into build/PRESET; the programs are in build/PRESET/bin.
Configures only when needed. Uses ccache when it is there.

Presets: release dev asan tsan clang planted fuzz coverage microbench
TXT
}

# The package groups that preset $1 needs besides "build".
preset_groups() {
  case $1 in
    release) ;;
    fuzz) echo clang ;;
    clang) echo test clang ;;
    microbench) echo bench ;;
    *) echo test ;;
  esac
}

verb_build() {
  local preset=''
  local -a targets=()
  while [ $# -gt 0 ]; do
    case $1 in
      -h|--help) build_usage; return ;;
      --target) want_value "$1" build $#; targets+=("$2"); shift ;;
      -*) bad_usage "no option '$1'" build ;;
      *) [ -z "$preset" ] || bad_usage "one preset only, not also '$1'" build; preset=$1 ;;
    esac
    shift
  done
  preset=${preset:-release}
  grep -q "\"name\": \"$preset\"" CMakePresets.json || bad_usage "no preset '$preset'" build
  # shellcheck disable=SC2046  # names without blanks
  need_packages build $(preset_groups "$preset")
  build_preset "$preset" "${targets[@]}"
  say "built: $(find "build/$preset/bin" -maxdepth 1 -type f -executable 2>/dev/null | sort | tr '\n' ' ')"
}
