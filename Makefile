# What one does with this repository. `make` alone lists it.

GO       ?= go
FUZZTIME ?= 30s
# How long the tests of one package may take before Go ends them with stacks.
TIMEOUT  ?= 10m
# What `make real` is to do: names of scenarios and flags. REAL=-h lists them.
REAL     ?=
# More flags for `make bench` and `make bench-quick`, such as --json.
BENCH    ?=
# The commit that `make compare` compares with, and more flags for it, such as --pairs 30.
OLD      ?=
COMPARE  ?=
# Where a program of ours may run: each is built and vetted by `make lint`.
SYSTEMS  := linux/amd64 linux/arm64 darwin/arm64 windows/amd64

# Packages that start goroutines: their tests look for leaked ones.
CONCURRENT = $(shell grep -rl --include='*_test.go' --exclude-dir=bench 'goleak\.Verify' . | xargs -n 1 dirname | sort -u)

.PHONY: help run demo picture test race proof real bench bench-quick compare lint lint-bench test-bench fmt fuzz

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## chat: run it in two terminals
	@$(GO) run ./example_chat

demo: ## watch real processes connect, lose a seed, split and heal
	@$(GO) run ./cmd/smokelab demo

picture: ## record docs/img/heal.gif anew: half a minute, needs Chromium
	@mkdir -p bin
	@$(GO) build -o bin/smoke ./cmd/smoke
	@$(GO) run ./internal/e2e/picture -smoke bin/smoke -o docs/img/heal.gif

test: ## vet, all tests, and those with goroutines again under the race detector
	$(GO) vet ./...
	$(GO) test -timeout $(TIMEOUT) ./...
	@if [ "$$($(GO) env CGO_ENABLED)" = 1 ]; then set -x; $(GO) test -race -timeout $(TIMEOUT) $(CONCURRENT); \
	else echo "!! no C compiler, which the race detector needs: data races were NOT looked for"; fi
	@$(GO) run ./internal/e2e/real -check
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || echo "!! there is no Chromium: the page of the dashboard is NOT tested"
	@command -v systemd-analyze >/dev/null || echo "!! there is no systemd-analyze: deploy/smoke.service is NOT verified"
	@$(MAKE) --no-print-directory test-bench

race: ## all tests under the race detector
	$(GO) test -race -timeout $(TIMEOUT) ./...
	$(GO) test -C bench -race -timeout $(TIMEOUT) ./...

proof: ## run all measurements of docs/proof.md: an hour
	@mkdir -p bin
	$(GO) build -o bin/smoke ./cmd/smoke
	@bin/smoke proof docs/proof.md

real: ## failures with 60 real processes in network namespaces: eight minutes, needs root on Linux
	@mkdir -p bin
	@$(GO) build -o bin/real ./internal/e2e/real
	@bin/real $(REAL)

bench: ## compare with NATS, Redis, memberlist and an ideal tree: twelve minutes, needs Linux
	@cd bench && $(GO) build -o ../bin/bench . && ../bin/bench all $(BENCH)

bench-quick: ## the same, roughly: a minute
	@cd bench && $(GO) build -o ../bin/bench . && ../bin/bench all --quick $(BENCH)

compare: ## compare the speed with an earlier commit: make compare OLD=commit, ten minutes on a quiet machine
	@test -n "$(OLD)" || { echo "usage: make compare OLD=commit"; exit 2; }
	@cd bench && $(GO) build -o ../bin/bench . && ../bin/bench compare $(OLD) $(COMPARE)

fmt: ## format all Go files
	gofmt -w .

lint: ## format, vet, staticcheck, go.mod, and builds for other systems
	@unformatted=$$(gofmt -l .) || exit 1; \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@set -e; for system in $(SYSTEMS); do \
		echo "build and vet for $$system"; \
		export CGO_ENABLED=0 GOOS=$${system%/*} GOARCH=$${system#*/}; \
		$(GO) build ./...; $(GO) vet ./...; \
	done
	$(GO) mod tidy -diff
	@$(MAKE) --no-print-directory lint-bench

# bench/ is a module of its own, with dependencies of its own. Where these can't
# be had, the rest is worth checking all the same.
BENCH_MODULES = cd bench && $(GO) mod download || { echo "!! the modules of bench/ can't be downloaded: bench/ is NOT checked"; exit 0; }

lint-bench: ## lint, for the comparison in bench/
	@$(BENCH_MODULES); set -ex; $(GO) vet ./...; $(GO) tool staticcheck ./...; $(GO) mod tidy -diff

test-bench: ## test, for the comparison in bench/: all contestants, in small
	@$(BENCH_MODULES); command -v redis-server >/dev/null || echo "!! there is no redis-server: the contestant redis is NOT tested"; \
	set -ex; $(GO) test -timeout $(TIMEOUT) ./...

fuzz: ## run each fuzz target for FUZZTIME (30s)
	@set -e; found=$$(grep -rn --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' . | grep -v '/testdata/' | sort); \
	if [ -z "$$found" ]; then echo "no fuzz target found"; exit 1; fi; \
	echo "$$found" | while IFS=: read -r file _ func; do \
		target=$${func#func }; \
		echo "== $$target in $$(dirname "$$file") for $(FUZZTIME)"; \
		$(GO) test -C "$$(dirname "$$file")" -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) .; \
	done
