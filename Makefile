# Basewright: what people and CI run. `make help` lists the targets.
# Everything is set up by bin/lab, which says what it installs and asks before
# when a person sits at the terminal.

GO    ?= go
LAB   := bin/lab
BIN   := bin/basewright

# Gin's reader of MessagePack, which nothing here speaks, would be a tenth of the
# program, in memory as on the disk.
export GOFLAGS := $(GOFLAGS) $(if $(findstring -tags,$(GOFLAGS)),,-tags=nomsgpack)

.PHONY: help build run demo demo-down test test-all test-unit bench lint editor clean FORCE

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The lab builds with and without a C compiler, so that it can install one.
$(LAB): FORCE
	@command -v $(GO) >/dev/null || { echo "Go is not installed: get Go 1.26 or newer from https://go.dev/dl" >&2; exit 2; }
	@$(GO) build -o $(LAB) ./cmd/lab

build: $(LAB) ## build bin/basewright and bin/lab
	@$(LAB) tools
	@CGO_ENABLED=1 $(GO) build -o $(BIN) ./cmd/basewright

run: ## build and serve the API on 127.0.0.1:3080, with its state in ./data
	@CGO_ENABLED=1 $(GO) build -o $(BIN) ./cmd/basewright
	@$(BIN) serve --data ./data --listen 127.0.0.1:3080

demo: build ## the main job on real parts: break a stack, diagnose it, repair it, roll back a repair that does not help
	@$(LAB) demo

demo-down: $(LAB) ## remove all that the demo and the tests made, and nothing else
	@test -d .lab || { echo "there is nothing of the lab here"; exit 0; }; \
	$(LAB) engine up && $(LAB) clean; status=$$?; $(LAB) engine down && exit $$status

test: build ## set up what is missing, then run the tests
	@$(LAB) test

test-all: build ## like test, with the slow tests, which take hours
	@BASEWRIGHT_TEST_ALL=1 $(LAB) test

test-unit: ## the tests that need no Docker Engine
	$(GO) test -race -short ./...

bench: build ## figures: observation, diagnosis, plan, journal, snapshot, creation, downtime of a restart, the agent under load
	@$(LAB) engine up
	$(GO) test -run '^$$' -bench . -benchmem ./...

lint: ## golangci-lint with configs/golangci.yml
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run -c configs/golangci.yml ./...

editor: ## build the panel's playbook editor anew from CodeMirror, with npm
	cd ui/panel/editor && npm ci && npm run build

clean: ## remove what was built
	rm -rf bin

FORCE:
