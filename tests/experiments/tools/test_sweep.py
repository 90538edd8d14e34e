"""sweep.py: trials run without W&B, gone on with and reported."""

import csv
import json
import sys

import pytest

from experiments.reporting import tables
from experiments.studies.sweep import sweep_file, trial_table
from experiments.tools import sweep
from tests.experiments import running
from tests.experiments.tools.sweeping import GRID, RANDOM, write


@pytest.mark.slow
def test_a_whole_one_is_gone_on_with_and_not_repeated(folder, bert, monkeypatch, capfd):
    """Two trials of a random sweep; then four, of which two are new; with words of the command."""
    fixed = running.flags(bert, tracked=True)
    words = ["${env}", "python", "${program}", *fixed, "${args}"]
    file = write(folder, RANDOM | {"command": words, "project": "swept"})

    def swept(count: int) -> str:
        line = [str(file), "--count", str(count), "--jobs", "2"]
        monkeypatch.setattr(sys, "argv", ["experiments/tools/sweep.py", *line])
        capfd.readouterr()
        sweep.main()
        return capfd.readouterr().out

    first = swept(2)
    root = folder / "outputs" / "sweep" / "mine"
    before = {path: path.stat().st_mtime for path in root.glob("runs/*/*/*/result.json")}
    out = swept(4)
    after = {path: path.stat().st_mtime for path in root.glob("runs/*/*/*/result.json")}
    assert len(before) == 2 and len(after) == 4 and before.items() <= after.items()
    assert "2 of 4 runs have been made before" in out
    rows = list(csv.DictReader((root / "trials.csv").open()))
    scores = [float(row["val/accuracy"]) for row in rows]
    assert scores == sorted(scores, reverse=True) and len({row["trial"] for row in rows}) == 4
    for row in rows:
        settings = running.config(folder / row["run"])["model"]["init_args"]
        assert settings["learning_rate"] == float(row["model.learning_rate"])
        assert settings["rank"] == int(row["model.rank"])
    assert f"best of 4 trials: trial {rows[0]['trial']}, val/accuracy {scores[0]:.4f}" in out
    assert f"--model.rank={rows[0]['model.rank']}" in out and "wandb sweep" in out
    assert (root / "trials.png").read_bytes().startswith(b"\x89PNG") and "done" in first
    one = running.recorded(folder / rows[0]["run"])
    assert (one.facts["project"], one.facts["group"], one.facts["job_type"]) == (
        "swept",
        "mine",
        "sweep-run",
    )
    assert (
        running.recorded(sorted(root.glob("wandb/offline-run-*"))[-1]).facts["job_type"] == "sweep"
    )
    assert swept(4).splitlines()[-6:] == out.splitlines()[-6:]
    assert len(list(root.glob("wandb/offline-run-*"))) == 2  # of two trials, and of four


def test_bayes_goes_on_where_it_was_with_other_jobs(folder, monkeypatch):
    """What was proposed stays proposed, whatever has been told since."""
    pytest.importorskip("optuna", reason="pip install -e '.[bayes]'")
    read = sweep_file.read(write(folder, RANDOM | {"method": "bayes"}))

    def search(count: int, at_once: int) -> list[dict]:
        class Told(sweep.Comparison):
            def run(self) -> None:
                for job in self.jobs:
                    run = job.folder / "lora_sst2" / "run"
                    run.mkdir(parents=True, exist_ok=True)
                    score = float(dict(f[2:].split("=") for f in job.flags)["model.learning_rate"])
                    result = {"metrics": {"val/accuracy": score}}
                    (run / "result.json").write_text(json.dumps(result))

        monkeypatch.setattr(sweep, "Comparison", Told)
        asked = type("Asked", (), {"jobs": at_once, "seed": 0})
        results, failed = sweep._run(read, count, folder / "root", asked)
        assert not failed and len(results) == count
        return [result["given"] for result in results.values()]

    two_by_two = search(4, 2)
    assert search(6, 1)[:4] == two_by_two
    assert len(list((folder / "root" / "runs").iterdir())) == 6


def test_report_of_trials_that_differ_in_metrics(folder):
    read = sweep_file.read(write(folder, GRID))
    rows = [
        {"trial": n, "model.rank": 2, "model.learning_rate": 1e-3, "trainer.max_epochs": 1}
        | {"val/accuracy": n / 10, "seconds": 5.0}
        for n in (1, 2, 3)
    ]
    rows[1]["test/accuracy"] = 0.5
    rows = trial_table.ranked(rows, "val/accuracy", True)
    text = trial_table.text(read, rows, "val/accuracy", 1, {"test/accuracy": 0.25})
    assert "on the test rows: test/accuracy 0.2500" in text and "0.5000" not in text
    assert "best of 3 trials; 1 failed: trial 3, val/accuracy 0.3000 (median 0.2000)" in text
    assert tables.csv_of(rows).splitlines()[0].endswith("test/accuracy")
    assert "the best of many is partly luck" in text
