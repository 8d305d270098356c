# shellcheck shell=bash
run_usage() {
  cat <<'TXT'
Usage: ./dev run [--port N] [--sandbox-port N] [--once]

Builds the release programs, starts two sandboxes (sandgate-runtime, each on a loopback address of its own, with a
private directory, never as root) and the router in front of them. Runs a command and a file round trip through the
router, shows a WebSocket, prints lines to try, and stays until Ctrl-C.

A sandbox here is a plain process without isolation: this is a demonstration, not a place for code you do not trust.

  --port N          the router's port on 127.0.0.1 (default 8080; health on N+1, metrics on N+1010)
  --sandbox-port N  the sandboxes' port on 127.0.x.1 and 127.0.x.2 (default 8888)
  --once            stop after the demonstration; exit status 0 only if all of it worked
TXT
}

verb_run() {
  local once=''
  run_port=8080
  run_box_port=8888
  while [ $# -gt 0 ]; do
    case $1 in
      -h|--help) run_usage; return ;;
      --once) once=1 ;;
      --port|--sandbox-port)
        want_value "$1" run $#
        if ! is_number "$2" || [ "$2" -lt 1024 ] || [ "$2" -gt 64000 ]; then
          bad_usage "$1 takes a port from 1024 to 64000, not '$2'" run
        fi
        if [ "$1" = --port ]; then run_port=$2; else run_box_port=$2; fi
        shift ;;
      *) bad_usage "no option '$1'" run ;;
    esac
    shift
  done
  run_health_port=$((run_port + 1))
  run_metrics_port=$((run_port + 1010))
  run_logs=$ROOT/build/run-$run_port

  run_check_ports
  need_packages build run
  local began=$SECONDS
  build_preset release
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
  for port in "$run_port" "$run_health_port" "$run_metrics_port"; do
    port_taken 127.0.0.1 "$port" || continue
    pid=$(cat "$run_logs/pid" 2>/dev/null || true)
    if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then
      fail "a './dev run' (process $pid) already has port $port. Stop it with Ctrl-C there, or start a second one" \
        "beside it: ./dev run --port $((run_port + 10))"
    fi
    fail "port $port on 127.0.0.1 is taken$(who_has "$port"). Stop that program, or choose another port:" \
      "./dev run --port $((run_port + 10))"
  done
  # Another ./dev run may have the first pair of sandbox addresses: take the next.
  for run_net in 127.0.1 127.0.2 127.0.3 127.0.4; do
    if ! port_taken "$run_net.1" "$run_box_port" && ! port_taken "$run_net.2" "$run_box_port" &&
       ! port_taken "$run_net.1" "$((run_box_port + 1))"; then return; fi
  done
  fail "port $run_box_port or $((run_box_port + 1)) is taken on every sandbox address$(who_has "$run_box_port")." \
    "Stop that program, or choose another port: ./dev run --sandbox-port $((run_box_port + 10))"
}

who_has() {
  local line
  line=$(ss -Hltnp "sport = :$1" 2>/dev/null | sed -n 's/.*users:((\(.*\)))$/\1/p' | head -n 1) || true
  if [ -n "$line" ]; then printf ' by %s' "$line"; fi
}

# run_child NAME UID COMMAND...: starts it in a session of its own, so that Ctrl-C reaches only this script, which then
# stops everything in order; and with the kernel's word that it ends when this script dies. As root: as user UID.
run_child() {
  local name=$1 uid=$2
  local -a as=(setsid setpriv --no-new-privs --pdeathsig TERM)
  shift 2
  if [ "$(id -u)" -eq 0 ]; then as+=(--reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all); fi
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
  local bin=$ROOT/build/release/bin box
  mkdir -p "$run_logs"
  echo $$ >"$run_logs/pid"
  run_dir=$(mktemp -d "${TMPDIR:-/tmp}/sandgate-run.XXXXXX")
  chmod 711 "$run_dir"
  if [ "$(id -u)" -eq 0 ]; then
    # Whoever the programs run as may not be allowed into this checkout.
    mkdir "$run_dir/bin"
    cp "$bin/sandgate" "$bin/sandgate-runtime" "$run_dir/bin/"
    bin=$run_dir/bin
  fi
  printf '%s\n' "default/one $run_net.1:$run_box_port" "default/two $run_net.2:$run_box_port" \
    "default/one-echo $run_net.1:$((run_box_port + 1))" >"$run_dir/sandboxes"
  chmod 644 "$run_dir/sandboxes"

  step 'Start two sandboxes and the router'
  local -a boxes=(one two)
  for box in 0 1; do
    local name=${boxes[$box]} address=$run_net.$((box + 1)):$run_box_port uid=$((65534 - box))
    mkdir -m 700 "$run_dir/$name"
    [ "$(id -u)" -ne 0 ] || chown "$uid:$uid" "$run_dir/$name"
    run_child "sandbox-$name" "$uid" "$bin/sandgate-runtime" --bind-address "$address" --base-dir "$run_dir/$name"
    wait_for "sandbox-$name" "$!" "http://$address/"
    say "sandbox $name   http://$address   process $!, directory $run_dir/$name"
  done
  ROUTER_AUTH_TOKEN=$run_token run_child router 65532 "$bin/sandgate" router \
    --http-bind-address "127.0.0.1:$run_port" --health-probe-bind-address "127.0.0.1:$run_health_port" \
    --metrics-bind-address "127.0.0.1:$run_metrics_port" --static-sandboxes "$run_dir/sandboxes" \
    --allow-loopback-pod-ip
  wait_for router "$!" "http://127.0.0.1:$run_health_port/readyz"
  run_url=http://127.0.0.1:$run_port
  say "router        $run_url       process $!, health on $run_health_port, metrics on $run_metrics_port"
}

