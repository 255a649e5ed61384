#!/usr/bin/env bash
# The Node runner: see conformance/run.sh.
set -euo pipefail
cd "$(dirname "$0")"
if ! cmp -s package-lock.json node_modules/.installed-lock; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.installed-lock
fi
exec node --test --test-concurrency=2 --test-reporter=dot ./*.test.js
