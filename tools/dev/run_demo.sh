# shellcheck shell=bash
# What ./dev run shows once everything is up.
# shellcheck disable=SC2154  # run_* are of run.sh

# api METHOD PATH [JSON]: asks the cluster's API.
api() {
  local type=application/json
  [ "$1" != PATCH ] || type=application/merge-patch+json
  curl_here -m 30 --fail-with-body -X "$1" "$run_api$2" ${3:+-H "Content-Type: $type" -d "$3"}
}
api_must() {
  local answer
  answer=$(api "$@") || fail "the cluster answered $1 $2 with an error: $answer (logs: $run_logs)"
  printf '%s\n' "$answer"
}
run_extensions=/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/default
run_agents=/apis/agents.x-k8s.io/v1beta1/namespaces/default

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

# claim NAME: a sandbox from the warm pool. Prints the name of the sandbox that was given.
claim() {
  local answer tries
  api_must POST "$run_extensions/sandboxclaims" "{\"apiVersion\": \"extensions.agents.x-k8s.io/v1beta1\",
    \"kind\": \"SandboxClaim\", \"metadata\": {\"name\": \"$1\"},
    \"spec\": {\"warmPoolRef\": {\"name\": \"demo-pool\"}}}" >/dev/null
  for ((tries = 0; tries < 200; tries++)); do
    answer=$(api_must GET "$run_extensions/sandboxclaims/$1")
    if [[ $answer == *'"status":"True","type":"Ready"'* ]]; then
      sed -n 's/.*"sandbox":{"name":"\([^"]*\)".*/\1/p' <<<"$answer"
      return
    fi
    sleep 0.05
  done
  fail "claim $1 did not get Ready within 10 s: $answer"
}

# A file round trip through sandbox $1.
run_show_file() {
  head -c 300000 /dev/urandom >"$run_dir/sent"
  must "$1" /upload -F "file=@$run_dir/sent;filename=data/sent file.bin"
  must "$1" /download/data%2Fsent%20file.bin -o "$run_dir/fetched"
  cmp "$run_dir/sent" "$run_dir/fetched" || fail 'the file came back changed'
  must "$1" /list/data
  say 'the 300,000 bytes that came back are the ones that were sent'
}

run_show() {
  local answer
  step 'Claim two sandboxes from a warm pool'
  api_must POST "$run_extensions/sandboxtemplates" '{"apiVersion": "extensions.agents.x-k8s.io/v1beta1",
    "kind": "SandboxTemplate", "metadata": {"name": "demo"}, "spec": {"podTemplate": {"spec": {"containers":
    [{"name": "runtime", "image": "sandgate-runtime", "ports": [{"containerPort": 8888}]}]}}}}' >/dev/null
  api_must POST "$run_extensions/sandboxwarmpools" '{"apiVersion": "extensions.agents.x-k8s.io/v1beta1",
    "kind": "SandboxWarmPool", "metadata": {"name": "demo-pool"}, "spec": {"replicas": 1,
    "sandboxTemplateRef": {"name": "demo"}}}' >/dev/null
  run_one=$(claim one)
  run_two=$(claim two)
  say "claim one is sandbox $run_one, claim two is sandbox $run_two"
  api_must PATCH "$run_agents/sandboxes/$run_two" '{"metadata": {"labels": {"user": "alice"}}}' >/dev/null

  step "By header: run 'uname -a' in $run_one through the router"
  answer=$(execute "$run_one" 'uname -a')
  say "$answer"
  [[ $(stdout_of <<<"$answer") == "$(uname -s)"* ]] || fail 'that is not what uname says'

  step "By path: run 'id -un' in $run_two through the path proxy"
  answer=$(curl_here -m 30 --fail-with-body --retry 5 --retry-all-errors --retry-delay 1 \
    "$run_proxy/alice/$run_two/execute" -H 'Content-Type: application/json' -d '{"command": "id -un"}') ||
    fail "the path proxy answered with an error: $answer (logs: $run_logs)"
  say "$answer"
  answer=$(curl_here -m 10 "$run_proxy/sandboxes")
  say "$run_proxy/sandboxes says $answer"
  [[ $answer == *"\"path\":\"alice/$run_two\""* ]] || fail "alice/$run_two is not in the list"

  step "Send a file into $run_two and fetch it back"
  run_show_file "$run_two"

  step "Talk to a WebSocket server inside $run_one, on a port of its own"
  local address
  address=$(api_must GET "$run_agents/sandboxes/$run_one" | sed -n 's/.*"podIPs":\["\([^"]*\)".*/\1/p')
  must "$run_one" /upload -F 'file=@demo/ws_echo.pl'
  answer=$(execute "$run_one" "perl ws_echo.pl $address 8889")
  is_number "$(stdout_of <<<"$answer")" || fail "the echo server did not start: $answer"
  answer=$(echo_once 'hello sandbox')
  say "sent 'hello sandbox', got '$answer'"
  [ "$answer" = 'hello sandbox' ] || fail 'the echo is not what was sent'

  step "Suspend $run_two: its process ends, its name stays"
  api_must PATCH "$run_agents/sandboxes/$run_two" '{"spec": {"operatingMode": "Suspended"}}' >/dev/null
  run_await_status "$run_two" 503
  say "the router now answers $(through "$run_two" / 2>/dev/null || true)"
  api_must PATCH "$run_agents/sandboxes/$run_two" '{"spec": {"operatingMode": "Running"}}' >/dev/null
  run_await_status "$run_two" 200
  say 'resumed: it answers again'
}

