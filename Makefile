# Every target works on a machine with Go, Java with Maven, Python 3, Node and make. Everything else is fetched: clients and
# tools into a cache, and kcat by apt-get if make runs as root. With a C compiler the tests run under the race detector.

export CGO_ENABLED ?= 0
GO        ?= go
DATA      ?= data
FUZZTIME  ?= 5s
TIME      ?= 10m
SEEDS     ?= 10000
KILLS     ?= 200
COUNT     ?= 50
REF       ?= main
BUILD      = $(GO) build -trimpath -ldflags='-s -w'
PEERS      = 1@localhost:9092@localhost:9192,2@localhost:9093@localhost:9193,3@localhost:9094@localhost:9194
PACKAGES   = $(shell $(GO) list ./... | grep -v /test/)
LINT       = $(GO) tool -modfile=tools/go.mod golangci-lint run

.DEFAULT_GOAL := help
.PHONY: help run cluster build build-raft test test-short test-standalone test-raft stress e2e chaos crash build-invariants measure kafka-suite kafka-suite-part fetch lint generate fuzz simulate bench bench-cluster clean

help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## Build the broker and serve on localhost:9092, with its data in ./data (DATA=dir).
	bin/chronik-server --listen localhost:9092 --data-dir $(DATA)

# Ctrl-C wakes the shell, which ends the nodes and waits until they have stopped.
cluster: build-raft ## Run a cluster of three nodes on localhost:9092 to 9094, with its data in ./data/node1 to node3. Ctrl-C stops it.
	@trap : INT TERM; nodes=; \
	for n in 1 2 3; do \
		bin/chronik-server-raft --listen localhost:909$$((n + 1)) --data-dir $(DATA)/node$$n --set http.listen=localhost:946$$((n + 3)) \
			--set cluster.node_id=$$n --set cluster.peers=$(PEERS) & nodes="$$nodes $$!"; \
	done; \
	wait $$nodes; kill $$nodes 2>/dev/null; wait $$nodes || true

build: ## Build the standalone broker: bin/chronik-server.
	$(BUILD) -o bin/chronik-server ./cmd/chronik-server

build-raft: ## Build the broker that can be a node of a cluster: bin/chronik-server-raft.
	$(BUILD) -tags raft -o bin/chronik-server-raft ./cmd/chronik-server

# Both brokers with the checks of adapters/internal/invariants: a buffer that is used after it was given back ends the process.
build-invariants:
	$(BUILD) -tags invariants -o bin/chronik-server-invariants ./cmd/chronik-server
	$(BUILD) -tags raft,invariants -o bin/chronik-server-raft-invariants ./cmd/chronik-server

test: test-standalone test-raft fuzz e2e kafka-suite-part ## Fetch what the tests need and run them all, in both build modes.

test-short: ## Run the quick tests: neither real clients nor the race detector.
	$(GO) vet ./... && $(GO) vet -tags raft ./...
	$(GO) test -short ./...

# The race detector needs cgo, and that a C compiler.
RACE = $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)

test-standalone:
	$(GO) vet ./... && $(GO) -C bench vet ./...
	@[ "$(RACE)" ] || echo 'NOTE: no C compiler is found, so the tests run without the race detector' >&2
	CGO_ENABLED=$(if $(RACE),1,0) $(GO) test $(RACE) -timeout 15m $(filter-out $(SWEEPING),$(PACKAGES))
	CGO_ENABLED=$(if $(RACE),1,0) $(GO) test $(RACE) -timeout 15m -short $(SWEEPING)

# Packages whose tests go through every moment at which a crash or an error can occur. The race detector does not have to see each.
SWEEPING = $(filter %/simulation %/seglog %/seglog/journal %/filestore %/walstore,$(PACKAGES))

# All tests again, with every moment of the sweeps.
test-raft:
	$(GO) vet -tags raft ./...
	$(GO) test -tags raft,invariants -timeout 15m $(PACKAGES)

stress: ## Run the tests of packages that differ from main (REF=…, or PKG=…) COUNT=50 times under the race detector, beside a busy process.
	@REF='$(REF)' PKG='$(PKG)' COUNT='$(COUNT)' SHORT='$(SWEEPING)' GO='$(GO)' .ci/stress

# End-to-end tests are packages by concern, and CHRONIK_BINARY says which broker is under test. They run one package after
# the other (-p 1), because they share this machine's cores; within a package two clusters may run at a time.
e2e: export NOT_RUN = $(CURDIR)/bin/not-run.txt
e2e: fetch build build-raft build-invariants ## Run the real binaries against real clients and tools.
	@rm -f $(NOT_RUN)
	CHRONIK_BINARY=$(CURDIR)/bin/chronik-server $(E2E) $(filter-out %/crash,$(ENDTOEND))
	CHRONIK_BINARY=$(CURDIR)/bin/chronik-server-invariants $(E2E) ./test/crash
	CHRONIK_BINARY=$(CURDIR)/bin/chronik-server-raft $(E2E) -tags raft $(filter-out %/chaos,$(CLUSTERED))
	CHRONIK_BINARY=$(CURDIR)/bin/chronik-server-raft-invariants $(E2E) -tags raft ./test/harness ./test/chaos
	@[ ! -e $(NOT_RUN) ] || sort -u $(NOT_RUN)

