# make test is the whole truth; CI runs it and nothing else.
export CGO_ENABLED := 0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
PYTHON ?= python3
N ?= 100000
PRODUCT ?= ai-memory
RUNS ?= 3
FUZZTIME ?= 30s
BENCHTIME ?= 1s
# Packages whose tests take seconds come first.
FAST = ./format/... ./spec/... ./internal/store ./internal/layout/lens/... ./internal/layout/declared/...
SUMMARY := $(shell mktemp -u)

.PHONY: all build test test-long check test-go test-python bench bench-go fuzz demo testdata clean

all: build

# A static program in bin/memarc.
build:
	go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/memarc ./cmd/memarc

# Everything: form, vet, staticcheck, build, tests, the independent reader. What
# could not be proven here is named at the end.
test: check test-go test-python
	@cat $(SUMMARY) && rm -f $(SUMMARY)

# The same, with exhaustive enumerations and a million memories.
test-long:
	MEMARC_TEST_LONG=1 $(MAKE) test

check:
	@wrong=$$(gofmt -l .) && if [ -n "$$wrong" ]; then echo "not formatted by gofmt:"; echo "$$wrong"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	go build ./...

test-go:
	go run ./internal/bench/testrun -summary $(SUMMARY) -- -count=1 -vet=off -timeout=120m $(FAST) ./...

test-python:
	@if command -v $(PYTHON) >/dev/null && command -v zstd >/dev/null; then \
		(cd spec/reader && $(PYTHON) -B -m unittest -q) && $(PYTHON) -B spec/reader/marc.py vectors spec/vectors; \
	else case "$$MEMARC_TEST_REQUIRE" in \
		*python*) echo "python3 and zstd are required"; exit 1;; \
		*) echo "NOT PROVEN: the Python reader's own tests; $(PYTHON) and zstd are needed";; \
	esac; fi

# memarc beside other programs, on a store of N memories; with PostgreSQL too, where
# a server can be had.
bench:
	go run ./internal/bench -product $(PRODUCT) -n $(N) -runs $(RUNS)

# The hot paths, by Go's own benchmarks.
bench-go:
	go test -run '^$$' -bench . -benchtime $(BENCHTIME) ./format ./internal/engine/sqlite ./internal/layout/mapping ./exporter ./importer

# Every fuzz target for FUZZTIME.
fuzz:
	@set -e; grep -rn --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' . | sed 's|/[^/]*_test.go:[0-9]*:func | |' | sort | while read -r dir target; do \
		echo "fuzz $$dir $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$dir"; \
	done

# A store of testdata moved to a new file and proven.
demo:
	@rm -f bin/restored.db && mkdir -p bin
	go run ./cmd/memarc migrate testdata/vestige-v11.db bin/restored.db

# Makes what is missing of testdata.
testdata:
	go run ./internal/bench -testdata testdata

clean:
	rm -rf bin
