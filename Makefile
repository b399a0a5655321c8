# Everything one does with a checkout. `make help` lists it.
# Needs Python 3.11 to 3.13 with venv, and Node.js 18 or newer for the browser assets; PostgreSQL comes with the packages.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
PIP := $(PYTHON) -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --require-hashes
INSTALL_SELF := $(PIP) install --quiet --no-deps --no-build-isolation --editable .

MADE := $(VENV)/.made
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
ASSETS := src/unisono/console/static/vendor/htmx.min.js

export PYTHONUNBUFFERED := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help
help: ## List these commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# Environments ------------------------------------------------------------------------------------------

$(MADE):
	@set -e; python="$$(sh scripts/find_python.sh)"; echo "Making $(VENV) with $$python ..."; \
	rm -rf $(VENV); "$$python" -m venv $(VENV); touch $@

$(RUNTIME): $(MADE) requirements.lock pyproject.toml
	@echo "Installing what Unisono runs on ..."
	$(INSTALL) -r requirements.lock
	$(INSTALL_SELF)
	touch $@

$(DEV): $(MADE) requirements-dev.lock pyproject.toml
	@echo "Installing what Unisono is developed with ..."
	$(INSTALL) -r requirements-dev.lock
	$(INSTALL_SELF)
	touch $@ $(RUNTIME)

$(ASSETS): $(MADE) package.json package-lock.json scripts/build_assets.py
	$(PYTHON) scripts/build_assets.py
	touch $@

.PHONY: assets
assets: $(ASSETS) ## Build the browser assets with npm

# Using it ----------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(RUNTIME) $(ASSETS) ## Load a real retailer's year and open the console (DEMO="--households 200" for less)
	$(BIN)/unisono demo $(DEMO)

.PHONY: bench
bench: $(RUNTIME) $(ASSETS) ## Measure this machine, each figure against its limit (BENCH="--quick")
	$(BIN)/unisono bench $(BENCH)

# Checking it -------------------------------------------------------------------------------------------

.PHONY: lint
lint: $(DEV) ## Style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: test
test: $(DEV) $(ASSETS) lint ## Everything that must hold: style, types, layers, tests, and the tests on PostgreSQL 15
	@set -e; UNISONO_CHROMIUM="$$($(PYTHON) scripts/find_browser.py)"; export UNISONO_CHROMIUM; \
	echo "pytest, with $$UNISONO_CHROMIUM"; $(PYTHON) -m pytest -n 2 $(TESTS)
	$(PYTHON) scripts/test_postgres15.py

.PHONY: conformance
conformance: $(DEV) ## The collector's contract, the field's own clients (Python, Node.js, browser), the identity scenarios
	$(PYTHON) -m pytest tests/customers
	@set -e; UNISONO_CHROMIUM="$$($(PYTHON) scripts/find_browser.py)"; export UNISONO_CHROMIUM; \
	$(PYTHON) tests/conformance/run.py
	@set -e; folder="$$(mktemp -d)"; chmod 755 "$$folder"; trap 'rm -rf "$$folder"' EXIT; \
	$(BIN)/unisono --data-dir "$$folder/data" identity scenarios tests/data/identity_scenarios.json

.PHONY: docs
docs: $(DEV) ## Write docs/reference anew from the code
	$(PYTHON) scripts/reference.py

.PHONY: lock
lock: $(DEV) ## Write the lock files anew (LOCK=--upgrade for the newest versions)
	$(PYTHON) scripts/lock.py $(LOCK)

.PHONY: clean
clean: ## Remove everything that make made
	rm -rf $(VENV) node_modules tests/conformance/node_modules tests/conformance/dist src/unisono/console/static/vendor dist build
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
