#!/usr/bin/env bash
# Follows the README as a new user: `make run` with an empty home, then the
# three examples that the server prints, word for word. Go's caches are kept,
# since downloading them again would test the network only.
set -euo pipefail
cd "$(dirname "$0")/.."

export GOMODCACHE GOCACHE
GOMODCACHE=$(go env GOMODCACHE)
GOCACHE=$(go env GOCACHE)
venv="$PWD/.cache/venv"
if [ ! -x "$venv/bin/aws" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q -r conformance/python/requirements.txt
fi

home=$(mktemp -d)
log="$home/log"
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
make_pid=""
stop() {
  if [ -n "$make_pid" ]; then
    pkill -TERM -P "$make_pid" 2>/dev/null || true
    wait "$make_pid" 2>/dev/null || true
  fi
  rm -rf "$home"
}
trap stop EXIT

unset CRATON_API_KEY CRATON_ACCESS_KEY_ID CRATON_SECRET_ACCESS_KEY CRATON_DATA CRATON_CONFIG
HOME="$home" XDG_DATA_HOME="" CRATON_LISTEN="127.0.0.1:$port" make run >"$log" 2>&1 &
make_pid=$!

for _ in $(seq 600); do
  grep -q 'Try it:' "$log" && break
  kill -0 "$make_pid" 2>/dev/null || { echo "make run ended:"; cat "$log"; exit 1; }
  sleep 0.5
done
grep -q 'Try it:' "$log" || { echo "make run was not ready in time:"; cat "$log"; exit 1; }

# The examples stand between "Try it:" and the end, separated by blank lines.
examples="$home/examples"
sed -n '/^Try it:/,$p' "$log" | sed '1d' | grep -v '^{' >"$examples"
export PATH="$venv/bin:$PATH"
start=$(date +%s)
for n in 1 2 3; do
  example=$(awk -v n="$n" 'BEGIN { RS = "" } NR == n' "$examples" | sed 's/^  //')
  name=$(sed 's/ .*//;q' <<<"$example")
  answer=$(HOME="$home" bash -c "$example")
  if [ "$n" = 1 ]; then
    echo "first answer after $(($(date +%s) - start)) s"
  fi
  # The model is small: what it says is its own affair, that it says something is ours.
  case $n in
    1) python3 -c 'import json,sys; assert json.load(sys.stdin)["choices"][0]["message"]["content"].strip()' <<<"$answer" ;;
    2) [ -n "$(tr -d '[:space:]' <<<"$answer")" ] ;;
    3) python3 -c 'import json,sys; assert json.load(sys.stdin)["output"]["message"]["content"][0]["text"].strip()' <<<"$answer" ;;
  esac
  echo "example $n ($name) answers"
done

server=$(pgrep -f "bin/craton serve" -P "$make_pid" || true)
if [ -n "$server" ]; then
  echo "server's resident memory: $(awk '/VmRSS/ {print int($2/1024)}' "/proc/$server/status") MB with the engine loaded in its child"
fi
echo "end to end: 3 passed, 0 failed"
