"""ablate.py as a command line: 2 values × 2 modules × 3 seeds, killed half-way and gone on with."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scipy import stats

from experiments.tools import ablate as ablate_tool
from tests.experiments import running
from tests.experiments.running import ROOT

OWN = """
from experiments.runner.cli import main
from datamodules import SST2
from modules import LoRA

if __name__ == "__main__":
    main(__file__, "My own.", LoRA, SST2, {"model.rank": 3})
"""


def finished(root: Path) -> dict[Path, float]:
    return {file: file.stat().st_mtime for file in root.glob("runs/*/*/*/result.json")}


@pytest.fixture
def ablate(folder, monkeypatch, capfd):
    """Call ablate.py in this process: exit code, output, errors."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["experiments/tools/ablate.py", *words])
        capfd.readouterr()
        code = 0
        try:
            ablate_tool.main()
        except SystemExit as stop:
            code = stop.code
        return code, *capfd.readouterr()

    return call


@pytest.mark.slow
def test_values_of_two_modules_over_three_seeds(folder, bert, session_cache, browser, ablate):
    """Killed with -9 after some runs, and started again: those are not repeated."""
    words = ["lora_sst2", "--vary", "model.learning_rate=1e-6,3e-2"]
    words += ["--vary", "model=LoRA,Adapter", "--seeds", "3", "--jobs", "2", "--name", "small"]
    words += ["--metric", "val/accuracy", "--", *running.flags(bert, tracked=True)]
    root = folder / "outputs" / "ablation" / "small"
    first = running.start(words, folder, session_cache, "tools/ablate")
    end = time.monotonic() + 120
    while len(finished(root)) < 4 and time.monotonic() < end and first.poll() is None:
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    before = finished(root)
    assert 4 <= len(before) < 12

    code, out, err = ablate(*words)
    assert code == 0, (out, err)
    after = finished(root)
    assert len(after) == 12 and len(list(root.glob("runs/*"))) == 12
    assert {file: after[file] for file in before} == before
    assert f"{len(before)} of 12 runs have been made before" in out
    assert "small: 4 combinations × 3 seeds" in out and "Traceback" not in err
    files = ("report.html", "report.png", "table.md", "summary.csv", "runs.csv", "report.json")
    assert all((root / name).stat().st_size > 100 for name in files)

    runs = list(csv.DictReader((root / "runs.csv").open()))
    values: dict[str, dict[str, float]] = {}
    for run in runs:
        values.setdefault(run["combination"], {})[run["seed"]] = float(run["val/accuracy"])
        told = running.config(folder / run["run"])
        assert told["model"]["class_path"].endswith(run["model"])
        assert told["model"]["init_args"]["learning_rate"] == float(run["model.learning_rate"])
        assert told["seed_everything"] == int(run["seed"])
    summary = list(csv.DictReader((root / "summary.csv").open()))
    base = list(values[summary[0]["combination"]].values())
    for row in summary[1:]:
        known = stats.ttest_rel(list(values[row["combination"]].values()), base).pvalue
        if row["p t"]:
            assert float(row["p t"]) == pytest.approx(known)
        assert row["verdict"] in ("better", "worse", "not shown")

    page = browser.open(root / "report.html")
    assert page.count("#curves path.curve") == 4 and page.count("#forest g.difference") == 3
    assert page.errors == [] and page.requests == [(root / "report.html").as_uri()]
    page.close()

    record = running.recorded(root)
    assert record.facts["group"] == "small" and record.facts["job_type"] == "ablation"
    assert record.facts["tags"] == ["ablation"] and record.state == "finished"
    logged = record.logged
    assert {"qualities", "differences", "runs", "report", "page"} <= {
        key.split(".")[0] for key in logged
    }
    assert len(list(root.glob("wandb/offline-run-*/files/media/table/*.json"))) == 3
    one = running.recorded(folder / runs[0]["run"])
    assert one.facts["group"] == "small" and one.facts["job_type"] == "ablation-run"
    assert set(one.facts["tags"]) >= {"ablation", "model=LoRA", "model.learning_rate=1e-6"}

    code, again, err = ablate(*words)
    assert code == 0 and "12 of 12 runs have been made before" in again, (again, err)
    assert again[again.index("small: val/") :] == out[out.index("small: val/") :]
    assert len(list(root.glob("wandb/offline-run-*"))) == 1  # the same report, not recorded twice


@pytest.mark.slow
def test_a_script_of_ones_own_a_failing_run_and_one_seed(folder, bert, ablate):
    (folder / "mine.py").write_text(OWN)
    words = ["mine.py", "--vary", "model.targets=all-linear,nothing", "--seeds", "1"]
    code, out, err = ablate(*words, "--", *running.flags(bert))
    assert code == 1, (out, err)
    assert "targets=nothing, seed 0: failed with exit code 2" in out
    assert "failed: targets=nothing, seed 0: " in out and "no linear layer of that name" in out
    root = folder / "outputs" / "ablation" / "mine-model.targets"
    assert len(finished(root)) == 1 and f"done   {root.relative_to(folder)}" in out
    (row,) = csv.DictReader((root / "runs.csv").open())
    assert running.config(folder / row["run"])["model"]["init_args"]["rank"] == 3
    assert "W&B is disabled" in out and "no curves of 1 runs" in out


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(folder, bert, session_cache):
    words = ["lora_sst2", "--vary", "model.rank=2,4", "--seeds", "2", "--"]
    words += running.flags(bert, "--trainer.max_epochs", "400")
    process = running.start(words, folder, session_cache, "tools/ablate")
    end = time.monotonic() + 60
    while time.monotonic() < end and not list(folder.glob("outputs/ablation/*/runs/*/*/*")):
        time.sleep(0.05)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    assert (
        process.returncode == 130 and "Continue, without repeating finished runs, with: " in err
    ), err
    assert "ablate.py lora_sst2 --vary model.rank=2,4" in err and "Traceback" not in err


@pytest.mark.slow
def test_the_command_runs_from_anywhere(tmp_path):
    """A real process, which finds our packages without the path of the tests."""
    command = [sys.executable, str(ROOT / "experiments" / "tools" / "ablate.py"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "usage: ablate.py SCRIPT --vary" in done.stdout
