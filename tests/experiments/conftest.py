"""An experiment called in this process: quick, with every exit and line that a user would see."""

import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import modules
from datamodules import SST2
from experiments import cli
from tests.experiments import running


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
        code, handlers = 0, {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            cli.main(f"experiments/{name}.py", "A question.", model, SST2, defaults)
        except SystemExit as stop:
            code = stop.code
        for number, handler in handlers.items():
            signal.signal(number, handler)
        out, err = capfd.readouterr()
        return Ended(code, out, err, folder / "outputs")

    return call
