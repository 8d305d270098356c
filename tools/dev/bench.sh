# shellcheck shell=bash
bench_usage() {
  cat <<'TXT'
Usage: ./dev bench [options of bench/yardstick/run.py]

Builds the release programs and measures processor time per request, requests a second, p50, p99 and memory beside
nginx, HAProxy and a bare relay in the same run. Without options: every load. docs/performance.md explains the table.

The options of the yardstick itself:
TXT
}

verb_bench() {
  case ${1:-} in
    -h|--help)
      bench_usage
      if command -v python3 >/dev/null 2>&1; then python3 bench/yardstick/run.py --help | sed 's/^/  /'; fi
      return ;;
  esac
  need_packages build bench
  build_preset release
  python3 bench/yardstick/run.py "$@"
}
