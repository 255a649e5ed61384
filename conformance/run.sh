#!/usr/bin/env bash
# Drives bin/craton with the official SDKs and checks that docs/COMPATIBILITY.md
# is what the run gives (CRATON_UPDATE_GOLDEN=1 renews it).
#
#   conformance/run.sh            every runner
#   conformance/run.sh python     only that one; the table is not checked
#
# A runner is conformance/NAME/run.sh: it installs its clients, runs its tests
# against the servers its environment names (see conformance/stage) or its own,
# and writes its outcomes to NAME*.jsonl in the directory
# $CRATON_CONFORMANCE_OUT (see conformance/table).
set -euo pipefail
cd "$(dirname "$0")/.."

export HOME=${HOME:-$PWD/.cache/home}
all=(python node go)
runners=("${@:-${all[@]}}")
out=$PWD/.cache/conformance
export CRATON_CONFORMANCE_OUT=$out
mkdir -p "$HOME" "$out" .cache/bin
[ -x bin/craton ] || { echo "bin/craton is missing: run make build" >&2; exit 1; }
go build -o .cache/bin/conformance-stage ./conformance/stage
go build -o .cache/bin/conformance-table ./conformance/table

failed=0
for name in "${runners[@]}"; do
  [ "$#" -gt 0 ] || [ -x "conformance/$name/run.sh" ] || { echo "no runner $name" >&2; failed=1; continue; }
  start=$SECONDS
  rm -f "$out/$name"*.jsonl
  .cache/bin/conformance-stage -- "./conformance/$name/run.sh" || failed=1
  echo "--- $name took $((SECONDS - start)) s"
done
[ "$#" -eq 0 ] || exit "$failed"

.cache/bin/conformance-table "$out"/*.jsonl >"$out/COMPATIBILITY.md" || failed=1
if [ "${CRATON_UPDATE_GOLDEN:-}" = 1 ]; then
  cp "$out/COMPATIBILITY.md" docs/COMPATIBILITY.md
elif ! diff -u docs/COMPATIBILITY.md "$out/COMPATIBILITY.md"; then
  echo "docs/COMPATIBILITY.md is not what this run gives; CRATON_UPDATE_GOLDEN=1 make conformance renews it" >&2
  failed=1
fi
exit "$failed"
