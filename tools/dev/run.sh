# shellcheck shell=bash
run_usage() {
  cat <<'TXT'
Usage: ./dev run [--port N] [--once]

Builds the release programs and starts a stand-in for a Kubernetes cluster (sandgate-devcluster), which runs each sandbox
as a process on a loopback address of its own, with a private directory, never as root. In front of it: the router and
the path proxy, which find the sandboxes by watching the stand-in as they would a cluster. Claims two sandboxes, runs
commands in them by header and by path, moves a file, shows a WebSocket and a suspended sandbox, prints lines to try, and
stays until Ctrl-C.

A sandbox here is a plain process without isolation: this is a demonstration, not a place for code you do not trust.

  --port N    the router's port on 127.0.0.1 (default 8080); health on N+1, the path proxy on N+10, the cluster's API on
              N+20, metrics on N+1010 (router) and N+1020 (proxy)
  --once      stop after the demonstration; exit status 0 only if all of it worked
TXT
}

verb_run() {
  local once=''
  run_port=8080
  while [ $# -gt 0 ]; do
    case $1 in
      -h|--help) run_usage; return ;;
      --once) once=1 ;;
      --port)
        want_value "$1" run $#
        if ! is_number "$2" || [ "$2" -lt 1024 ] || [ "$2" -gt 64000 ]; then
          bad_usage "$1 takes a port from 1024 to 64000, not '$2'" run
        fi
        run_port=$2
        shift ;;
      *) bad_usage "no option '$1'" run ;;
    esac
    shift
  done
  run_health_port=$((run_port + 1))
  run_proxy_port=$((run_port + 10))
  run_api_port=$((run_port + 20))
  run_metrics_port=$((run_port + 1010))
  run_proxy_metrics_port=$((run_port + 1020))
  run_logs=$ROOT/build/run-$run_port

  run_check_ports
  need_packages build run
  local began=$SECONDS
  build_preset release sandgate sandgate-runtime sandgate-devcluster
  say "built in $((SECONDS - began)) s"
  run_check_ports

  run_started=()
  run_names=()
  run_dir=''
  run_token=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
  trap run_stop EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  run_start
  . tools/dev/run_demo.sh
  run_show
  if [ -n "$once" ]; then run_end 0; fi
  run_lines_to_try
  trap 'run_end 0' INT TERM
  run_wait
}

run_end() { run_status=$1; exit "$1"; }

# A port counts as taken when somebody answers on it.
port_taken() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

run_check_ports() {
  local port pid
  for port in "$run_port" "$run_health_port" "$run_proxy_port" "$run_api_port" "$run_metrics_port" \
    "$run_proxy_metrics_port"; do
    port_taken 127.0.0.1 "$port" || continue
    pid=$(cat "$run_logs/pid" 2>/dev/null || true)
    if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then
      fail "a './dev run' (process $pid) already has port $port. Stop it with Ctrl-C there, or start a second one" \
        "beside it: ./dev run --port $((run_port + 100))"
    fi
    fail "port $port on 127.0.0.1 is taken$(who_has "$port"). Stop that program, or choose another port:" \
      "./dev run --port $((run_port + 100))"
  done
}

who_has() {
  local line
  line=$(ss -Hltnp "sport = :$1" 2>/dev/null | sed -n 's/.*users:((\(.*\)))$/\1/p' | head -n 1) || true
  if [ -n "$line" ]; then printf ' by %s' "$line"; fi
}

# run_child NAME UID COMMAND...: starts it in a session of its own, so that Ctrl-C reaches only this script, which then
# stops everything in order; and with the kernel's word that it ends when this script dies. As root: as user UID (or as
# root still when UID is empty: the cluster's node gives each Pod's process a user of its own).
run_child() {
  local name=$1 uid=$2
  local -a as=(setsid setpriv --no-new-privs --pdeathsig TERM)
  shift 2
  if [ "$(id -u)" -eq 0 ] && [ -n "$uid" ]; then as+=(--reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all); fi
  "${as[@]}" "$@" >"$run_logs/$name.log" 2>&1 </dev/null &
  run_started+=($!)
  run_names+=("$name")
}

# wait_for NAME PID URL: until URL answers 200; stops with the program's last words when it ended or took too long.
curl_here() { curl -sS --noproxy '*' "$@"; }
wait_for() {
  local name=$1 pid=$2 url=$3 tries
  for ((tries = 0; tries < 200; tries++)); do
    if curl_here -f -m 2 -o /dev/null "$url" 2>/dev/null; then return; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  warn "$name did not get ready ($url). Its last words, from $run_logs/$name.log:"
  tail -n 20 "$run_logs/$name.log" >&2
  exit 1
}

