# make run    fine-tune with LoRA, tracked          (make run ARGS="--model.rank 16")
# make test   the whole test suite, two at a time   (make test ARGS="-k lora")
# make lint   style
# make bench  the contests with other libraries, an hour or two; experiments/benchmarks/RESULTS.md
PYTHON ?= python3
BIN := .venv/bin

run: .venv/run-installed
	$(BIN)/python experiments/lora_sst2.py $(ARGS)

test: .venv/test-installed
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

lint: .venv/test-installed
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

bench: .venv/bench-installed data/imdb/manifest.json
	$(BIN)/python -m experiments.benchmarks.startup --record
	$(BIN)/python -m experiments.benchmarks.finetuning --record
	for objective in mlm clm plm; do \
	  $(BIN)/python -m experiments.benchmarks.pretraining --corpus data/imdb --objective $$objective --record || exit; done
	for objective in mlm wwm plm; do \
	  $(BIN)/python -m experiments.benchmarks.corruption --corpus data/imdb --objective $$objective --record || exit; done
	$(BIN)/python -m experiments.benchmarks.instruction_tuning --record
	$(BIN)/python -m experiments.benchmarks.filter_rules --record
	$(BIN)/python -m experiments.benchmarks.scaling --record

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

.PHONY: run test lint bench