# Until the router answers for sandbox $1 with status $2, 10 s at most.
run_await_status() {
  local tries status=''
  for ((tries = 0; tries < 200; tries++)); do
    status=$(through "$1" / -o /dev/null -w '%{http_code}' 2>/dev/null || true)
    [ "$status" != "$2" ] || return 0
    sleep 0.05
  done
  fail "the router answers $status for sandbox $1, not $2 (logs: $run_logs)"
}

# Sends text $1 (up to 125 bytes) in one frame and prints the answer's text. The mask is zero: legal, and readable here.
echo_once() {
  local text=$1 line status='' fd
  exec {fd}<>"/dev/tcp/127.0.0.1/$run_port"
  printf '%s\r\n' 'GET / HTTP/1.1' "Host: 127.0.0.1:$run_port" "Authorization: Bearer $run_token" \
    "X-Sandbox-ID: $run_one" 'X-Sandbox-Port: 8889' 'Connection: Upgrade' 'Upgrade: websocket' 'Sec-WebSocket-Version: 13' \
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

== Try it yourself, from another terminal. The router's token is $run_token
By header: a command, and a file there and back:
  curl $auth -H 'X-Sandbox-ID: $run_one' -H 'Content-Type: application/json' -d '{"command": "ls -l"}' $run_url/execute
  curl $auth -H 'X-Sandbox-ID: $run_one' -F 'file=@README.md' $run_url/upload
  curl $auth -H 'X-Sandbox-ID: $run_one' $run_url/download/README.md
By path: no header, no token here (--api-keys-file asks for one):
  curl $run_proxy/sandboxes
  curl -H 'Content-Type: application/json' -d '{"command": "pwd"}' $run_proxy/alice/$run_two/execute
A WebSocket: the answer is 101, and after it comes the frame that holds "hello" (curl sends it a second later):
  (sleep 1; printf '\\201\\205\\0\\0\\0\\0hello'; sleep 1) |
    curl -isN -m 3 -T . -X GET -H Expect: -H Transfer-Encoding: -H 'Connection: Upgrade' -H 'Upgrade: websocket' \\
    -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' \\
    $auth -H 'X-Sandbox-ID: $run_one' -H 'X-Sandbox-Port: 8889' $run_url/
The cluster, where you have kubectl (without: curl $run_api$run_agents/sandboxes):
  kubectl --kubeconfig $run_kubeconfig get sandboxes,sandboxclaims,pods
What the gateways count:
  curl http://127.0.0.1:$run_metrics_port/metrics
  curl http://127.0.0.1:$run_proxy_metrics_port/metrics

Logs: $run_logs/
Ready. Ctrl-C stops everything.
TXT
}
