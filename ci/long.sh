#!/usr/bin/env bash
# The long forms. CRATON_FUZZ_TIME (default 5m) is spent on each fuzz target,
# CRATON_CRASH_KILLS (default 10000) kills on each durable store, and
# CRATON_SIM_SEEDS (default 100000) histories are simulated.
set -euo pipefail
cd "$(dirname "$0")/.."
fuzz_time=${CRATON_FUZZ_TIME:-5m}
kills=${CRATON_CRASH_KILLS:-10000}
seeds=${CRATON_SIM_SEEDS:-100000}

echo "crash: $kills kills"
CRATON_CRASH_KILLS=$kills CRATON_REQUIRE_POSTGRES=1 go test -run Crash -count 1 -timeout 12h ./internal/store/... ./internal/driver/crash

echo "simulation: $seeds histories"
GOGC=600 CRATON_SIM_SEEDS=$seeds go test ./internal/sim -run Simulation -count 1 -timeout 12h

grep -rl --include='*_test.go' '^func Fuzz' internal | sort | while read -r file; do
  dir=$(dirname "$file")
  sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r target; do
    echo "fuzz: $dir $target for $fuzz_time"
    go test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$fuzz_time" -timeout 0
  done
done

echo "property tests with other values"
for _ in $(seq 20); do
  CRATON_RAPID_SEED=0 go test -count 1 ./internal/wire/... ./internal/model/... ./internal/session ./internal/provider/script
done

echo "race detector"
go test -race -timeout 60m ./...
