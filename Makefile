# Vanguard. `make demo` shows it, `make test` proves it, `make check` keeps it tidy.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup lock check test demo bench-detect train bench-scale build cluster up down generate clean

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Vanguard needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "==> installing pinned packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP)  ## the virtual environment, from the lock

lock:            ## renew both locks from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra dev --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header --upgrade -o requirements.lock
	uv pip compile pyproject.toml -c requirements.lock --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header -o requirements-runtime.lock

bench-detect: setup ## how good the forecasts are, beside what people use; NAB=<folder> adds real series, ARGS= options
	@PYTHONPATH=operator $(BIN)/python -m bench.detection $(if $(NAB),--nab $(NAB)) $(ARGS)

train: setup     ## train the forecaster's network anew and write it where it is shipped
	@PYTHONPATH=operator $(BIN)/python -m bench.detection.train $(ARGS)

bench-scale: setup  ## cycles over 1k, 10k and 100k series, and the naive way beside them
	@$(BIN)/python -c 'import pandas' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'pandas>=2.2,<4'
	@$(BIN)/python -m bench.scale

build: setup     ## devcluster's binaries (minutes the first time, cached after)
	@$(BIN)/python -m devcluster build

cluster: setup   ## a control plane and Prometheus, without operator and workload
	@$(BIN)/python -m devcluster cluster

up: setup        ## control plane, Prometheus, demo workload and the operator
	@$(BIN)/python -m devcluster up

down: setup      ## stop all that `cluster` or `up` started
	@$(BIN)/python -m devcluster down

demo: setup      ## the whole loop on four services, checked and narrated
	@$(BIN)/python -m devcluster demo

generate: build  ## CRDs and the field reference from the models, manifests from the chart
	@$(BIN)/vanguard crds crds charts/vanguard/crds
	@$(BIN)/vanguard reference docs/policy-reference.md
	@HELM=$$($(BIN)/python -m devcluster which helm) $(BIN)/python manifests/render.py

check: build     ## lint, format, types, import rules, drift of generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/vanguard crds --check crds charts/vanguard/crds
	@$(BIN)/vanguard reference --check docs/policy-reference.md
	@HELM=$$($(BIN)/python -m devcluster which helm) $(BIN)/python manifests/render.py --check

test: build      ## every test, those against the real control plane too
	@$(BIN)/python -m pytest

clean: down      ## forget devcluster's data, the environment and caches
	rm -rf .devcluster $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
