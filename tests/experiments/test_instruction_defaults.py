"""instruction_tuning.py follows the data: its length, its rows, and what it measures beside."""

import sys

import pytest

from datamodules import Instructions
from datamodules.instructions import lengths
from experiments import instruction_tuning
from experiments.runner import cli
from modules import LoRA
from tests.experiments import chatting, running

DEFAULTS = {
    "model.task": "InstructionFollowing",
    "trainer.callbacks": ["GenerationSamples", "UnseenTasks"],
    "data.train_rows": "auto",
    "data.tasks": "auto",
}


@pytest.mark.parametrize("limit", ["--trainer.max_steps=2", "--trainer.limit_train_batches=1"])
def test_the_length_follows_the_records_and_nothing_else_is_measured(
    speaker, limit, folder, monkeypatch, capfd
):
    words = chatting.flags(speaker, chatting.write_records(folder / "my.jsonl"), limit)
    place = words.index("--trainer.max_epochs")
    del words[place : place + 2]
    script = instruction_tuning
    monkeypatch.setattr(sys, "argv", ["experiments/instruction_tuning.py", *words])
    monkeypatch.delenv("PRETUNE_RUN", raising=False)
    cli.main(script.__file__, script.__doc__, LoRA, Instructions, DEFAULTS)
    said = capfd.readouterr()
    (run,) = folder.glob("outputs/*/*")
    rows = running.result(run)["data"]["rows"]["train"]
    noted = f"note   10 epochs for {rows:,} records; --trainer.max_epochs sets" in said.out
    assert noted == ("max_steps" not in limit)
    if noted:
        assert running.result(run)["config"]["trainer"]["max_epochs"] == 10
        assert running.config(run)["trainer"]["max_epochs"] == 10
        origin = running.result(run)["origins"]["trainer.max_epochs"]
        assert origin == f"the number of records, {rows:,}"
    assert "UnseenTasks" not in said.err and "not taught" not in said.out


@pytest.mark.parametrize(
    ("records", "epochs"), [(1, 10), (45, 10), (400, 5), (900, 2), (2200, 1), (10**6, 1)]
)
def test_few_records_are_read_more_often(records, epochs):
    assert lengths.epochs_for(records) == epochs


@pytest.mark.parametrize(("source", "rows", "tasks"), [("bundled", 2000, 1), ("my.jsonl", None, 0)])
def test_defaults_follow_the_source(source, rows, tasks, speaker):
    data = Instructions(source, speaker, max_length=64, train_rows="auto", tasks="auto")
    assert data.train_rows == rows and len(data.tasks.names) == tasks and not data.unseen
