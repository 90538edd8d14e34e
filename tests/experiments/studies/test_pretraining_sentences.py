"""What measures a gain of pre-training: the sentences, and intervals with both errors."""

import csv

import pytest
import torch

from datamodules import TextFiles
from experiments.benchmarks import gain_coverage
from experiments.reporting.predicted import table
from experiments.studies import labelled_sentences, pretraining_report
from experiments.studies.pretraining_origins import Origin
from tests.experiments.reporting import predictions
from tests.experiments.studies.ablating import result

ORIGINS = [Origin("new", "MaskedLM", None, share=0), Origin("MLM", "MaskedLM", "new")]
ROWS = 400


def texts(file) -> list[str]:
    with file.open(encoding="utf-8", newline="") as lines:
        return [row["text"] for row in csv.DictReader(lines)]


@pytest.mark.slow  # it reads the bundled reviews
def test_no_sentence_that_a_run_may_train_on_tests(tmp_path):
    written = labelled_sentences.write(tmp_path)
    train, validation, test = (
        texts(written.with_name(f"{name}.csv")) for name in ("train", "validation", "test")
    )
    assert len(train) == labelled_sentences.TRAINING and len(test) > 4000
    assert not set(train) & set(test) and not set(validation) & {*train, *test}
    assert len({*train, *validation, *test}) == len(train) + len(validation) + len(test)
    before = written.stat().st_mtime_ns
    labelled_sentences.write(tmp_path)
    assert written.stat().st_mtime_ns == before
    data = TextFiles(str(labelled_sentences.folder(tmp_path)))
    assert list(data.label_names) == ["negative", "positive"]
    assert {name: len(part) for name, part in data.dataset.splits.items()} == {
        "train": len(train),
        "validation": len(validation),
        "test": len(test),
    }


def tuned(folder, right: float, name: str) -> dict:
    """Runs of ten seeds that keep their predictions."""
    labels = torch.arange(ROWS) % 2
    found = {}
    for seed in range(10):
        draw = torch.Generator().manual_seed(seed + (100 if name == "MLM" else 0))
        hits = torch.rand(ROWS, generator=draw) < right + (torch.arange(ROWS) % 4 == 0) * 0.2
        logits = torch.nn.functional.one_hot(labels ^ ~hits, 2).float()
        run = folder / f"{name}{seed}"
        run.mkdir()
        kept = predictions.of_logits("class", ["n", "p"], labels, logits)
        table.write(run / table.FILE, {"test": kept})
        found[name, 500, seed] = result(float(hits.float().mean()), run=str(run), seconds=1.0)
    return found


WAYS = {"new": "", "MLM": ""}


def test_intervals_hold_the_errors_of_seeds_and_of_rows(tmp_path):
    runs = tuned(tmp_path, 0.5, "new") | tuned(tmp_path, 0.6, "MLM")
    made = {
        ("new", 0): result(0.0, tokens=0, training_seconds=0.0),
        ("MLM", 0): result(0.0, tokens=2_000_000, training_seconds=50.0),
    }
    pretraining_report.report(
        tmp_path, "tiny", ORIGINS, made, runs, dict.fromkeys(("new", "MLM"), "")
    )
    text = (tmp_path / "table.md").read_text()
    assert "errors of seeds and test rows, for one pre-training" in text
    blind = {key: {**run, "run": "nowhere"} for key, run in runs.items()}
    ours, theirs = (pretraining_report.runs_of(runs, name, 500) for name in ("MLM", "new"))
    mine, other = (pretraining_report.runs_of(blind, name, 500) for name in ("MLM", "new"))
    both, alone = (
        pretraining_report.change(*pair, pretraining_report.METRIC)
        for pair in ((ours, theirs), (mine, other))
    )
    assert both.mean == alone.mean and both.high - both.low > alone.high - alone.low


def test_gains_of_several_budgets_stand_beside_their_minutes(tmp_path):
    for tokens, seconds, right in ((2_000_000, 60.0, 0.55), (20_000_000, 600.0, 0.6)):
        made = {
            ("new", 0): result(0.0, tokens=0, training_seconds=0.0),
            ("MLM", 0): result(0.0, tokens=tokens, training_seconds=seconds),
        }
        runs = {
            (name, 500, seed): result(value + seed / 100, run=f"{name}{value}{seed}")
            for name, value in (("new", 0.5), ("MLM", right))
            for seed in range(3)
        }
        pretraining_report.report(
            tmp_path, "tiny", ORIGINS, made, runs, dict.fromkeys(("new", "MLM"), "")
        )
    lines = (tmp_path / "table.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    costs = [row for row in rows if row[:1] == ["MLM"] and row[1:2] in (["1.0"], ["10.0"])]
    assert [row[:3] for row in costs] == [["MLM", "1.0", "2.00 M"], ["MLM", "10.0", "20.00 M"]]
    assert [row[3].strip("*")[:4] for row in costs] == ["+5.0", "+10."]


def test_simulated_gains_are_held_as_often_as_they_should():
    held, alone, _ = gain_coverage.coverage(0.03, 300, 5, 0.0, 60)
    assert 0.86 <= held <= 1.0 and alone < held
