"""Tuned settings on the command line: where they hold, what wins over them, what is refused."""

import sys

import pytest
import yaml

from datamodules import SST2
from experiments.runner import tuned_checks
from experiments.runner.classes import class_flags
from experiments.runner.command_line import CommandLine
from modules import FullFineTuning, LinearProbe, LoRA, Tuned
from modules.base import PretuneModule
from modules.registry import registered

SETTINGS = ("trainer.max_epochs", "data.batch_tokens", "model.task.pooling", "model.learning_rate")


@pytest.fixture
def line(monkeypatch):
    """Parse the flags of an experiment with LoRA on SST-2."""

    def call(words: str = "", model=LoRA, **defaults) -> CommandLine:
        monkeypatch.setattr(sys, "argv", ["some_sst2.py", *words.split()])
        stated = {key.replace("__", "."): value for key, value in defaults.items()}
        return CommandLine("some_sst2", "A question.", model, SST2, stated)

    return call


def settings(parsed: CommandLine) -> tuple:
    model, data = parsed.config.model.init_args, parsed.config.data.init_args
    pooling = model.task.init_args.pooling
    return parsed.config.trainer.max_epochs, data.batch_tokens, pooling, model.learning_rate


@pytest.mark.parametrize("name", sorted(registered(PretuneModule)))
def test_every_tuned_setting_is_a_flag_that_may_be_tuned(name):
    cls = registered(PretuneModule)[name]
    flags = class_flags(cls, "model")
    for one in cls.tuned:
        assert tuned_checks.wrong(one, cls, flags) == ""


def test_another_class_brings_its_own(line):
    probe = line(model=LinearProbe).parsed
    swapped = line('--model {"class_path":"LinearProbe"}')
    assert swapped.parsed == probe and settings(swapped) == (20, 4096, "mean", 3e-2)


def test_user_wins_over_experiment_over_class(line):
    words = "--model LinearProbe --model.task.pooling native"
    parsed = line(words, trainer__max_epochs=7)
    assert settings(parsed) == (7, 4096, "native", 3e-2)
    assert parsed.notes == [
        "tuned for LinearProbe: data.batch_tokens 4096; --tuned false leaves that out"
    ]
    assert parsed.origins["trainer.max_epochs"] == "experiment"
    assert parsed.origins["model.task.pooling"] == "command line"
    assert parsed.origins["data.batch_tokens"].startswith("tuned: experiments/strategies.py")


@pytest.mark.slow
def test_false_leaves_the_same_to_all(line):
    plain = (2, 768, "native")
    for name in ("LoRA", "LinearProbe", "Adapter", "Peft"):
        parsed = line(f"--tuned false --model {name}")
        assert settings(parsed)[:3] == plain and parsed.parsed["tuned"] is False
    assert line("--tuned=false").config.model.init_args.rank == 4  # of the class


@pytest.mark.slow
def test_by_backbone_and_by_task(line):
    assert settings(line("--model.backbone smollm2"))[3] == 5e-4
    assert settings(line("--model Adapter --model.backbone smollm2"))[2] == "native"
    assert settings(line("--model.task PairClassification"))[:2] == (3, 2048)
    tags = line("--model Adapter --model.task InstructionFollowing").parsed
    assert tags["trainer"]["max_epochs"] == 1
    assert "pooling" not in tags["model"]["init_args"]["task"]["init_args"]


@pytest.mark.slow
def test_a_printed_config_keeps_what_it_had(line, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(line("--tuned false").parsed | {"tuned": True}))
    kept = line(f"--config {file}")
    assert settings(kept) == (2, 768, "native", 1e-3) and kept.config.model.init_args.rank == 4
    file.write_text("model: {class_path: LinearProbe, init_args: {learning_rate: 0.5}}\n")
    assert settings(line(f"--config {file}")) == (20, 4096, "mean", 0.5)


@pytest.mark.slow
def test_help_shows_them_with_their_source(line, capsys):
    for words in ("--help.model LinearProbe", "--model LinearProbe --help.model"):
        with pytest.raises(SystemExit):
            line(words)
        shown = " ".join(capsys.readouterr().out.split())
        assert "--model.task.pooling mean" in shown
        assert "trainer.max_epochs 20 (experiments/strategies.py" in shown
    with pytest.raises(SystemExit):
        line("--model LinearProbe --help")
    assert "--trainer.max_epochs 20 " in capsys.readouterr().out


class _Own(FullFineTuning):
    """A strategy of the user's own, tuned beside what its base is tuned for."""

    tuned = (Tuned("data.batch_tokens", 300, "a sweep: 0.84"),)


def test_own_class_brings_its_own(line):
    assert settings(line(f"--model {__name__}._Own"))[:2] == (2, 300)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (Tuned("model.rnak", 1, "x"), "model.rnak: _Own cannot be tuned by it"),
        (Tuned("model.backbone", "a", "x"), "model.backbone: _Own cannot be tuned by it"),
        (Tuned("data.source", "a", "x"), "data.source: _Own cannot be tuned by it"),
        (Tuned("trainer.max_epoch", 1, "x"), "did you mean trainer.max_epochs?"),
        (Tuned("trainer.max_epochs", 1, ""), "needs its source"),
        (Tuned("trainer.max_epochs", 1, "x", "decodr"), "backbone decodr: there are encoder,"),
        (Tuned("trainer.max_epochs", 1, "x", task="Regresion"), "did you mean Regression?"),
        (("trainer.max_epochs", 1), "write it as Tuned("),
    ],
)
def test_a_wrong_one_is_named(one, said):
    assert said in tuned_checks.wrong(one, _Own, class_flags(_Own, "model"))


@pytest.mark.slow
def test_own_class_with_a_wrong_one_is_refused(line, monkeypatch, capsys):
    for one in (Tuned("model.rnak", 1, "x"), ("trainer.max_epochs", 1)):
        monkeypatch.setattr(_Own, "tuned", (one,))
        with pytest.raises(SystemExit) as stop:
            line(f"--model {__name__}._Own")
        shown = capsys.readouterr().err
        assert stop.value.code == 2 and "--model _Own: its tuned setting" in shown
        assert shown.count("\n") == 1, shown


@pytest.mark.parametrize("name", ["{run}/export", "[x", "a: b: c", '"q', "2026-02-30"])
def test_a_backbone_whose_name_is_no_yaml_is_a_name(line, name):
    parsed = line(f"--model.backbone={name.replace(' ', '')}")
    assert parsed.config.model.init_args.backbone == name.replace(" ", "")
