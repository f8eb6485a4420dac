# Bare `make` lists the targets. Everything is installed into .venv; nothing outside the checkout is touched.

.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
TESTS ?= tests
# One more than there are processors: many tests wait for what they started.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# Compiled once here, not by each of the hundreds of processes that tests and sessions start.
export UV_COMPILE_BYTECODE := 1
# Nor by each again where the environment says that nothing compiled is to be kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test check faults bench docs schema recording site release-check matrix clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.dev ## make .venv with everything for work on this project

demo: $(VENV)/.demo ## live the whole loop on a pet clinic: no account, no server, no configuration
	@$(BIN)/workbench demo $(ARGS)

test: $(VENV)/.dev ## run the tests, in parallel, and report coverage
	@$(BIN)/coverage erase
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup --cov --cov-report= $(TESTS)
	@$(BIN)/coverage report --fail-under=$(if $(filter tests,$(TESTS)),97,0)

check: $(VENV)/.dev ## format, lint, types, import contracts, tests (those of the migrations among them)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

faults: $(VENV)/.dev ## kill, lock, fill and stop what capture rests on, for as long as it would be in earnest
	@WORKBENCH_FAULTS=full $(BIN)/pytest -q -p no:xdist --timeout 400 --durations 10 tests/faults

bench: $(VENV)/.bench ## measure, beside sentry-sdk and raw limits in the same run: one table
	@WORKBENCH_BENCHMARKS=1 $(BIN)/pytest -q -p no:xdist --timeout=1200 $(if $(filter tests,$(TESTS)),tests/benchmarks,$(TESTS))

docs: $(VENV)/.dev ## make the screenshots and all that the docs have from the code again
	@$(BIN)/pytest -q tests/tui/test_snapshots.py
	@$(BIN)/python docs/screenshots.py
	@$(BIN)/python docs/reference.py

schema: $(VENV)/.dev ## write the tables for statements anew from the rows
	@$(BIN)/python tests/store/written_schema.py

recording: $(VENV)/.dev ## record the whole loop in a terminal, as docs/images/loop.svg
	@$(BIN)/python docs/recording.py

site: $(VENV)/.release ## build the documentation as a site, into build/site
	@$(BIN)/zensical build --clean --strict

release-check: $(VENV)/.release ## build wheel and sdist; install the wheel with each extra; licences; vulnerabilities; workflows
	@rm -rf dist
	@$(UV) build -q --no-build-isolation --python $(BIN)/python
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/nox -s extras licences audit workflows
	@echo "wheel and sdist in dist/ install and start"

matrix: $(VENV)/.release ## run the tests on each supported Python and Django; a Python that is missing fails (MISSING=skip)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/nox -s tests \
	    $(if $(filter skip,$(MISSING)),--no-error-on-missing-interpreters) $(if $(filter tests,$(TESTS)),,-- -q $(TESTS))

clean: ## remove .venv and everything that was built
	@rm -rf $(VENV) build dist .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache

$(UV): requirements/setup.txt
	@python=$$(for name in $${PYTHON:-python3 python3.13 python3.12 python3.11}; do \
	    $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done); \
	if [ -z "$$python" ]; then \
	    echo "Bug workbench needs Python 3.11 or later. Install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 3; fi; \
	echo "Making $(VENV) with $$($$python --version) …"; $$python -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/setup.txt
	@touch $(UV)

$(VENV)/.demo: $(UV) requirements/demo.txt pyproject.toml
	@echo "Installing what the demo needs (some 200 MB, most of it Claude Code) …"
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/demo.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.demo requirements/dev.txt
	@echo "Installing what the tests need …"
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.bench: $(VENV)/.dev requirements/bench.txt
	@echo "Installing the peer to measure beside …"
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/bench.txt
	@touch $@

$(VENV)/.release: $(VENV)/.dev requirements/release.txt
	@echo "Installing what a release needs …"
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/release.txt
	@touch $@

requirements: $(UV) ## pin every dependency again, with hashes (run by hand, commit the result)
	@printf 'uv\nhatchling\n' | $(UV) pip compile -q - --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements/setup.txt
	@$(UV) pip compile -q pyproject.toml --extra demo --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-package bug-workbench -o requirements/demo.txt
	@$(UV) pip compile -q pyproject.toml --extra demo --extra postgres --extra celery --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-package bug-workbench -c requirements/demo.txt -o requirements/dev.txt
	@$(UV) pip compile -q --group bench --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements/dev.txt -o requirements/bench.txt
	@$(UV) pip compile -q --group docs --group release --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements/dev.txt -o requirements/release.txt
.PHONY: requirements
