# shellcheck shell=bash
# What every verb of ./dev uses: messages, the packages and the build. Sourced with ROOT set and as working directory.

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
warn() { printf 'dev: %s\n' "$*" >&2; }
stop_with() { local code=$1; shift; warn "$*"; exit "$code"; }
fail() { stop_with 1 "$*"; }
bad_usage() { stop_with 2 "$1; ./dev $2 --help lists what there is"; }
# Stops unless option $1 of verb $2 has a value; $3 is how many words are left, the option included.
want_value() { [ "$3" -ge 2 ] || bad_usage "$1 needs a value" "$2"; }
is_number() { [[ $1 =~ ^[0-9]{1,9}$ ]]; }

cores() { nproc 2>/dev/null || echo 2; }

# need_packages GROUP...: installs what is missing of these groups (tools/dev/packages.sh), quickly when nothing is.
need_packages() {
  . tools/dev/packages.sh
  install_groups "$@"
}

# build_preset PRESET [TARGET...]: configures when needed, then builds. Programs end up in build/PRESET/bin.
build_preset() {
  local preset=$1 dir=build/$1 launcher=()
  shift
  if command -v ccache >/dev/null 2>&1; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  # Ninja runs cmake itself when a CMakeLists.txt changed, but knows nothing of the presets file.
  if [ ! -f "$dir/build.ninja" ] || [ CMakePresets.json -nt "$dir/build.ninja" ]; then
    step "Configure $dir"
    cmake --preset "$preset" "${launcher[@]}" || fail "cmake could not configure preset '$preset'; the message is above"
  fi
  step "Build $dir"
  NINJA_STATUS='[%p %f/%t, %es] ' cmake --build "$dir" -j "$(cores)" ${1:+--target "$@"} ||
    fail "the build of preset '$preset' failed; the message is above"
}
