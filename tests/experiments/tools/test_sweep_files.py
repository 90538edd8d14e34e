"""Sweep files are read as W&B reads them; each mistake in one is one line."""

import sys

import pytest
import yaml

from experiments.studies.sweep import sweep_file
from experiments.tools import sweep
from tests.experiments.running import ROOT
from tests.experiments.tools.sweeping import GRID, RANDOM, write


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"program": "none.py"}, "program: none.py: there is no such file"),
        ({"method": "hyperopt"}, "method: hyperopt is not one of grid, random, bayes"),
        ({"method": None}, "method is missing"),
        ({"parameter": {}}, "parameter: unknown key; did you mean parameters?"),
        ({"metric": {"name": "a", "goal": "max"}}, "metric.goal: max is not minimize or maximize"),
        ({"metric": "val/loss"}, "metric: val/loss: lines below it read 'name: val/loss'"),
        ({"metric": {"name": 5}}, "metric.name: 5: name a metric, such as val/loss"),
        (
            {"command": ["${program}", "--seed_everything=3", "${args}"]},
            "command: --seed_everything: write it as a parameter, such as",
        ),
        ({"parameters": {"output": {"value": "x"}}}, "parameters.output: give --output to this"),
        ({"method": "bayes", "metric": None}, "metric.name is missing; bayes needs it"),
        ({"parameters": {"a": 3}}, "parameters.a: give it value, values, or min and max"),
        ({"parameters": {"a": {"min": 1}}}, "parameters.a: give it value, values, min and max"),
        (
            {"parameters": {"a": {"distribution": "unifrom", "min": 0, "max": 1}}},
            "parameters.a.distribution: unifrom is not known; did you mean uniform?",
        ),
        (
            {"parameters": {"a": {"distribution": "uniform", "min": 0}}},
            "parameters.a: uniform needs max",
        ),
        (
            {"parameters": {"a": {"min": 0, "max": 1, "step": 2}}},
            "parameters.a.step: int_uniform takes max, min",
        ),
        ({"parameters": {"a": {"min": "1e-4", "max": 1}}}, "a.min: 1e-4 is not a number (write 1"),
        ({"parameters": {"a": {"min": 2, "max": 2}}}, "parameters.a: min 2 is not below max 2"),
        (
            {"parameters": {"a": {"distribution": "log_uniform_values", "min": 0, "max": 1}}},
            "parameters.a.min: 0 has no logarithm",
        ),
        (
            {"parameters": {"a": {"min": 0.1, "max": 1}}},
            "a: uniform has no end; a grid takes value",
        ),
        (
            {"parameters": {"a": {"values": [1, 2], "probabilities": [1, 1]}}},
            "parameters.a.probabilities: one for each value, 1 in all",
        ),
        (
            {"parameters": {"a": {"values": [1, 2], "probabilities": "half"}}},
            "parameters.a.probabilities: one for each value, 1 in all",
        ),
        (
            {"parameters": {"model": {"parameters": {"rank": {"value": 1}}}}},
            "parameters.model: nested parameters are written with dots, as model.rank",
        ),
        ({"command": ["${program}"]}, "command: needs ${program} and ${args}"),
        (
            {"command": ["torchrun", "${program}", "${args}"]},
            "command: torchrun before the program runs under `wandb agent` only",
        ),
        ({"command": "python ${program}"}, "command: give a list of words"),
        ({"run_cap": 0}, "run_cap: 0 is not a whole number above 0"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(change, message, folder, monkeypatch, capsys):
    name = write(folder, GRID | change)
    monkeypatch.setattr(sys, "argv", ["sweep.py", name])
    with pytest.raises(SystemExit) as stop:
        sweep.main()
    said = capsys.readouterr().err
    assert stop.value.code == 2 and f"{name}: " in said and message in said, said
    assert len(said.splitlines()) == 1 and not (folder / "outputs").exists()


@pytest.mark.parametrize(
    ("said", "words", "message"),
    [
        (RANDOM, [], "--count: random has no end; give a number of trials"),
        (RANDOM, ["--count", "0"], "--count 0: at least 1"),
        (
            GRID | {"parameters": {"model.rnak": {"values": [2, 8]}}},
            [],
            "unknown flag --model.rnak; did you mean --model.rank?",
        ),
        (
            GRID | {"parameters": {"model.rank": {"values": [2, "x"]}}},
            [],
            "--model.rank x: must be a whole number above 0",
        ),
    ],
)
def test_bad_flags_and_values_are_one_line(said, words, message, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sweep.py", write(folder, said), *words])
    with pytest.raises(SystemExit) as stop:
        sweep.main()
    shown = capsys.readouterr().err
    assert stop.value.code == 2 and message in shown and len(shown.splitlines()) == 1, shown
    assert not (folder / "outputs").exists()


def test_missing_and_broken_files(folder):
    with pytest.raises(ValueError, match="none.yaml: there is no such file"):
        sweep_file.read("none.yaml")
    (folder / "broken.yaml").write_text("a: [1\nb: 2")
    with pytest.raises(ValueError, match="broken.yaml: not YAML, line 2"):
        sweep_file.read("broken.yaml")
    (folder / "list.yaml").write_text("- a")
    with pytest.raises(ValueError, match="list.yaml: not a sweep file"):
        sweep_file.read("list.yaml")


def test_what_is_not_followed_is_said(folder):
    said = {"early_terminate": {"type": "hyperband", "min_iter": 3}, "entity": "team"}
    said |= {"metric": {"name": "val/loss", "target": 0.1}}
    read = sweep_file.read(write(folder, GRID | said))
    assert [note.split(" is not followed here")[0] for note in read.notes] == [
        "early_terminate",
        "metric.target",
        "entity",
    ]
    assert not read.maximize  # minimize, unless the file says


@pytest.mark.parametrize(
    ("metric", "maximize", "said"),
    [
        ({"name": "val/accuracy"}, True, ["metric.goal is missing: here the largest val/accuracy"]),
        ({"name": "val/accuracy", "goal": "minimize"}, False, ["of val/accuracy, more is better"]),
        ({"name": "val/loss", "goal": "maximize"}, True, ["of val/loss, less is better"]),
        ({"name": "val/loss"}, False, []),
        ({"name": "val/depth"}, False, ["nobody has said whether more or less of val/depth"]),
        ({"name": "val/depth", "goal": "maximize"}, True, []),
    ],
)
def test_the_direction_of_a_metric_is_known(metric, maximize, said, folder):
    read = sweep_file.read(write(folder, GRID | {"metric": metric}))
    assert read.maximize is maximize and len(read.notes) == len(said)
    assert all(words in note for words, note in zip(said, read.notes, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted((ROOT / "experiments" / "sweeps").glob("*.yaml")))
def test_our_sweep_files_are_good_for_both(file, monkeypatch):
    """Read by us; and with what `wandb sweep` and `wandb agent` need: flat keys, a block list."""
    monkeypatch.chdir(ROOT)
    read = sweep_file.read(str(file.relative_to(ROOT)))
    said = yaml.safe_load(file.read_text())
    assert said["command"][:3] == ["${env}", "${interpreter}", "${program}"]
    assert said["program"].startswith("experiments/") and read.metric.startswith("val/")
    assert read.cap or read.method == "grid"
    lines = sweep._each_value_once(plan_as_random(read), 0)
    sweep.parse(read.program, lines)


def plan_as_random(read: sweep_file.SweepFile) -> sweep_file.SweepFile:
    return sweep_file.SweepFile(**vars(read) | {"method": "random"})  # which needs no Optuna


def test_values_are_written_as_flags_take_them():
    assert [sweep_file.flag("a", value) for value in (None, True, [1, "b"], 1e-4, "x y")] == [
        "--a=null",
        "--a=true",
        '--a=[1, "b"]',
        "--a=0.0001",
        "--a=x y",
    ]
