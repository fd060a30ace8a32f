# Galatea's tasks. `make` lists them; .ci/run is made of them alone. Nothing needs to be installed beforehand but Go, make,
# a C compiler, and pip or npm: what else a target needs, it brings into .onnxruntime/ or .tools/ by itself.

SHELL       := bash
MAKEFLAGS   += --no-print-directory
export CGO_ENABLED = 1

VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PYTHON      ?= python3

# Tools are built from the releases that tools/go.mod pins, apart for each Go release.
TOOLS       := .tools/$(shell go env GOVERSION)
GOLANGCI    := $(TOOLS)/golangci-lint
GOVULNCHECK := $(TOOLS)/govulncheck
BENCHSTAT   := $(TOOLS)/benchstat

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

##@ Use

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z][a-z-]*:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: build onnxruntime ## Serve the sample models on port 8000; ARGS="--http-port=9000 ..." adds flags.
	bin/galatea serve --model-repository=model_repo $(ARGS)

.PHONY: build
build: ## Build bin/galatea.
	go build -trimpath -buildvcs=false -ldflags='-X main.version=$(VERSION)' -o bin/galatea ./cmd/galatea

.PHONY: onnxruntime
onnxruntime: ## Bring ONNX Runtime's library; ONNXRUNTIME_ARCHIVE=path-or-URL says from where.
	@scripts/onnxruntime.sh

##@ Check

.PHONY: test
test: onnxruntime ## Run all tests; TESTFLAGS="-run=Name -v" and PKG=./scheduler narrow it down.
	scripts/onnxruntime_test.sh
	go test -race -shuffle=on -timeout=5m $(TESTFLAGS) $(or $(PKG),./...)

.PHONY: lint
lint: $(GOLANGCI) ## Run the linters, and check that sources are formatted and go.mod is tidy.
	$(GOLANGCI) run
	go mod tidy -diff
	scripts/ci/shellcheck.sh
	scripts/ci/large-files.sh

.PHONY: format
format: $(GOLANGCI) ## Format the Go sources as lint wants them.
	$(GOLANGCI) fmt

.PHONY: generate
generate: ## Write again what is generated: the schemas of the configuration files.
	go generate ./...

.PHONY: generate-check
generate-check: ## Check that generate changes nothing.
	scripts/ci/generate-check.sh

.PHONY: smoke
smoke: build onnxruntime ## Start bin/galatea, ask it for a prediction, end it.
	scripts/ci/smoke.sh

.PHONY: e2e
e2e: build onnxruntime .tools/e2e/.installed ## Ask a running bin/galatea with Triton's own clients; ARGS="test_calls -k metadata" narrows it down.
	.tools/e2e/bin/python -B scripts/e2e/run.py $(ARGS)

.PHONY: image-check
image-check: onnxruntime ## Add up the image's files and run its command in them, without a container engine.
	scripts/check-image.sh

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (30s); FUZZ=name chooses some.
	scripts/ci/fuzz.sh

.PHONY: vuln
vuln: $(GOVULNCHECK) ## Look for known vulnerabilities in what is called; asks Go's vulnerability database.
	$(GOVULNCHECK) ./...

##@ Measure

.PHONY: bench
bench: onnxruntime ## Run the Go benchmarks; BENCH=regexp, PKG=./scheduler and COUNT=10 choose.
	@mkdir -p bench.out
	@if [ -e bench.out/new.txt ]; then mv bench.out/new.txt bench.out/old.txt; fi
	set -o pipefail; go test -run='^$$' -bench='$(or $(BENCH),.)' -benchmem -count=$(or $(COUNT),1) $(or $(PKG),./...) | tee bench.out/new.txt

.PHONY: bench-compare
bench-compare: $(BENCHSTAT) ## Compare the last two runs of bench (of COUNT=10 each) with benchstat.
	$(BENCHSTAT) bench.out/old.txt bench.out/new.txt

.PHONY: demo-rollout
demo-rollout: build onnxruntime ## Drop, break, remove and roll back versions at random under load; nothing may be lost. ARGS="-actions=200 -seed=1".
	go run ./internal/demorollout $(ARGS)

.PHONY: bench-serve
bench-serve: onnxruntime ## Measure a whole server against what the machine allows; ARGS adds flags.
	go run ./internal/benchserve $(ARGS)

.PHONY: bench-sched
bench-sched: build onnxruntime ## Measure what the scheduler promises: overload, tuning itself, a thousand models; ARGS="-parts=many" chooses.
	go run ./internal/benchsched $(ARGS)

.PHONY: bench-rpc
bench-rpc: build onnxruntime ## Compare gRPC with HTTP, by Go's usual clients; ARGS="-models=mlp" narrows it down.
	go run ./internal/benchrpc $(ARGS)

.PHONY: bench-peers
bench-peers: build onnxruntime ## Compare with servers that a user would pick instead, brought by pip; ARGS="-models=mlp -peers=triton" narrows it down.
	go run ./internal/benchpeers $(ARGS)

##@ Keep

.PHONY: train
train: .tools/train/.installed ## Train the sample models again, into model_repo.
	.tools/train/bin/python -B scripts/train/train.py --out model_repo

.PHONY: clean
clean: ## Remove what was built and measured.
	rm -rf bin bench.out

.PHONY: distclean
distclean: clean ## Remove what was fetched, too.
	rm -rf .onnxruntime .tools

$(GOLANGCI): PACKAGE = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(GOVULNCHECK): PACKAGE = golang.org/x/vuln/cmd/govulncheck
$(BENCHSTAT): PACKAGE = golang.org/x/perf/cmd/benchstat
$(TOOLS)/%: tools/go.mod tools/go.sum
	@echo 'building $* (the first time takes minutes)'
	@mkdir -p $(TOOLS)
	cd tools && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o ../$@ $(PACKAGE)
	@touch $@

.tools/train/.installed: scripts/train/requirements.txt
	rm -rf .tools/train
	$(PYTHON) -m venv .tools/train
	.tools/train/bin/pip install --quiet --no-deps -r scripts/train/requirements.txt
	@touch $@

.tools/e2e/.installed: scripts/e2e/requirements.txt scripts/e2e/perf_analyzer.sh
	rm -rf .tools/e2e
	$(PYTHON) -m venv .tools/e2e
	.tools/e2e/bin/pip install --quiet --no-deps -r scripts/e2e/requirements.txt
	scripts/e2e/perf_analyzer.sh
	@touch $@
