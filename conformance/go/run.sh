#!/usr/bin/env bash
# The Go runner: see conformance/run.sh.
set -euo pipefail
cd "$(dirname "$0")"
exec go test -count 1 -timeout 5m ./...
