"""The contestants of the benchmarks run, each at the smallest size that it takes."""

import json
import sys
from pathlib import Path

import pytest

from experiments.benchmarks import gpu_inputs, harness
from tests.experiments import forking

CONTESTANTS = {
    "corruption": ("Pretune", "collator"),
    "pretraining": ("Pretune", "bare loop, same batches", "Trainer"),
    "prediction": ("Pretune", "bare loop", "bare loop, sorted"),
    "filter_rules": ("Pretune", "datatrove"),
    "near_duplicates": ("corpus pipeline",),
    "finetuning": ("Pretune, the command", "bare loop, same batches"),
    "instruction_tuning": ("Pretune, packed, texts apart",),
}
FLAGS = {
    "corruption": "--corpus {} --objective wwm --steps 2 --batch 4",
    "pretraining": "--corpus {} --objective mlm --size tiny --batch 4 --steps 2 --warmup 1",
    "prediction": "--rows 40 --layers 0",
    "filter_rules": "--documents 10",
    "near_duplicates": "--copies 10",
    "finetuning": "--rows 32 --epochs 1",
    "instruction_tuning": "--rows 4",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> str:
    return gpu_inputs.write_corpus(tmp_path_factory.mktemp("corpus"), 20_000)


def said(folder: Path, name: str, *words: str) -> str:
    command = [sys.executable, "-m", f"experiments.benchmarks.{name}", *words]
    done = forking.run(command, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_second_round_runs_in_reverse(monkeypatch):
    turns = []
    monkeypatch.setattr(
        harness, "output_of", lambda who, *_: turns.append(who) or json.dumps({"turn": len(turns)})
    )
    found = harness.compete("corruption", ["a", "b", "c"], rounds=3)
    assert turns == ["a", "b", "c", "c", "b", "a", "a", "b", "c"]
    assert [one["turn"] for one in found["a"]] == [1, 6, 7]


def test_what_is_written_below_a_recorded_table_stays(monkeypatch, tmp_path):
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(sys, "argv", ["growth.py", "--record"])
    below = "A remark.\n\n| more |\n|---|\n| 3 |\n\nThe end.\n\n"
    rest = "## Other\n\n| a |\n|---|\n| 1 |\n\n## Log\n"
    harness.RESULTS.write_text(
        f"# Results\n\n## Growth\n\nfacts\n\n| a |\n|---|\n| 1 |\n\n{below}{rest}"
    )
    harness.record("Growth", "growth", "| a |\n|---|\n| 2 |")
    written = harness.RESULTS.read_text()
    assert written.endswith(f"| a |\n|---|\n| 2 |\n\n{below}{rest}")
    assert "python -m experiments.benchmarks.growth` at" in written and "| 1 |\n\nA" not in written
    harness.record("New", "growth", "| b |\n|---|\n| 4 |")
    assert harness.RESULTS.read_text().endswith("| b |\n|---|\n| 4 |\n\n## Log\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTESTANTS)
def test_contestants(name, corpus, tmp_path):
    for contestant in CONTESTANTS[name]:
        words = FLAGS[name].format(corpus).split()
        found = json.loads(said(tmp_path, name, *words, "--alone", contestant).splitlines()[-1])
        assert found and all(value >= 0 for value in found.values()), contestant


@pytest.mark.slow
def test_the_prefix_cache(tmp_path):
    words = "--rows 4 --shots 2 --batch 2 --rounds 1".split()
    assert "answers agree on 100.0%" in said(tmp_path, "prefix_cache", *words)
