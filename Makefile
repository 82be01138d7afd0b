# Everything a developer does. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help

.PHONY: help
help: ## List what can be done
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: run
run: $(VENV)/runtime.stamp ## Install, start everything embedded, print keys and curl lines
	@exec $(BIN)/pug dev

# A file's tests share engines, so they stay together; each process starts its own.
PROCESSES ?= 2
.PHONY: test
test: $(VENV)/development.stamp ## Run all tests
	$(BIN)/pytest -n $(PROCESSES) --dist loadfile $(ARGS)

.PHONY: check
check: $(VENV)/development.stamp ## Format, lint, types, imports, contracts, generated code, licences
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/buf lint
	tools/check-breaking
	tools/check-generated
	$(BIN)/python tools/check_licences.py locks/runtime.txt locks/development.txt locks/uv.txt

.PHONY: audit
audit: $(VENV)/development.stamp $(VENV)/audit.stamp ## Look all locked packages up in a database of vulnerabilities, and at their licences
	$(BIN)/python tools/check_licences.py locks/runtime.txt locks/development.txt locks/uv.txt
	$(VENV)/audit/bin/python tools/check_licences.py locks/audit.txt
	$(BIN)/python tools/audit.py

.PHONY: fmt
fmt: $(VENV)/development.stamp ## Format the code and the contracts
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/buf format -w

.PHONY: proto
proto: $(VENV)/development.stamp ## Generate gen/ from proto/
	$(BIN)/buf generate

.PHONY: bench
bench: $(VENV)/development.stamp ## Measure speed; BENCH=engines|capture|freshness|insights|identify|people|rollups picks one
	$(BIN)/python -m bench $(BENCH)

EXAMPLES ?= 1000
.PHONY: fuzz
fuzz: $(VENV)/development.stamp ## Draw EXAMPLES of what could break decoders, questions and imports, and see what it does
	PUG_TEST_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/pytest tests/fuzz $(ARGS)

MINUTES ?= 10
.PHONY: soak
soak: $(VENV)/development.stamp ## Kill and hang everything at random under load, and count; MINUTES=10 RATE=8000 SEED=1
	$(BIN)/python -m bench.soak --minutes $(MINUTES) $(if $(RATE),--rate $(RATE)) $(if $(SEED),--seed $(SEED))

.PHONY: lock
lock: $(VENV)/uv.stamp ## Refresh locks/ from pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group build -o locks/runtime.txt pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group dev -c locks/runtime.txt -o locks/development.txt pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group pyproject.toml:audit -o locks/audit.txt

.PHONY: clean
clean: ## Remove what was installed; data in .pug stays
	rm -rf $(VENV)

$(VENV)/uv.stamp: locks/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pug needs Python 3.11 or newer; say which with: make run PYTHON=python3.11")'
	@echo "Installing into $(VENV) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt
	@touch $@

$(VENV)/runtime.stamp: $(VENV)/uv.stamp locks/runtime.txt pyproject.toml
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r locks/runtime.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/development.stamp: $(VENV)/uv.stamp locks/development.txt pyproject.toml
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r locks/development.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/runtime.stamp

$(VENV)/audit.stamp: $(VENV)/uv.stamp locks/audit.txt
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(VENV)/audit
	@$(BIN)/uv pip install --quiet --python $(VENV)/audit/bin/python --require-hashes -r locks/audit.txt
	@touch $@
