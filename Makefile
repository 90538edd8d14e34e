# `make` lists the targets. ARGS are more words for the command: make run ARGS="--model.rank 16"
PYTHON ?= python3
BIN := .venv/bin
# A file's tests stay in one process, which makes what they share once.
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/make \1\t\2/p' Makefile | expand -t 16

run: .venv/run-installed ## fine-tune with LoRA, tracked (ARGS="--model.rank 16")
	$(BIN)/python experiments/lora_sst2.py $(ARGS)

test: .venv/test-installed ## run the quick tests, about nine minutes (ARGS="-k lora")
	$(PYTEST) -m "not slow" $(ARGS)

test-all: .venv/test-installed ## run every test: real data, kills and resumes, whole studies as well
	$(PYTEST) $(ARGS)

lint: .venv/test-installed ## check style
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

check: lint ## check style and types
	$(BIN)/mypy

format: .venv/test-installed ## repair style
	$(BIN)/ruff check --fix-only --quiet . && $(BIN)/ruff format .

flags: .venv/test-installed ## write the list of flags from which --help is answered, after a change of them
	$(BIN)/python -m experiments.runner.catalogue_writer

bench: .venv/bench-installed data/imdb/manifest.json ## run the contests with other libraries, an hour or two
	$(BIN)/python -m experiments.benchmarks.startup --record
	$(BIN)/python -m experiments.benchmarks.finetuning --record
	for objective in mlm clm plm; do \
	  $(BIN)/python -m experiments.benchmarks.pretraining --corpus data/imdb --objective $$objective --record || exit; done
	for objective in mlm wwm plm; do \
	  $(BIN)/python -m experiments.benchmarks.corruption --corpus data/imdb --objective $$objective --record || exit; done
	$(BIN)/python -m experiments.benchmarks.instruction_tuning --record
	$(BIN)/python -m experiments.benchmarks.filter_rules --record
	$(BIN)/python -m experiments.benchmarks.scaling --record
	$(BIN)/python -m experiments.benchmarks.near_duplicates --record

data/imdb/manifest.json: | .venv/bench-installed
	$(BIN)/python experiments/tools/prepare_corpus.py --source imdb --output data/imdb

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pretune needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# The empty files say what has been installed, so that a second call installs nothing.
.venv/run-installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing the pinned set into .venv: some minutes, once"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/test-installed: .venv/run-installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

.venv/bench-installed: .venv/run-installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@touch $@

.PHONY: help run test test-all lint check format bench flags
