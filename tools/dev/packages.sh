# shellcheck shell=bash
# The Debian 12 packages, by what needs them, and how they are installed. This is the only list of them.

group_packages() {
  case $1 in
    build) echo g++ cmake ninja-build pkg-config libssl-dev libc-ares-dev libcli11-dev libyaml-cpp-dev libfmt-dev \
             nlohmann-json3-dev libexpected-dev prometheus-cpp-dev \
             libsimdjson-dev libcurl4-openssl-dev libhiredis-dev ;;
    run) echo curl ;;
    test) echo libgtest-dev libgmock-dev python3 python3-yaml git redis-server ;;
    peers) echo nginx haproxy ;;
    clang) echo clang-16 lld-16 libclang-rt-16-dev ;;
    lint) echo clang-format-16 clang-tidy-16 shellcheck python3 git ;;
    bench) echo nginx haproxy libbenchmark-dev python3 iproute2 util-linux ;;
    conformance) echo python3 python3-venv openssl redis-server zsh fish ;;
    rootfs) echo mmdebstrap ;;
    *) return 1 ;;
  esac
}
all_groups='build run test peers clang lint bench conformance rootfs'

# Programs to look for where packages cannot be looked up: another distribution.
group_programs() {
  case $1 in
    build) echo g++ cmake ninja pkg-config ;;
    run) echo curl ;;
    test) echo python3 ;;
    peers) echo nginx haproxy ;;
    clang) echo clang++-16 ;;
    lint) echo clang-format-16 shellcheck python3 ;;
    bench) echo nginx haproxy python3 ip taskset ;;
    conformance) echo python3 ;;
    rootfs) echo mmdebstrap ;;
  esac
}

is_debian_12() {
  [ -r /etc/os-release ] && (. /etc/os-release && [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ])
}

# Prints those of the named packages that are not installed.
missing_packages() {
  local have name
  have=" $(dpkg-query -W -f='${Package}=${db:Status-Status} ' "$@" 2>/dev/null || true)"
  for name in "$@"; do
    [[ $have == *" $name=installed "* ]] || printf '%s\n' "$name"
  done
}

install_groups() {
  local group
  local -a wanted=() missing=()
  for group in "$@"; do
    # shellcheck disable=SC2207  # names without blanks
    wanted+=($(group_packages "$group")) || fail "no package group '$group'; there are: $all_groups"
  done
  if ! is_debian_12; then
    check_programs "$@"
    return
  fi
  mapfile -t missing < <(missing_packages "${wanted[@]}" | sort -u)
  [ "${#missing[@]}" -gt 0 ] || return 0
  step "${#missing[@]} Debian packages are missing: ${missing[*]}"
  apt_install "${missing[@]}"
}

check_programs() {
  local group program
  local -a absent=()
  for group in "$@"; do
    for program in $(group_programs "$group"); do
      command -v "$program" >/dev/null 2>&1 || PATH=$PATH:/usr/sbin command -v "$program" >/dev/null 2>&1 ||
        absent+=("$program")
    done
  done
  if [ "${#absent[@]}" -gt 0 ]; then
    fail "this is not Debian 12, so nothing is installed for you, and these programs are missing: ${absent[*]}"
  fi
  [ -n "${DEV_SAID_OTHER_SYSTEM:-}" ] || warn 'this is not Debian 12: using the tools that are here, at your own risk'
  export DEV_SAID_OTHER_SYSTEM=1
}

apt_install() {
  local line="apt-get install -y --no-install-recommends $*"
  local -a as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      warn 'installing packages needs root. Type this line, then start again:'
      if command -v sudo >/dev/null 2>&1; then
        printf "  sudo sh -c 'apt-get update && %s'\n" "$line"
      else
        printf "  su -c 'apt-get update && %s'\n" "$line"
      fi
      exit 1
    fi
  fi
  mkdir -p build
  local log=build/setup.log rc=0
  : >"$log"
  local -a apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y -o DPkg::Lock::Timeout=120)
  say 'reading the package lists ...'
  "${apt[@]}" update >>"$log" 2>&1 || warn "apt-get update complained (see $log); going on with the lists there are"
  keep_daemons_stopped "${as_root[@]}"
  "${apt[@]}" --no-install-recommends install "$@" 2>&1 | tee -a "$log" | apt_progress || rc=$?
  let_daemons_start "${as_root[@]}"
  if [ "$rc" -ne 0 ]; then
    warn "apt-get failed. What it said (all of it: $log):"
    grep -E '^(E|W|Err):|^E ' "$log" | tail -n 15 >&2 || tail -n 15 "$log" >&2
    warn "is there a network, and are Debian 12's main packages among the sources? The line to try by hand:"
    warn "  $line"
    exit 1
  fi
  disable_new_daemons "$@"
}

# Turns apt's output into one short line for each package.
apt_progress() {
  local line total='?' got=0 set=0
  while IFS= read -r line; do
    case $line in
      *' newly installed, '*) total=${line#*, }; total=${total%% *} ;;
      Get:*) got=$((got + 1)); [ $((got % 20)) -ne 0 ] || say "[$got/$total] downloaded" ;;
      'Setting up '*) set=$((set + 1)); line=${line#Setting up }; say "[$set/$total] set up ${line%% *}" ;;
    esac
  done
}

# nginx, HAProxy and Redis serve in tests, run by hand on ports of their own. Debian starts what it installs, so say
# "do not start" while we install, and do not let systemd start them at the next boot either.
policy_file=/usr/sbin/policy-rc.d
made_policy=''
keep_daemons_stopped() {
  daemon_root=("$@")
  [ ! -e "$policy_file" ] || return 0
  printf '#!/bin/sh\nexit 101\n' | "$@" tee "$policy_file" >/dev/null
  "$@" chmod 755 "$policy_file"
  made_policy=1
  trap 'let_daemons_start "${daemon_root[@]}"' EXIT
}
let_daemons_start() {
  [ -n "$made_policy" ] || return 0
  "$@" rm -f "$policy_file"
  made_policy=''
}
disable_new_daemons() {
  local name
  [ -d /run/systemd/system ] || return 0
  for name in "$@"; do
    case $name in
      nginx|haproxy|redis-server)
        "${daemon_root[@]}" systemctl --quiet disable "$name" || warn "could not disable the service $name" ;;
    esac
  done
}
daemon_root=()
