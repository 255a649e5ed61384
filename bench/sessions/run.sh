#!/usr/bin/env bash
# Measures durable sessions: Craton's stores and public interfaces next to
# Restate and LangGraph's server. See bench/README.md. Starts a private
# PostgreSQL with its default, syncing settings where one is installed (but for
# the number of connections: every subject has a server of its own). Flags
# are passed on: -quick, -only, -parts, -rounds, -stored and others (-help).
# CRATON=FILE measures another build.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { echo "bench/sessions: $*" >&2; }
cache=$PWD/.cache/bench
mkdir -p "$cache"
work=$(mktemp -d "${TMPDIR:-/tmp}/craton-bench-XXXX")
as=()
started=
stop() {
  [ -z "$started" ] || "${as[@]}" "$bin/pg_ctl" -D "$work/pg/data" -m fast -w stop >/dev/null || true
  rm -rf "$work"
}
trap stop EXIT
args=(-dir "$work")

# The peers' versions are those of the lock file.
peers() {
  command -v node >/dev/null || { echo "Node is not installed"; return 1; }
  local dir=$cache/sessions
  mkdir -p "$dir"
  cp bench/sessions/peers/{*.mjs,*.json,.npmrc} "$dir/"
  if ! cmp -s "$dir/package-lock.json" "$dir/node_modules/.installed-lock"; then
    say "installing Restate and LangGraph"
    npm ci --prefix "$dir" --ignore-scripts --omit=dev --loglevel=error 2>&1 || return 1
    cp "$dir/package-lock.json" "$dir/node_modules/.installed-lock"
  fi
}
if peers >"$cache/sessions-install.log"; then
  args+=(-peers "$cache/sessions")
else
  args+=(-no-peers "they could not be installed: $(tail -n 1 "$cache/sessions-install.log")")
fi

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)
[ -n "$bin" ] || bin=$(dirname "$(readlink -f "$(command -v pg_ctl || true)")")
if [ -x "$bin/initdb" ]; then
  mkdir "$work/pg"
  chmod 755 "$work"
  # The server refuses to run as root.
  if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    chown postgres "$work/pg"
  fi
  (cd "$work/pg" && "${as[@]}" "$bin/initdb" -D data -U postgres -A trust -E UTF8 --locale=C >log-init)
  (cd "$work/pg" && "${as[@]}" "$bin/pg_ctl" -D data -w -l log -o "-k $work/pg -c listen_addresses='' -c max_connections=400" start >/dev/null)
  started=yes
  args+=(-postgres "$work/pg" -createdb "$bin/createdb")
else
  say "PostgreSQL is not installed and is left out"
fi

say "building"
craton=${CRATON:-$cache/craton}
[ -n "${CRATON:-}" ] || go build -trimpath -ldflags '-s -w' -o "$craton" ./cmd/craton
go build -trimpath -o "$cache/sessions-bench" ./bench/sessions
"$cache/sessions-bench" -craton "$craton" "${args[@]}" "$@"