# Calls the router: SANDBOX PATH [curl options].
through() {
  local box=$1 path=$2
  shift 2
  curl_here -m 30 --fail-with-body -H "Authorization: Bearer $run_token" -H "X-Sandbox-ID: $box" "$@" "$run_url$path"
}

# through, or the end of the run with a message.
must() {
  local answer
  printf -- '-> sandbox %s %s\n' "$1" "$2" >&2
  answer=$(through "$@") || fail "the router answered $2 for sandbox $1 with an error: $answer (logs: $run_logs)"
  printf '%s\n' "$answer"
}

execute() { must "$1" /execute -H 'Content-Type: application/json' -d "{\"command\": \"$2\"}"; }
stdout_of() { sed -n 's/.*"stdout": *"\(\([^"\\]\|\\.\)*\)".*/\1/p' | sed 's/\\n$//'; }

run_show() {
  local answer
  step "Run 'uname -a' in sandbox one"
  answer=$(execute one 'uname -a')
  say "$answer"
  [[ $(stdout_of <<<"$answer") == "$(uname -s)"* ]] || fail 'that is not what uname says'

  step 'Send a file into sandbox two and fetch it back'
  head -c 300000 /dev/urandom >"$run_dir/sent"
  must two /upload -F "file=@$run_dir/sent;filename=data/sent file.bin"
  must two /download/data%2Fsent%20file.bin -o "$run_dir/fetched"
  cmp "$run_dir/sent" "$run_dir/fetched" || fail 'the file came back changed'
  must two /list/data
  say 'the 300,000 bytes that came back are the ones that were sent'

  step 'Talk to a WebSocket server inside sandbox one'
  must one /upload -F "file=@demo/ws_echo.pl"
  answer=$(execute one "perl ws_echo.pl $run_net.1 $((run_box_port + 1))")
  run_echo_pid=$(stdout_of <<<"$answer")
  is_number "${run_echo_pid:-none}" || fail "the echo server did not start: $answer"
  answer=$(echo_once 'hello sandbox')
  say "sent 'hello sandbox', got '$answer'"
  [ "$answer" = 'hello sandbox' ] || fail 'the echo is not what was sent'
}

# Sends text $1 (up to 125 bytes) in one frame and prints the answer's text. The mask is zero: legal, and readable here.
echo_once() {
  local text=$1 line status='' fd
  exec {fd}<>"/dev/tcp/127.0.0.1/$run_port"
  printf '%s\r\n' 'GET / HTTP/1.1' "Host: 127.0.0.1:$run_port" "Authorization: Bearer $run_token" \
    'X-Sandbox-ID: one-echo' 'Connection: Upgrade' 'Upgrade: websocket' 'Sec-WebSocket-Version: 13' \
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' '' >&"$fd"
  while IFS= read -rt 10 line <&"$fd"; do
    line=${line%$'\r'}
    [ -n "$status" ] || status=$line
    [ -n "$line" ] || break
  done
  if [[ $status != *' 101 '* ]]; then printf '%s' "${status:-no answer}"; return; fi
  printf "\\x81\\x$(printf '%02x' $((128 + ${#text})))\\0\\0\\0\\0%s" "$text" >&"$fd"
  timeout 10 head -c "$((2 + ${#text}))" <&"$fd" | tail -c +3
  printf '\x88\x82\0\0\0\0\x03\xe8' >&"$fd"
  exec {fd}>&-
}

run_lines_to_try() {
  local auth="-H 'Authorization: Bearer $run_token'"
  cat <<TXT

== Try it yourself, from another terminal (names in X-Sandbox-ID: one, two)
A command:
  curl $auth -H 'X-Sandbox-ID: one' -H 'Content-Type: application/json' -d '{"command": "ls -l"}' $run_url/execute
Send a file, see it, fetch it:
  curl $auth -H 'X-Sandbox-ID: two' -F 'file=@README.md' $run_url/upload
  curl $auth -H 'X-Sandbox-ID: two' $run_url/list/
  curl $auth -H 'X-Sandbox-ID: two' $run_url/download/README.md
A WebSocket: the answer is 101, and after it comes the frame that holds "hello" (curl sends it a second later):
  (sleep 1; printf '\\201\\205\\0\\0\\0\\0hello'; sleep 1) |
    curl -isN -m 3 -T . -X GET -H Expect: -H Transfer-Encoding: -H 'Connection: Upgrade' -H 'Upgrade: websocket' \\
    -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' \\
    $auth -H 'X-Sandbox-ID: one-echo' $run_url/
What the router counts:
  curl http://127.0.0.1:$run_metrics_port/metrics

Logs: $run_logs/
Ready. Ctrl-C stops everything.
TXT
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

# Stops what was started, the router first so that nothing new reaches the sandboxes, and removes the directories.
run_stop() {
  local status=${run_status:-$?} i
  trap '' INT TERM HUP
  trap - EXIT
  step 'Stop'
  for ((i = ${#run_started[@]} - 1; i >= 0; i--)); do
    stop_child "${run_names[$i]}" "${run_started[$i]}" || status=1
    [ "${run_names[$i]}" != router ] || [ -z "${run_echo_pid:-}" ] || kill "$run_echo_pid" 2>/dev/null || true
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
