"""The command line of ablate.py: one line of error for bad input, and the help."""

import sys

import pytest

from experiments.tools import ablate


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nowhere.py --vary a.b=1", "nowhere.py: there is no such file"),
        ("lora_ssst2 --vary a.b=1", "lora_ssst2: there is no such file; did you mean lora_sst2?"),
        ("lora_sst2 --vary model.rank", "--vary model.rank: write it as --vary model.rank=8"),
        ("lora_sst2 --vary =2", "--vary =2: write it as"),
        ("lora_sst2 --vary model.rank=2,,8", "--vary model.rank=2,,8: give values with a comma"),
        ("lora_sst2 --vary model.rank=2,8,2", "--vary model.rank=2,8,2: 2 is given twice"),
        ("lora_sst2 --vary a=1 --vary a=2", "--vary a: given twice; put all its values into one"),
        ("lora_sst2 --vary seed_everything=1,2", "--vary seed_everything: the seeds are --seeds"),
        ("lora_sst2 --vary a=1 -- --a=2", "-- --a: is varied, so not for every run"),
        ("lora_sst2 --vary a=1 -- --output x", "-- --output: the folder is --output of this"),
        ("lora_sst2 --vary a=1 --seeds 0", "--seeds 0: at least 1"),
        ("lora_sst2 --vary a=1 --jobs 0", "--jobs 0: at least 1"),
        ("lora_sst2 --vary a=1 --alpha 1", "--alpha 1.0: between 0 and 1"),
        ("lora_sst2 --vary a=1 --name ../x", "--name ../x: letters, digits"),
        ("lora_sst2", "the following arguments are required: --vary"),
        ("--vary a=1", "the following arguments are required: script"),
        ("lora_sst2 --vary model.rank=x", "--model.rank x: must be a whole number above 0"),
        ("lora_sst2 --vary model.rnak=2,8", "unknown flag --model.rnak; did you mean --model.rank"),
        (
            "lora_sst2 --vary model.rnak=2 --vary model=LoRA,Adapter",
            "unknown flag --model.rnak; did you mean --model.rank?",
        ),
        ("lora_sst2 --vary model=LoRA,Adaptr", "--model Adaptr: unknown class; did you mean"),
        ("lora_sst2 --vary model.learning_rate=1e-3,0.001", "are the same run"),
        ("lora_sst2 --vary model=LoRA,Adapter -- --model.rank 2", "Adapter has no rank"),
        ("lora_sst2 --vary model.rank=2,8 --baseline model.rank=4", "no such combination; there"),
        (
            "lora_sst2 --vary model.rank=2,8 --metric test/accuracy -- --hold_out_test true",
            "--hold_out_test true: no test row is measured, so there is no test/accuracy",
        ),
        ("tools/prepare_corpus --vary a=1", "it does not call main of experiments.runner.cli"),
    ],
)
def test_bad_input_is_one_line_before_anything_runs(line, message, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ablate.py", *line.split()])
    with pytest.raises(SystemExit) as stop:
        ablate.main()
    said = capsys.readouterr().err
    assert stop.value.code == 2 and message in said and len(said.splitlines()) == 1, said
    assert not (folder / "outputs").exists()


def test_help_says_what_becomes_of_a_flag_that_a_class_has_not(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ablate.py", "--help"])
    with pytest.raises(SystemExit) as stop:
        ablate.main()
    said = capsys.readouterr().out
    assert stop.value.code == 0 and "is left out" in said and "--baseline" in said
