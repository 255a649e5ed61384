#!/usr/bin/env bash
# Measures durable steps at the stores side by side; see main.go. Starts a
# private PostgreSQL with its default, syncing settings where one is installed.
# Flags are passed on: -each, -rounds, -only, -profile.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d "${TMPDIR:-/tmp}/craton-bench-XXXX")
as=()
address=
stop() {
  [ -z "$address" ] || "${as[@]}" "$bin/pg_ctl" -D "$work/pg/data" -m fast -w stop >/dev/null || true
  rm -rf "$work"
}
trap stop EXIT

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
  (cd "$work/pg" && "${as[@]}" "$bin/pg_ctl" -D data -w -l log -o "-k $work/pg -c listen_addresses=''" start >/dev/null)
  address="host=$work/pg user=postgres dbname=postgres"
else
  echo "bench/sessions: PostgreSQL is not installed and is left out" >&2
fi
go run ./bench/sessions -dir "$work" -postgres "$address" "$@"
