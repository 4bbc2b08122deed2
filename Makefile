# make        build gofind here
# make test   install what the tests need, then run all of them
# make check  the tests without the installation, the fuzzing and the scoreboard
# make bench  the benchmarks, ready for benchstat
# make pgo    measure again what the compiler optimises for

GO      ?= go
PREFIX  ?= /usr/local
COUNT   ?= 6
BENCH   ?= .
FUZZTIME ?= 10000x
TIMEOUT ?= 20m

.PHONY: build install deps check test lint fuzz groundtruth bench pgo clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o gofind ./cmd/gofind

install: build
	install -D -m 755 gofind $(DESTDIR)$(PREFIX)/bin/gofind
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	$(GO) run -tags man ./cmd/gofind man $(DESTDIR)$(PREFIX)/share/man/man1

# Compilers, libcs and programs that the tests use (Debian; skips what is there).
deps:
	scripts/test-deps

lint:
	@unformatted="$$(gofmt -l .)"; [ -z "$$unformatted" ] || { echo "gofmt -w:" $$unformatted >&2; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags man ./cmd/gofind

check: lint
	$(GO) test -timeout $(TIMEOUT) ./...

# Each fuzz target on some new inputs, beyond the committed corpora.
fuzz:
	FUZZTIME=$(FUZZTIME) scripts/fuzz

# What traced programs were seen to call must be predicted; skips if the traces are not there.
groundtruth: build
	scripts/groundtruth ./gofind

test: deps
	$(MAKE) check
	$(MAKE) fuzz
	$(MAKE) groundtruth

# For example: make bench >old; ...; make bench >new; benchstat old new
bench:
	$(GO) test -run='^$$' -bench='$(BENCH)' -benchmem -count=$(COUNT) -timeout 60m ./...

# The profile that the compiler optimises the command for, of scans of the programs of BenchmarkScan that are
# installed. Commit it alone, after the code.
pgo:
	$(GO) test -trimpath -run='^$$' -bench=BenchmarkScan -benchtime=4s -timeout 60m -cpuprofile=$(CURDIR)/cmd/gofind/default.pgo -o=/dev/null .

clean:
	rm -f gofind
