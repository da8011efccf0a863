# One job per target; `make` alone prints them.

# A cluster is judged only when it is named on the command line: a KUBECONFIG in the
# environment must not send a run to somebody's production.
ifeq ($(origin KUBECONFIG),command line)
NAMED := $(abspath $(KUBECONFIG))
endif

NODES   ?= 2
FAMILY  ?= dual
PROXY   ?= nftables
OUT     ?= yes
FLAVOUR ?= kubernetes
KEEP    ?= yes

# One way to compile for everything, so that the build cache holds everything once.
export CGO_ENABLED = 0
STRIP = -ldflags "-s -w"
LINT  = go tool -modfile=ci/tools/go.mod golangci-lint

export FOCUS LABELS MODULE IMAGE ARGS KEEP JOBS

.DEFAULT_GOAL := help
.PHONY: help e2e lane faults faults-page test test-kernel lint generate clean-cluster image testbed-up testbed-down testbed-status bin/e2e.test bin/sctp-agent bin/agent-image bin/testbed bin/faults

help: ## print the targets
	@awk -F ':.*## ' '/^[a-zA-Z0-9_\/.-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  KUBECONFIG=path IMAGE=ref   judge that cluster, with agents from that image; else the embedded one"
	@echo "  FOCUS=POL-03,SVC-04         spec IDs, or a regular expression on their texts"
	@echo "  LABELS='Chapter: containsAny policy'   a Ginkgo label filter"
	@echo "  MODULE=never|present|daemonset|machineconfig|auto   how SCTP comes to the nodes (default on a named cluster: never)"
	@echo "  JOBS=3                      judge specs in so many processes side by side"
	@echo "  ARGS='--patience=2m'        more flags, see bin/e2e.test --help"
	@echo "  NODES=2|3 FAMILY=dual|ipv4|ipv6 PROXY=nftables|iptables|ipvs KEEP=yes|no   the embedded cluster"
	@echo "  OUT=yes|no                  with or without a machine outside of the embedded cluster"
	@echo "  FLAVOUR=kubernetes|okd      plain nodes, or nodes that OKD's Machine Config Operator configures"

e2e: ## run the suite: on the embedded cluster, or on KUBECONFIG=path
ifdef NAMED
	@$(MAKE) --no-print-directory -s bin/e2e.test
	@scripts/e2e-on-cluster "$(NAMED)"
else
	@$(MAKE) --no-print-directory -s bin/e2e.test bin/sctp-agent bin/agent-image # first: running nodes take half of the processor
	@$(MAKE) --no-print-directory -s testbed-up
	@scripts/e2e-on-testbed
endif

lane: ## run a lane of ci/lanes: LANE=iptables
	@scripts/lane "$(LANE)"

faults: bin/e2e.test bin/sctp-agent bin/agent-image bin/faults testbed-up ## break the embedded cluster in known ways: FAULTS=B13,D3 (all without), ALL=yes for the whole suite under each
	@scripts/faults-on-testbed --only=$(FAULTS) $(if $(filter yes,$(ALL)),--all)

faults-page: bin/faults ## take the results of the last run, or of RESULTS=folder,folder, into FAULTS.md
	$(if $(or $(RESULTS),$(wildcard _artifacts/latest/faults.yaml)),bin/faults --merge=$(or $(RESULTS),_artifacts/latest))
	bin/faults --markdown > FAULTS.md.new
	mv FAULTS.md.new FAULTS.md

test: lint ## hermetic tests, lint, generated lists, and a rehearsal of every spec; needs no cluster
	go test ./ci/... ./framework/... ./manifests/... ./fixtures/...
	@go test -count=1 -run '^TestWhichBrowser$$' -v ./framework/report | grep report.html
	@go test -count=1 -run '^TestWhichKernel$$' -v ./fixtures/sctp-agent/internal/sctpsock | grep SCTP
	@$(MAKE) --no-print-directory -s bin/e2e.test
	bin/e2e.test --catalogue | diff -u e2e/CATALOGUE.md - || { echo "run make generate"; exit 1; }
	@scripts/diff-lanes
	@for bed in 1 2 3 2-ipv4 2-ipv6; do bin/e2e.test --rehearse=$$bed || exit 1; done

test-kernel: ## the agent's unit tests on a node of the embedded cluster, for hosts without SCTP
	@scripts/test-kernel

lint: ## golangci-lint, built from its Go module
	go vet ./...
	$(LINT) run ./...

generate: bin/e2e.test ## write the lists that are made from the specs
	bin/e2e.test --catalogue > e2e/CATALOGUE.md
	rm -f ci/lanes/*.specs
	bin/e2e.test --lanes=ci/lanes

clean-cluster: bin/e2e.test $(if $(NAMED),,bin/testbed) ## remove what dead runs left, on KUBECONFIG=path or the embedded cluster (FORCE=yes: all runs)
	@scripts/clean-cluster "$(NAMED)" $(if $(filter yes,$(FORCE)),--force)

image: bin/sctp-agent bin/agent-image ## pack the agent's image: PUSH=registry/name or TAR=file
	@bin/agent-image --binary bin/sctp-agent $(if $(PUSH),--push $(PUSH)) $(if $(TAR),--tar $(TAR))

testbed-up: bin/testbed ## start the embedded cluster, or find it running
	@scripts/install-host-packages
	@bin/testbed up --nodes=$(NODES) --family=$(FAMILY) --proxy=$(PROXY) --out=$(OUT) --flavour=$(FLAVOUR)

testbed-down: bin/testbed ## remove the embedded cluster; the cache stays
	@bin/testbed down

testbed-status: bin/testbed ## how the embedded cluster is
	@bin/testbed status

# Go knows best what is out of date.
bin/e2e.test:
	go test -c $(STRIP) -o $@ ./e2e

bin/sctp-agent:
	go build -trimpath $(STRIP) -o $@ ./fixtures/sctp-agent

bin/agent-image:
	go build $(STRIP) -o $@ ./fixtures/sctp-agent/image

bin/testbed:
	go build $(STRIP) -o $@ ./fixtures/testbed

bin/faults:
	go build $(STRIP) -o $@ ./fixtures/faults
