# `make demo` runs the whole line on the embedded default; `make test` runs the tests. Both set up what they need.
.DEFAULT_GOAL := help
.PHONY: help setup setup-vulkan setup-metal setup-cuda setup-vllm setup-convert demo test trials simulate bench check \
	check-oracles record-readings check-vulkan lock lock-vllm docs clean

BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# MLflow would otherwise report its use, and reads the environment from a second thread while doing so.
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.complete ## Make .venv from the lock file; compiles llama-cpp-python once
setup-vulkan: .venv-vulkan/.complete ## The same as .venv-vulkan, with llama.cpp compiled for Vulkan
setup-metal: .venv-metal/.complete ## The same as .venv-metal, for Metal
setup-cuda: .venv-cuda/.complete ## The same as .venv-cuda, for CUDA

INSTALLED := requirements.lock pyproject.toml workflow/scripts/setup.sh workflow/scripts/targets.sh

.venv/.complete: $(INSTALLED)
	@workflow/scripts/setup.sh cpu
	@touch $@

.venv-%/.complete: $(INSTALLED)
	@workflow/scripts/setup.sh $*
	@touch $@

setup-vllm: .venv-vllm/.complete ## Make .venv-vllm, for the target vllm: vLLM on NVIDIA GPUs (9 GB)

.venv-vllm/.complete: workflow/envs/vllm.lock pyproject.toml workflow/scripts/setup-vllm.sh | setup
	@workflow/scripts/setup-vllm.sh
	@touch $@

setup-convert: .venv-convert/.complete ## Make .venv-convert, for `medeval convert`: torch and llama.cpp's converter

.venv-convert/.complete: requirements-convert.txt requirements.lock workflow/scripts/setup-convert.sh | setup
	@workflow/scripts/setup-convert.sh
	@touch $@

demo: setup ## Run the whole line on the embedded default and print the verdicts
	@medeval demo

test: setup ## Run the tests
	@$(BIN)/python -m pytest

trials: setup ## Tests that draw their input, with ten times as much of it as `make test`
	@MEDEVAL_TRIALS=1000 $(BIN)/python -m pytest tests/workflow/test_configuration_text.py

check: setup ## Lint, format, types, layers, workflow
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/snakefmt --check Snakefile workflow/rules
	@$(BIN)/snakemake --lint

check-oracles: setup ## Compare with what others published, from replies that are not part of the project
	@$(BIN)/python -m pytest -s tests/oracles

record-readings: setup ## Record what this version of the extractor reads in the golden corpus
	@$(BIN)/python tests/unit/answers/answers_golden.py

check-vulkan: setup-vulkan ## Try the Vulkan build on a software device (Mesa's lavapipe): some minutes
	@.venv-vulkan/bin/python -m pytest -s tests/devices/check_vulkan.py

simulate: setup ## Check the statistics by simulation, about half an hour: audits, intervals and tests
	@$(BIN)/python -m pytest -s tests/simulate/simulate_*.py

bench: setup ## Measure the engine against others; LLAMA_TOOLS=DIR names a build of llama.cpp's programs
	@$(BIN)/python tests/bench/bench_engine.py --weights results/demo/weights/smollm2-135m-instruct/q4_k_m.gguf \
		$(if $(LLAMA_TOOLS),--llama-tools $(LLAMA_TOOLS)) $(BENCH)

lock: ## Resolve requirements.lock again from pyproject.toml
	uv pip compile pyproject.toml --extra dev --extra slurm --universal --generate-hashes \
		--python-version 3.11 --no-header --output-file requirements.lock

lock-vllm: ## Resolve workflow/envs/vllm.lock again
	echo "vllm==0.32.0; sys_platform == 'linux' and platform_machine == 'x86_64'" | uv pip compile - pyproject.toml \
		--universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-package llama-cpp-python --output-file workflow/envs/vllm.lock

docs: setup ## Write the configuration's schema and documentation again
	@medeval schema

clean: ## Remove the results of the demo
	rm -rf results/demo .snakemake
