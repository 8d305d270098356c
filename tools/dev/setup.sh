# shellcheck shell=bash
setup_usage() {
  cat <<'TXT'
Usage: ./dev setup [GROUP...]

Installs the Debian 12 packages that are missing, and nothing else. Quick when nothing is missing; every other verb
calls it for what it needs. Needs root or sudo without a question; else it prints the line to type.

Groups: build run test peers clang lint bench conformance rootfs   (default: all)
  --list   print the packages of the groups, install nothing
TXT
}

verb_setup() {
  local list=''
  local -a groups=()
  . tools/dev/packages.sh
  while [ $# -gt 0 ]; do
    case $1 in
      -h|--help) setup_usage; return ;;
      --list) list=1 ;;
      -*) bad_usage "no option '$1'" setup ;;
      *)
        group_packages "$1" >/dev/null || stop_with 2 "no package group '$1'; there are: $all_groups"
        groups+=("$1") ;;
    esac
    shift
  done
  # shellcheck disable=SC2206  # names without blanks
  [ "${#groups[@]}" -gt 0 ] || groups=($all_groups)
  if [ -n "$list" ]; then
    local group
    for group in "${groups[@]}"; do printf '%-12s %s\n' "$group" "$(group_packages "$group")"; done
    return
  fi
  install_groups "${groups[@]}"
  say 'setup: nothing is missing'
}
