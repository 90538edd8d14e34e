"""The benchmark of a GPU runs, in small, on a CPU."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.benchmarks import gpu
from experiments.benchmarks.gpu_questions import QUESTIONS
from tests.experiments import forking


def test_the_time_is_limited_and_errors_are_kept(tmp_path, monkeypatch):
    asked = gpu.asked_of(["--quick", "--accelerator", "cpu"])
    question, who = "bf16 curve, MaskedLM tiny", "Pretune"
    over = gpu.ask(question, who, asked, 0.5)
    assert over == {"error": "not asked: the 9 minutes were over"}
    seen = {}

    def run(words, env, timeout, **_):
        seen.update(env=env, words=words, timeout=timeout)
        return subprocess.CompletedProcess(words, 1, "", "Traceback\nOutOfMemoryError: full\n")

    monkeypatch.setattr(subprocess, "run", run)
    assert gpu.ask(question, who, asked, 60.0) == {"error": "OutOfMemoryError: full"}
    assert seen["env"]["CUDA_VISIBLE_DEVICES"] == "" and seen["timeout"] == 60
    assert seen["words"][-3:] == ["--alone", question, who]
    gpu.write(tmp_path / "gpu.csv", [{"question": "a", "rate": 1.0}, {"question": "b", **over}])
    assert (tmp_path / "gpu.csv").read_text().splitlines()[0] == "question,rate,error"


@pytest.mark.slow
def test_questions_are_answered(tmp_path):
    """Two of them, of a strategy and of an objective; all take four minutes."""
    words = [sys.executable, "-m", "experiments.benchmarks.gpu", "--quick", "--accelerator", "cpu"]
    asked = ["LoRA, RoBERTa-base", "bf16 curve, MaskedLM tiny"]
    words += ["--only", *asked, "--csv", str(tmp_path / "gpu.csv")]
    done = forking.run(words, text=True, cwd=Path(gpu.__file__).parents[2])
    assert done.returncode == 0, done.stdout + done.stderr
    rows = list(csv.DictReader((tmp_path / "gpu.csv").open()))
    assert [(row["question"], row["contestant"]) for row in rows] == [
        (question, who) for question in asked for who in QUESTIONS[question]
    ]
    assert all(float(row["loss"]) > 0 and not row.get("error") for row in rows)