run_start() {
  local bin=$ROOT/build/release/bin
  mkdir -p "$run_logs"
  echo $$ >"$run_logs/pid"
  run_dir=$(mktemp -d "${TMPDIR:-/tmp}/sandgate-run.XXXXXX")
  chmod 711 "$run_dir"
  if [ "$(id -u)" -eq 0 ]; then
    # Whoever the programs run as may not be allowed into this checkout.
    mkdir "$run_dir/bin"
    cp "$bin/sandgate" "$bin/sandgate-runtime" "$bin/sandgate-devcluster" "$run_dir/bin/"
    bin=$run_dir/bin
  fi
  run_kubeconfig=$run_dir/kubeconfig
  mkdir -m 711 "$run_dir/pods"

  step 'Start a stand-in for a cluster, the router and the path proxy'
  run_child cluster '' "$bin/sandgate-devcluster" --listen "127.0.0.1:$run_api_port" \
    --kubeconfig-out "$run_kubeconfig" --pod-dir "$run_dir/pods"
  run_api=http://127.0.0.1:$run_api_port
  wait_for cluster "$!" "$run_api/readyz"
  say "cluster    $run_api   process $!"
  # Not everybody may read the kubeconfig of root.
  cp "$run_kubeconfig" "$run_dir/kubeconfig-gateways"
  chmod 644 "$run_dir/kubeconfig-gateways"

  ROUTER_AUTH_TOKEN=$run_token run_child router 65532 "$bin/sandgate" router --cache-enabled --strict-resolution \
    --kubeconfig "$run_dir/kubeconfig-gateways" --http-bind-address "127.0.0.1:$run_port" \
    --health-probe-bind-address "127.0.0.1:$run_health_port" \
    --metrics-bind-address "127.0.0.1:$run_metrics_port" --allow-loopback-pod-ip
  wait_for router "$!" "http://127.0.0.1:$run_health_port/readyz"
  run_url=http://127.0.0.1:$run_port
  say "router     $run_url   process $!, health on $run_health_port, metrics on $run_metrics_port"
  run_child proxy 65532 "$bin/sandgate" proxy --kubeconfig "$run_dir/kubeconfig-gateways" \
    --http-bind-address "127.0.0.1:$run_proxy_port" --health-probe-bind-address= \
    --metrics-bind-address "127.0.0.1:$run_proxy_metrics_port" --allow-loopback-pod-ip
  run_proxy=http://127.0.0.1:$run_proxy_port
  wait_for proxy "$!" "$run_proxy/readyz"
  say "path proxy $run_proxy   process $!, metrics on $run_proxy_metrics_port"
}

# Until Ctrl-C; a program that ends before is an error.
run_wait() {
  local i
  wait -n "${run_started[@]}" || true
  for i in "${!run_started[@]}"; do
    kill -0 "${run_started[$i]}" 2>/dev/null ||
      warn "${run_names[$i]} ended by itself; see $run_logs/${run_names[$i]}.log"
  done
  run_end 1
}

# Stops what was started, the gateways first so that nothing new reaches the sandboxes, and removes the directories.
run_stop() {
  local status=${run_status:-$?} i
  trap '' INT TERM HUP
  trap - EXIT
  step 'Stop'
  for ((i = ${#run_started[@]} - 1; i >= 0; i--)); do
    stop_child "${run_names[$i]}" "${run_started[$i]}" || status=1
  done
  [ -z "$run_dir" ] || rm -rf "$run_dir"
  rm -f "$run_logs/pid"
  if [ "$status" -eq 0 ]; then say 'all stopped, the directories are removed'; fi
  exit "$status"
}

stop_child() {
  local name=$1 pid=$2 tries code=0
  kill -TERM "$pid" 2>/dev/null || return 0
  for ((tries = 0; tries < 200; tries++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  if kill -0 "$pid" 2>/dev/null; then
    warn "$name did not stop within 10 s; killing it"
    kill -KILL "$pid" 2>/dev/null || true
  fi
  wait "$pid" 2>/dev/null || code=$?
  if [ "$code" -ne 0 ]; then warn "$name ended with status $code; see $run_logs/$name.log"; return 1; fi
  say "stopped $name"
}
