#!/usr/bin/env bash
# Runs the engine's tests over the real library and a real model: the binding,
# the child's server, and the provider conformance suite over the child process.
set -euo pipefail
cd "$(dirname "$0")/.."
data="$PWD/.cache/engine"
bin/craton engine install --data "$data" 2>/dev/null
CRATON_TEST_ENGINE_LIB=$(echo "$data"/engine/*)
CRATON_TEST_ENGINE_MODEL=$(ls "$data"/models/blobs/*)
CRATON_TEST_BINARY="$PWD/bin/craton"
export CRATON_TEST_ENGINE_LIB CRATON_TEST_ENGINE_MODEL CRATON_TEST_BINARY
# One package at a time: each of them would take every core.
go test -p 1 -count 1 -timeout 20m ./internal/engine/...
