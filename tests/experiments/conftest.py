"""An experiment called in this process: quick, with every exit and line that a user would see."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

import pytest
import wandb

import modules
from datamodules import SST2
from experiments.runner import cli
from experiments.tools import sync as sync_tool
from experiments.tracking import server_check
from tests.experiments import chatting, running
from tests.wandb_server import Server


class Ended(NamedTuple):
    """How a call ended: exit code, output, error output, and the folder of its runs."""

    code: int
    out: str
    err: str
    outputs: Path

    @property
    def run(self) -> Path:
        (run,) = self.outputs.glob("*/*")
        return run


@pytest.fixture
def folder(tmp_path, monkeypatch, session_cache) -> Path:
    """The working directory of a user with a file of 120 labelled texts, `my.csv`."""
    for name in [n for n in os.environ if n in ("LOCAL_RANK", "PRETUNE_RUN", "WANDB_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PRETUNE_CACHE", str(session_cache))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    running.write_rows(tmp_path / "my.csv")
    return tmp_path


@pytest.fixture
def speaker(folder) -> str:
    """A tiny model that answers in a chat."""
    return chatting.save_speaker(folder / "speaker")


@pytest.fixture
def records(folder) -> str:
    """A file of instructions, `my.jsonl`."""
    return chatting.write_records(folder / "my.jsonl")


@pytest.fixture
def films(monkeypatch) -> None:
    """Known tasks whose rows need no download."""
    chatting.replace_tasks(monkeypatch)


@pytest.fixture
def piped(folder, monkeypatch, capfd) -> Callable[..., SimpleNamespace]:
    """Call a tool in this process with lines on standard input: exit code, output, errors."""

    def call(tool: ModuleType, *words: str, lines: str = "") -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", [tool.__file__, *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        capfd.readouterr()
        code = 0
        try:
            tool.main()
        except SystemExit as stop:
            code = stop.code
        out, err = capfd.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return call


@pytest.fixture
def experiment(folder, monkeypatch, bert, capfd):
    """Call an experiment with flags after those of a tiny run; `bare` leaves those out."""

    def call(
        *words: object,
        bare: bool = False,
        tracked: bool = False,
        name: str = "lora_sst2",
        model: type = modules.LoRA,
        **defaults,
    ) -> Ended:
        line = (
            [str(word) for word in words] if bare else running.flags(bert, *words, tracked=tracked)
        )
        monkeypatch.setattr(sys, "argv", [f"experiments/{name}.py", *line])
        monkeypatch.delenv("PRETUNE_RUN", raising=False)
        capfd.readouterr()
        code = 0
        try:
            cli.main(f"experiments/{name}.py", "A question.", model, SST2, defaults)
        except SystemExit as stop:
            code = stop.code
        out, err = capfd.readouterr()
        return Ended(code, out, err, folder / "outputs")

    return call


@pytest.fixture
def server(folder, monkeypatch):
    """A W&B server, and a user with a key for it in an empty home; it must have no complaint."""
    monkeypatch.delenv("WANDB_MODE")
    (folder / "home").mkdir()
    monkeypatch.setenv("HOME", str(folder / "home"))
    with Server() as server:
        for name, value in server.variables.items():
            monkeypatch.setenv(name, value)
        wandb.teardown()
        yield server
        server.behave()
        wandb.teardown()
    assert server.errors == []


@pytest.fixture
def sync(folder, monkeypatch, capfd):
    """Call sync.py in this process, with a server that need not be asked again for long."""
    monkeypatch.setattr(server_check, "RETRY_AFTER", (0, 0.5))

    def call(*words: object) -> Ended:
        wandb.teardown()  # before the environment is kept, which names its service
        before, code = dict(os.environ), 0
        monkeypatch.setattr(sys, "argv", ["experiments/tools/sync.py", *map(str, words)])
        capfd.readouterr()
        try:
            sync_tool.main()
        except SystemExit as stop:
            code = stop.code
        wandb.teardown()
        os.environ.clear()
        os.environ.update(before)
        return Ended(code, *capfd.readouterr(), folder / "outputs")

    return call
