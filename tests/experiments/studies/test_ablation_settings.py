"""An ablation says whether its classes are tuned, and in which settings they differ."""

import sys

import pytest

from datamodules import SST2
from experiments import strategies
from experiments.runner.command_line import CommandLine
from experiments.runner.summary import by_flag_names
from experiments.studies import dry_run, workers
from experiments.studies.ablation import analysis, settings, text
from experiments.studies.ablation.grid import Combination
from experiments.studies.ablation.html_page import page
from experiments.studies.jobs import EXPERIMENTS
from modules import LoRA
from tests.experiments import shipped
from tests.experiments.studies.ablating import question, result

MODELS = [Combination((("model", name),)) for name in ("LoRA", "LinearProbe")]


@pytest.fixture
def made(monkeypatch):
    """The results of runs of two models as they would be with some flags, each with two seeds."""

    def call(*flags: str) -> dict:
        found = {}
        for one in MODELS:
            monkeypatch.setattr(sys, "argv", ["lora_sst2.py", *one.flags, *flags])
            line = CommandLine("lora_sst2", "A question.", LoRA, SST2, {})
            config = by_flag_names(line.parsed) | {"name": f"data-{one.name}"}  # as a run is named
            more = {"config": config, "origins": line.origins}
            found[one] = {seed: result(0.8 + seed / 100, **more) for seed in (0, 1)}
        return found

    return call


def report(found: dict) -> analysis.Report:
    asked = question(keys=["model"], baseline=MODELS[0], seeds=2)
    made = analysis.analyse(asked, found)
    made.settings = settings.compare(found, ["model"])
    return made


def test_it_says_that_they_are_tuned_and_how_they_differ(made):
    said = report(made())
    held = {
        name: dict(zip(said.settings.head, row, strict=True))
        for name, row in said.settings.rows.items()
    }
    lora, probe = held["model=LoRA"], held["model=LinearProbe"]
    for flag, one, other in (
        ("trainer.max_epochs", "2 *", "20 *"),
        ("data.batch_tokens", "512 *", "4096 *"),
        ("model.task.pooling", "native", "mean *"),
        ("model.learning_rate", "0.001", "0.03"),
        ("model.rank", "5 *", "–"),
    ):
        assert (lora[flag], probe[flag]) == (one, other)
    assert len(said.settings.head) == 5 and not said.settings.notes
    shown = text.markdown(said)
    assert "Tuned: each class has what is tuned for it" in shown and "4096 *" in shown
    html = page(said, "a command")
    assert '<table id="settings">' in html and "4096 *" in html


@pytest.mark.slow
def test_it_says_that_they_are_not_tuned(made):
    said = report(made("--tuned=false"))
    assert said.settings.head == ["model.learning_rate"]
    assert "Not tuned (--tuned false)" in text.markdown(said)


@pytest.mark.slow
def test_flags_of_the_user_are_not_marked_as_tuned(made):
    said = report(made("--trainer.max_epochs=3", "--data.batch_tokens=512"))
    assert said.settings.head == ["model.rank", "model.learning_rate", "model.task.pooling"]


@pytest.mark.slow
def test_runs_of_one_row_with_different_settings_are_named(made):
    found, before = made(), made("--tuned=false")
    found[MODELS[1]][1] = before[MODELS[1]][1]
    (epochs,) = [n for n in settings.compare(found, ["model"]).notes if "max_epochs" in n]
    assert "model=LinearProbe" in epochs and "20 and 2;" in epochs


@pytest.mark.slow
def test_strategies_are_those_of_their_own_experiments():
    """What `ablate lora_sst2 --vary model=...` runs is what `strategies.py` runs."""
    more = ["--model.backbone=smollm2"], ["--tuned=false"]
    asked = {
        row.file: [[*row.flags, *flags] for flags in ([], more[number % 2])]
        for number, row in enumerate(strategies.ROWS)
    }
    own = workers.call(shipped.parse_all, asked)
    lines = []
    for file, words in asked.items():
        name = own[file][0].config["model"]["class_path"].split(".")[-1]
        lines += [[f"--model={name}", *flags] for flags in words]
    varied = dry_run.parse(EXPERIMENTS / "lora_sst2.py", lines)
    assert len(own) == 10 and len(varied) == 20
    wanted = [one for file in asked for one in own[file]]
    assert [one.config for one in varied] == [one.config for one in wanted]
