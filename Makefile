# make run    build and run the proxy with the sample configuration
# make test   install what the tests need, then every check there is
# make check  the checks alone
# make bench  CPU time per forwarded packet, against peers, in one run
# make jaeger a Jaeger and a Collector, and a page that shows calls
# make demo   one call with sound, in that Jaeger: prints the link to its trace
# make cluster three nodes on 127.0.0.11 to 13: prints how to call and how to look
# make fuzz   FUZZTIME (10s) of each fuzz target

FUZZTIME ?= 10s
MODULE := github.com/actorsip/actorsip

.PHONY: run build jaeger demo cluster test setup check race fuzz bench

run: build
	./bin/actorsip serve --config actorsip.yaml

build:
	go build -o bin/actorsip ./cmd/actorsip

jaeger:
	scripts/jaeger run

demo: build
	scripts/demo

cluster: build
	scripts/cluster

test: setup check fuzz

setup:
	scripts/setup

check:
	@unformatted=$$(go tool gofumpt -l .); if [ -n "$$unformatted" ]; then echo "not formatted:" $$unformatted; exit 1; fi
	go vet ./...
	GOOS=darwin go vet ./cmd/... ./system ./actors/... ./message ./room ./stream
	go tool staticcheck ./...
	$(MAKE) race

race:
	go test -race -timeout 20m $$(go list ./... | grep -v '^$(MODULE)/tests')
	go test -race -timeout 20m -p 1 ./tests/... # one after another: calls are timed by their peers

fuzz:
	FUZZTIME=$(FUZZTIME) scripts/fuzz

bench:
	go test -run '^$$' -bench . -benchmem ./sipwire ./keyring ./target ./actors/... ./room ./tests
	go run ./tests/bench
