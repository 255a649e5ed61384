#!/usr/bin/env bash
# Runs every benchmark that has a run.sh of its own, one after the other; flags
# (-quick) are passed on. See README.md.
set -euo pipefail
cd "$(dirname "$0")"
for bench in */run.sh; do
  echo "== bench/$bench" >&2
  "./$bench" "$@"
done
