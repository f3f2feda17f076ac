# The commands of this project. `make help` lists them.

SHELL      := /bin/bash
GO         ?= go
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BUILD      := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X github.com/chronik-stream/chronik/wiring.version=$(VERSION)'
# What fuzz runs, and for how long each.
FUZZTIME   ?= 5s
# The packages that start the real binary and real clients.
E2E        := ./test/e2e/...

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

.PHONY: run
run: build ## build the broker and serve on localhost:9092, with the data in ./data
	bin/chronik-server standalone --listen localhost:9092 --data-dir ./data

.PHONY: build
build: ## build the standalone broker: bin/chronik-server
	$(BUILD) -o bin/chronik-server ./cmd/chronik-server

.PHONY: build-raft
build-raft: ## build the clustered broker: bin/chronik-server-raft
	$(BUILD) -tags raft -o bin/chronik-server-raft ./cmd/chronik-server

.PHONY: tools
tools: ## fetch what the tests need: Kafka's tools, kcat, the clients' packages
	@command -v kcat >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq kcat >/dev/null; }
	test/e2e/kafka/kafka fetch
	test/e2e/clients/python/run --fetch
	test/e2e/clients/node/run --fetch

.PHONY: test
test: tools build build-raft ## run all tests, fetching what they need
	$(GO) vet -tags raft ./...
	$(GO) test -race -timeout 15m $$($(GO) list ./... | grep -v /test/e2e)
	$(GO) test -short -tags raft -timeout 10m ./wiring/... ./cmd/...
	CHRONIK_BINARY=$(CURDIR)/bin/chronik-server $(GO) test -count=1 -timeout 20m $(E2E)
	$(GO) -C bench vet ./... 2>/dev/null || (cd bench && $(GO) vet ./...)
	$(MAKE) fuzz

.PHONY: test-short
test-short: ## run the tests that need neither tools nor time
	$(GO) test -short ./...

.PHONY: e2e
e2e: tools build ## run the real binary under real clients
	CHRONIK_BINARY=$(CURDIR)/bin/chronik-server $(GO) test -count=1 -timeout 20m -v $(E2E)

.PHONY: lint
lint: ## check style and layers, in both build modes
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...
	$(GO) tool -modfile=tools/go.mod golangci-lint run --build-tags raft ./wiring/... ./cmd/...

.PHONY: generate
generate: ## make all generated files anew
	$(GO) generate ./...

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME
	@for package in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for target in $$(grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' $$package/*_test.go | sed 's/func //'); do \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
	  done; \
	done

.PHONY: bench
bench: build ## measure against Apache Kafka, side by side
	$(GO) -C bench run . -chronik ../bin/chronik-server
