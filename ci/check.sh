#!/usr/bin/env bash
# What every change must pass before it is tested: format, vet, staticcheck,
# the house's rules, a tidy module, builds without cgo and for other systems.
set -euo pipefail
cd "$(dirname "$0")/.."

STATICCHECK=honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULN=golang.org/x/vuln/cmd/govulncheck@v1.9.0

echo "format"
unformatted=$(gofmt -l cmd internal bench conformance)
if [ -n "$unformatted" ]; then
  echo "run gofmt on:"
  echo "$unformatted"
  exit 1
fi
echo "vet"
go vet ./...
for module in bench/gateway conformance/go; do
  (cd "$module" && go vet ./...)
done
echo "staticcheck"
go run "$STATICCHECK" ./...
echo "house rules"
go test -count 1 ./internal/house
echo "module"
go mod tidy -diff
echo "builds without cgo, for macOS and Windows"
CGO_ENABLED=0 go build -o /dev/null ./cmd/craton
CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 go build -o /dev/null ./cmd/craton
CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go build -o /dev/null ./cmd/craton
echo "known vulnerabilities"
if ! out=$(go run "$GOVULN" ./... 2>&1); then
  if grep -qE 'vuln\.go\.dev|dial tcp|no such host|connection refused|forbidden|Forbidden|timeout' <<<"$out"; then
    echo "skipped: the vulnerability database cannot be reached from here"
  else
    echo "$out"
    exit 1
  fi
fi