E2E      = $(GO) test -count=1 -p 1 -timeout 20m
ENDTOEND = $(sort $(patsubst %/,./%,$(dir $(wildcard test/*/*_test.go))))
# Packages with a test that has the tag raft run in that build, too: tests without a tag run in both.
CLUSTERED = $(sort $(patsubst %/,./%,$(dir $(shell grep -l '^//go:build raft' test/*/*_test.go))))

chaos: build-invariants ## Let nodes, networks, disks and power fail while clients work, and check their histories (TIME=10m for each test, SEED=number).
	CHRONIK_BINARY=$(CURDIR)/bin/chronik-server-raft-invariants CHAOS_TIME=$(TIME) CHAOS_SEED=$(SEED) $(GO) test -count=1 -tags raft -timeout 0 -v ./test/chaos

crash: build-invariants ## Kill a broker repeatedly while topics are created and deleted under load (KILLS=200).
	CHRONIK_BINARY=$(CURDIR)/bin/chronik-server-invariants CHRONIK_CRASHES=$(KILLS) $(GO) test -count=1 -timeout 0 -v ./test/crash

measure: build build-raft ## Measure and check the times of starts, fail-overs and moves, on a machine that does nothing else.
	MEASURE=1 CHRONIK_BINARY=$(CURDIR)/bin/chronik-server $(GO) test -count=1 -timeout 20m -v ./test/measure
	MEASURE=1 CHRONIK_BINARY=$(CURDIR)/bin/chronik-server-raft $(GO) test -count=1 -tags raft -timeout 30m -parallel 1 -v ./test/measure

# The expected results of Kafka's own tests are in test/kafka: green.txt, red.txt, unserved.txt.
KAFKA_SUITE = test/kafka/run bin/chronik-server --raft bin/chronik-server-raft

kafka-suite: build build-raft ## Run Apache Kafka's own integration tests against both binaries, which takes over an hour.
	rm -f bin/kafka-suite.txt
	$(KAFKA_SUITE) --results bin/kafka-suite.txt -j 2 || true
	test/kafka/judge bin/kafka-suite.txt

kafka-suite-part: build build-raft # the quick ones of them
	rm -f bin/kafka-suite-part.txt
	$(KAFKA_SUITE) --classes test/kafka/part.txt --results bin/kafka-suite-part.txt -j 2 || true
	test/kafka/judge bin/kafka-suite-part.txt --part

fetch: # the clients and tools of the end-to-end tests, into the cache
	@command -v kcat >/dev/null || [ "$$(id -u)" != 0 ] || { apt-get update -q && apt-get install -qy kcat; }
	@command -v kcat >/dev/null || { echo 'kcat is missing: install it with your package manager' >&2; exit 1; }
	test/harness/kafka/kafka fetch
	test/clients/python/run --fetch
	test/clients/node/run --fetch

lint: ## Check style, mistakes and the direction of imports, in both build modes.
	$(LINT) ./...
	$(LINT) --build-tags raft ./...

generate: ## Generate the injectors, the sample of all settings and the tables in docs.
	$(GO) generate ./...

# Go's fuzzer sometimes reports the end of its time as a failure: context deadline exceeded, without an input.
fuzz: | bin ## Run every fuzz target for a while (FUZZTIME=5s each).
	@set -e; for package in $$(grep -rl --include='*_test.go' '^func Fuzz' core adapters configs | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -h -o --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' $$package/*_test.go | sed 's/^func //'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 50x ./$$package >bin/.fuzz 2>&1 || \
				grep -q '^    context deadline exceeded' bin/.fuzz || { cat bin/.fuzz; exit 1; }; \
		done; \
	done; rm -f bin/.fuzz

simulate: ## Simulate more histories of a cluster with faults (SEEDS=10000 of each kind; SEED=n runs one, with its last steps).
	SEED=$(SEED) SEEDS=$(SEEDS) $(GO) test -count=1 -timeout 0 -v -run 'Histories|BecomeEqual' ./core/domain/partition/simulation

bench: build ## Measure Chronik and Apache Kafka under the same load.
	$(GO) -C bench run .

bench-cluster: build-raft ## Measure three nodes of Chronik and three of Apache Kafka, one cluster after the other.
	$(GO) -C bench run . -nodes 3 -chronik ../bin/chronik-server-raft

clean: ## Remove what was built; the data stays.
	rm -rf bin

bin:
	mkdir -p bin
