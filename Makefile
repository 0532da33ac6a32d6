# Suitecast: `make help` says what there is.
#
# Everything that is installed goes to .tools/, pinned; everything that is built to target/. Servers listen on the loopback.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

CLOUD := .tools/cloud
SAM := .tools/sam
MACHETE_VERSION := 0.9.2
MACHETE := .tools/cargo-machete-$(MACHETE_VERSION)/bin/cargo-machete
MUTANTS_VERSION := 27.1.0
MUTANTS := .tools/cargo-mutants-$(MUTANTS_VERSION)/bin/cargo-mutants
CLOUD_PYTHON := PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 $(CLOUD)/bin/python

# For the functions: what the demo and the tests run is x86_64 in a profile that is quick to build; what is deployed is
# `make build-functions PROFILE=release FUNCTION_ARCHITECTURE=arm64`, as the template's parameter says by default.
PROFILE ?= quick
FUNCTION_ARCHITECTURE ?= x86_64
TARGET_x86_64 := x86_64-unknown-linux-gnu
TARGET_arm64 := aarch64-unknown-linux-gnu
# cargo for the processor it knows; zig, which cargo-lambda brings along, to cross over to the other.
COMPILER_x86_64 := cargo
COMPILER_arm64 := cargo-zigbuild

export SAM_CLI_TELEMETRY := 0

##@ Trying it

.PHONY: demo
demo: build-functions build-archive-maker ## Show it at work on this machine; BREAK=early-swap proves that the reader sees, KEEP=1 leaves the cloud up
	$(CLOUD_PYTHON) -m demo $(if $(BREAK),--break=$(BREAK)) $(if $(filter 1,$(KEEP)),--keep)

##@ Checking it

.PHONY: test
test: test-rust test-cloud ## Every test: of the crates, and of the pipeline on the local cloud

.PHONY: test-rust
test-rust: $(CLOUD)/.installed ## The crates' tests, contract suites included
	cargo test --workspace --locked

.PHONY: test-cloud
test-cloud: build-functions build-tests ## The pipeline on the local cloud, with the real functions, the clients' examples, and the demo
	$(CLOUD_PYTHON) -m cloud.run_tests

.PHONY: test-clients
test-clients: $(CLOUD)/.installed ## The files of examples/ alone, with real apt and cloud-init; builds nothing
	$(CLOUD_PYTHON) -m unittest discover --start-directory tests/clients --top-level-directory tests

.PHONY: torture
torture: $(CLOUD)/.installed build-functions build-tests ## Every attack at length, for hours; WORD=histories only those whose command holds the word
	cargo build --profile torture --locked --quiet --package suitecast-tests --bins
	$(CLOUD_PYTHON) -m torture $(WORD)

SECONDS_EACH ?= 600
.PHONY: fuzz
fuzz: ## Fuzz what reads foreign bytes, guided by coverage: SECONDS_EACH=600 [TARGETS="release indices"]
	python3 tests/fuzz/run.py --seconds-each $(SECONDS_EACH) $(TARGETS)

.PHONY: fuzz-corpus
fuzz-corpus: ## Take into the tree what fuzzing found, as few and as small inputs as reach the same code [TARGETS=…]
	python3 tests/fuzz/run.py --merge $(TARGETS)

.PHONY: check
check: check-format check-clippy check-docs check-layers check-licences check-unused lint ## What may not be wrong before a test runs

.PHONY: check-format
check-format:
	cargo fmt --all --check
	cargo fmt --manifest-path tests/fuzz/Cargo.toml --check

.PHONY: check-clippy
check-clippy:
	cargo clippy --workspace --all-targets --locked -- --deny warnings

.PHONY: check-docs
check-docs:
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --document-private-items --locked --quiet

.PHONY: check-layers
check-layers: ## That the crates keep to their layers
	python3 tests/tools/check_layers.py

.PHONY: check-licences
check-licences: $(CLOUD)/.installed ## Licences, bans and sources of all dependencies (advisories need a download and are left out)
	@cargo fetch --locked --quiet # of all platforms: cargo-deny reads every crate of the lock file
	$(CLOUD)/bin/cargo-deny --offline check licenses bans sources

.PHONY: check-unused
check-unused: $(MACHETE) ## Dependencies that nothing uses
	$(MACHETE) --with-metadata

