"""The small experiment, called with a command line."""

import sys

import pytest

from tests.experiments.runner.small_experiment import experiment


@pytest.fixture
def run(monkeypatch):
    """Call the experiment with a command line; returns its config."""

    def call(line: str | list[str] = ""):
        words = line.split() if isinstance(line, str) else line
        monkeypatch.setattr(sys, "argv", ["lora.py", *words])
        return experiment().config

    return call


@pytest.fixture
def said(run, capsys):
    """Call the experiment with a wrong command line; returns the one line that it says."""

    def call(line: str | list[str]) -> str:
        with pytest.raises(SystemExit) as stop:
            run(line)
        out, err = capsys.readouterr()
        assert stop.value.code == 2 and out == ""
        assert err.startswith("lora.py: error: ") and err.count("\n") == 1, err
        assert "jsonargparse" not in err and "<class" not in err and "typing." not in err, err
        return err.removeprefix("lora.py: error: ").rstrip()

    return call


@pytest.fixture
def shown(run, capsys):
    """Call the experiment for its help; returns the text."""

    def call(line: str) -> str:
        with pytest.raises(SystemExit) as stop:
            run(line)
        assert stop.value.code == 0
        return capsys.readouterr().out

    return call
