# `make demo` runs the whole line on the embedded default; `make test` runs the tests. Both set up what they need.
.DEFAULT_GOAL := help
.PHONY: help setup setup-convert demo test check lock docs clean

BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# MLflow would otherwise report its use, and reads the environment from a second thread while doing so.
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.complete ## Make .venv from the lock file; compiles llama-cpp-python once

.venv/.complete: requirements.lock pyproject.toml workflow/scripts/setup.sh
	@workflow/scripts/setup.sh
	@touch $@

setup-convert: .venv-convert/.complete ## Make .venv-convert, for `medeval convert`: torch and llama.cpp's converter

.venv-convert/.complete: requirements-convert.txt requirements.lock workflow/scripts/setup-convert.sh | setup
	@workflow/scripts/setup-convert.sh
	@touch $@

demo: setup ## Run the whole line on the embedded default and print the verdicts
	@medeval demo

test: setup ## Run the tests
	@$(BIN)/python -m pytest

check: setup ## Lint, format, types, layers, workflow
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/snakefmt --check Snakefile workflow/rules
	@$(BIN)/snakemake --lint

lock: ## Resolve requirements.lock again from pyproject.toml
	uv pip compile pyproject.toml --extra dev --extra slurm --universal --generate-hashes \
		--python-version 3.11 --no-header --output-file requirements.lock

docs: setup ## Write the configuration's schema and documentation again
	@medeval schema

clean: ## Remove the results of the demo
	rm -rf results/demo .snakemake
