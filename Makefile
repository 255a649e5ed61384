# Everything a person or CI runs. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help

BIN      := bin/craton
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
GO       := go

.PHONY: help run build test check conformance engine e2e crash long bench setup setup-clients clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

build: ## build bin/craton
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/craton

run: build ## build everything, fetch the engine and the default model, and serve (ARGS adds flags)
	$(BIN) engine install
	$(BIN) serve $(ARGS)

setup: ## install what the tests need (PostgreSQL, Python, compiler)
	./ci/setup.sh

test: setup build ## run every test that needs no client SDK
	CRATON_REQUIRE_POSTGRES=1 $(GO) test -timeout 7m ./...

check: ## format, vet, staticcheck, house rules, module tidiness, known vulnerabilities
	./ci/check.sh

conformance: build ## drive the binary with the official SDKs
	./conformance/run.sh

engine: build ## test the built-in engine over the real library and model
	./ci/engine.sh

e2e: build ## follow the README as a new user
	./ci/e2e.sh

crash: ## kill stores and servers at random, CI size
	CRATON_CRASH_KILLS=100 CRATON_REQUIRE_POSTGRES=1 $(GO) test -run Crash -count 1 -timeout 20m ./internal/store/... ./internal/driver/crash

long: ## the long forms: kills, fuzzing, soak
	./ci/long.sh

bench: build ## side-by-side benchmarks (see bench/README.md)
	./bench/run.sh

clean: ## remove what was built
	rm -rf bin .cache
