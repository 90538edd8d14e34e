"""The settings of experiments whose tasks have tuned ones: as they were measured, anywhere."""

import runpy
import sys

import pytest

from experiments.runner import cli
from experiments.runner.command_line import CommandLine
from modules import FullFineTuning, LoRA, tuned_settings
from tests.experiments.running import ROOT

# Rank, learning rate, epochs and tokens of a batch.
MEASURED = {
    "dpo": (8, 5e-4, 1, 1024),
    "social_iqa": (4, 3e-4, 2, 1536),
    "squad": (None, 3e-4, 2, 3072),
    "headlines": (8, 5e-4, 1, 1024),
    "translation": (16, 1e-3, 1, 1024),
}


@pytest.mark.quick_if(lambda case: case["name"] == "headlines")
@pytest.mark.parametrize("name", MEASURED)
def test_an_experiment_has_the_settings_of_its_figures(name, monkeypatch):
    given = []
    monkeypatch.setattr(cli, "main", lambda *asked: given.append(asked))
    monkeypatch.setattr(sys, "argv", [f"{name}.py"])
    runpy.run_path(str(ROOT / "experiments" / f"{name}.py"), run_name="__main__")
    ((_, question, *classes, stated),) = given
    parsed = CommandLine(name, question, *classes, stated).parsed
    model, data = parsed["model"]["init_args"], parsed["data"]["init_args"]
    found = model.get("rank"), model["learning_rate"], parsed["trainer"]["max_epochs"]
    assert (*found, data["batch_tokens"]) == MEASURED[name]


@pytest.mark.parametrize(
    ("strategy", "backbone", "task", "model", "rest"),
    [
        (LoRA, "smollm2", "Preference", {"rank": 8, "learning_rate": 5e-4}, (1, 1024)),
        (LoRA, "smollm2", "SequenceToSequence", {"rank": 8, "learning_rate": 5e-4}, (1, 1024)),
        (LoRA, "smollm2", "MultipleChoice", {"learning_rate": 3e-4}, (2, None)),
        (LoRA, "minilm", "MultipleChoice", {}, (2, None)),  # measured with a decoder
        (FullFineTuning, "minilm", "QuestionAnswering", {"learning_rate": 3e-4}, (2, None)),
    ],
)
def test_a_task_brings_its_settings_along(strategy, backbone, task, model, rest):
    found = tuned_settings(strategy, backbone, task)
    assert found["model"] == model
    assert (found["trainer"]["max_epochs"], found["data"].get("batch_tokens")) == rest