.PHONY: lint
lint: $(SAM)/.installed ## The template, by cfn-lint and sam; without network or credentials
	$(SAM)/bin/cfn-lint template.yaml
	AWS_DEFAULT_REGION=us-east-1 $(SAM)/bin/sam validate --lint --template template.yaml

.PHONY: contract
contract: ## The storage contract against any S3 server: S3_ENDPOINT=http://… and the usual AWS_ variables [ENGINE=…]
	@test -n "$(S3_ENDPOINT)" || { echo "contract: say which server, as S3_ENDPOINT=http://127.0.0.1:9000"; exit 2; }
	cargo run --quiet --locked --package suitecast-tests --bin contract -- --endpoint $(S3_ENDPOINT) $(if $(ENGINE),--engine $(ENGINE))

.PHONY: bench
bench: $(CLOUD)/.installed build-cli ## Requests and memory at the size of Debian's main, against their budgets; push beside other uploaders
	cargo run --release --quiet --locked --package suitecast-tests --bin budgets
	$(CLOUD_PYTHON) -m bench.push

.PHONY: mutants
mutants: $(MUTANTS) ## That tests notice when the code of mirror and engine is changed: FILE=shared/engine/src/lease.rs for less (several with blanks), VERIFY=15 to try verdicts by builds of their own
	@PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 python3 -u -m mutants --program $(MUTANTS) $(if $(FILE),--file "$(FILE)") $(if $(VERIFY),--verify $(VERIFY))

##@ Running it

STACK ?= suitecast-region
.PHONY: replay
replay: ## Look at a suite again in a Region: REGION=eu-west-1 SUITE=dists/bookworm [DRY_RUN=1 FORCE=1 FULL=1 STACK=…]
	@test -n "$(REGION)" -a -n "$(SUITE)" || { echo "replay: say where and what, as REGION=eu-west-1 SUITE=dists/bookworm"; exit 2; }
	@cargo run --quiet --locked --package suitecast-cli --bin suitecast -- replay "$(SUITE)" --region "$(REGION)" --stack "$(STACK)" --json \
	    $(if $(filter 1,$(DRY_RUN)),--dry-run) $(if $(filter 1,$(FORCE)),--force) $(if $(filter 1,$(FULL)),--full)

.PHONY: build-functions
build-functions: tools-cloud ## The functions' zips in target/lambda; PROFILE=release FUNCTION_ARCHITECTURE=arm64 for deploying
	PATH="$$PWD/$(CLOUD)/bin:$$PATH" cargo lambda build --locked --output-format zip --profile $(PROFILE) \
	    --target $(TARGET_$(FUNCTION_ARCHITECTURE)) --compiler $(COMPILER_$(FUNCTION_ARCHITECTURE)) \
	    --package suitecast-replicate --package suitecast-publish --package suitecast-access

.PHONY: build-cli
build-cli: ## The command-line program, as target/release/suitecast
	cargo build --release --locked --quiet --package suitecast-cli --bin suitecast

# The same program either way. By itself it is built sooner; together with the tests its dependencies are not built again,
# since cargo gives them the features that the whole workspace asks for.
.PHONY: build-archive-maker
build-archive-maker:
	cargo build --locked --package suitecast-tests --bin make-archive

.PHONY: build-tests
build-tests:
	cargo test --workspace --locked --no-run --quiet

##@ Tools

.PHONY: tools
tools: tools-cloud $(SAM)/.installed $(MACHETE) ## Install what the targets above need, pinned, into .tools/

.PHONY: tools-cloud
tools-cloud: $(CLOUD)/.installed $(SAM)/.installed

# The lists in tests/tools are complete, so pip resolves nothing.
.tools/%/.installed: tests/tools/%.txt
	@echo "installing $(@D) from $<"
	@python3 -m venv $(@D) || { echo "python3 has no venv module: on Debian, apt-get install python3-venv"; exit 1; }
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@touch $@

$(MACHETE):
	@echo "installing cargo-machete $(MACHETE_VERSION)"
	@cargo install --quiet --locked --debug --root $(@D)/.. --target-dir $(@D)/../target --version $(MACHETE_VERSION) cargo-machete
	@rm -rf $(@D)/../target

$(MUTANTS):
	@echo "installing cargo-mutants $(MUTANTS_VERSION)"
	@cargo install --quiet --locked --debug --root $(@D)/.. --target-dir $(@D)/../target --version $(MUTANTS_VERSION) cargo-mutants
	@rm -rf $(@D)/../target

.PHONY: help
help: ## This
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
