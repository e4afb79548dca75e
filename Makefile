# aliasd: everything that is built, tested and measured here. `make` alone prints this list.
#
# GOFLAGS=-trimpath stands on every go command: one that lacks it compiles every package a second time.
export GOFLAGS := -trimpath

GO        ?= go
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# An MSI takes three numbers only; a build that is not tagged is 0.0.0.
MSIVERSION = $(or $(shell echo '$(VERSION)' | sed -n 's/^v\{0,1\}\([0-9]*\.[0-9]*\.[0-9]*\).*/\1/p'),0.0.0)
LDFLAGS   := -s -w -X main.version=$(VERSION)
# -race also checks each conversion of an unsafe.Pointer. SQLite is C that was translated to Go and does little else:
# there the check takes a quarter of the time of all store tests, and what it would find is not our code.
RACE      := -race -gcflags=modernc.org/...=-d=checkptr=0
# Most of the tests wait most of the time, for a sweep or a try.
TESTFLAGS ?= $(RACE) -parallel 6 -timeout 30m
TOOLS     := bin/tools
# The tests that take minutes. Without ALIASD_TEST_LONG they skip, or do less.
LONG      := ALIASD_TEST_LONG=1
LONGTESTS := ^(TestTorture|TestTorturePostgres|TestTortureForeignWriters|TestTortureCatchesWhatIsWrong|TestTortureScenes|TestTortureLateOwner|TestTortureAsleepAlone|TestKilledAtWork|TestHistoriesCatchWhatIsTakenOut)$$
TORTURE   := $(LONG) ALIASD_TORTURE_RUNS=$(RUNS) ALIASD_TORTURE_SEED=$(SEED) ALIASD_TORTURE_TURN=$(TURN) ALIASD_TORTURE_KIND=$(KIND) ALIASD_TORTURE_LANES=$(LANES)

.DEFAULT_GOAL := help
.PHONY: help demo test test-long torture torture-postgres bench bench-audit bench-build build msi vet lint generated fuzz vulncheck clean test-tools

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## play the main job on embedded parts (a directory, a sync engine and a tenant in one box)
	$(GO) run ./cmd/aliasd demo

test: test-tools ## run the tests but the long part; installs Samba, PostgreSQL and Chromium by apt where they are missing
	$(GO) test $(TESTFLAGS) ./...
	$(GO) test -run '^TestHistories$$' ./queue

test-long: test-tools ## run the tests that take minutes: daemons and stores that are killed at work
	$(LONG) $(GO) test $(TESTFLAGS) -run '$(LONGTESTS)' ./cmd/aliasd ./queue ./queue/store

test-tools:
	@scripts/test-tools

torture: test-tools ## kill the daemon at every point while requests arrive: RUNS=4, SEED=… repeats a run, KIND=embedded,samba
	$(TORTURE) $(GO) test -run '^TestTorture$$' -count=1 -timeout 4h -v ./cmd/aliasd

torture-postgres: test-tools ## the same with three daemons on one PostgreSQL database, any of which is killed
	$(TORTURE) $(GO) test -run '^TestTorturePostgres$$' -count=1 -timeout 4h -v ./cmd/aliasd

bench: test-tools ## measure the write path, acceptance, sweep, memory, recovery and several nodes, each against its floor
	$(GO) test -run '^$$' -bench 'WritePath|Accept|Sweep|Memory|Recovery|Nodes' -benchtime 1x -timeout 30m ./bench

bench-audit: ## measure an audit of 100,000 holders against the bare reading of both sides
	$(GO) test -run '^$$' -bench Audit -benchtime 1x -timeout 30m -v ./bench

bench-build: ## build once with an empty cache, plain and with the race detector: CPU seconds, peak memory, size (needs GNU time)
	@scripts/bench-build

build: ## build bin/aliasd for Linux and bin/aliasd.exe for Windows
	CGO_ENABLED=0 GOOS=linux $(GO) build -ldflags '$(LDFLAGS)' -o bin/aliasd ./cmd/aliasd
	CGO_ENABLED=0 GOOS=windows $(GO) build -ldflags '$(LDFLAGS)' -o bin/aliasd.exe ./cmd/aliasd

msi: build ## pack bin/aliasd.exe as an MSI into dist/ (needs wixl); VERSION has to start with numbers, v1.2.3
	mkdir -p dist
	wixl -a x64 -D Version=$(MSIVERSION) -o dist/aliasd-$(MSIVERSION)-x64.msi installer/aliasd.wxs

vet: ## go vet with the build mode of the tests, so that nothing compiles twice
	$(GO) vet $(RACE) ./...

# Both use what the tests have compiled with the race detector; without it, everything is compiled a second time.
lint generated: GOFLAGS += $(RACE)

lint: test-tools $(TOOLS)/staticcheck ## gofmt and staticcheck
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt these files:"; echo "$$out"; exit 1; fi
	$(TOOLS)/staticcheck ./...

$(TOOLS)/staticcheck: tools/go.mod
	GOFLAGS=-trimpath $(GO) build -C tools -o ../$@ honnef.co/go/tools/cmd/staticcheck

generated: test-tools ## check that generated files are what the code generates
	$(GO) generate ./...
	git diff --exit-code --stat

fuzz: ## run each fuzz test for FUZZTIME (10s)
	@scripts/fuzz $(or $(FUZZTIME),10s)

vulncheck: ## look for known vulnerabilities (needs the vulnerability database: network, or GOVULNDB)
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...

clean: ## remove what was built
	rm -rf bin dist
