"""The metric by which runs are compared: known, or refused, before the runs are made."""

import json
import sys

import pytest
import yaml

from experiments.reporting.results import headline, main_metric
from experiments.runner.lengths import endless, unvalidated
from experiments.studies.sweep.trial_table import ranked
from experiments.tools import ablate, sweep
from tests.experiments import running

DEFAULT = {
    **{"limit_val_batches": None, "fast_dev_run": False, "enable_checkpointing": None},
    **{"max_steps": -1, "max_epochs": 2, "limit_train_batches": None},
    **{"check_val_every_n_epoch": 1, "val_check_interval": None, "accumulate_grad_batches": 1},
}


@pytest.fixture
def called(folder, monkeypatch, capfd):
    def call(tool, *words):
        monkeypatch.setattr(sys, "argv", [f"experiments/tools/{tool.__name__}.py", *words])
        code = 0
        try:
            tool.main()
        except SystemExit as stop:
            code = stop.code
        return (code, *capfd.readouterr())

    return call


def results(folder) -> list:
    return list(folder.glob("outputs/*/*/runs/*/*/*/result.json"))


@pytest.mark.parametrize(
    ("changed", "flag"),
    [
        ({}, ""),
        ({"max_steps": 6}, ""),  # the data decide
        ({"limit_val_batches": 0}, "--trainer.limit_val_batches 0"),
        ({"limit_val_batches": 0.0}, "--trainer.limit_val_batches 0"),
        ({"fast_dev_run": True}, "--trainer.fast_dev_run"),
        ({"enable_checkpointing": False}, "--trainer.enable_checkpointing false"),
        ({"max_steps": 0}, "--trainer.max_steps 0"),
        (
            {"check_val_every_n_epoch": 3},
            "--trainer.check_val_every_n_epoch 3 with --trainer.max_epochs 2",
        ),
        ({"check_val_every_n_epoch": 3, "max_epochs": None}, ""),
        (
            {"val_check_interval": 100, "max_steps": 6},
            "--trainer.val_check_interval 100 with --trainer.max_steps 6",
        ),
        ({"val_check_interval": 100, "max_steps": 6, "accumulate_grad_batches": 20}, ""),
    ],
)
def test_flags_that_leave_no_validation(changed, flag):
    assert unvalidated(DEFAULT | changed, trains=True) == flag
    assert bool(unvalidated(DEFAULT | changed, trains=False)) == ("limit_val" in flag)


def test_a_training_without_an_end_is_refused_before_there_is_a_folder(experiment):
    assert endless(DEFAULT | {"max_epochs": -1}) and not endless(
        DEFAULT | {"max_epochs": -1, "max_steps": 9}
    )
    ended = experiment("--trainer.max_epochs", "-1")
    assert ended.code == 2 and not ended.outputs.exists(), ended
    assert "--trainer.max_epochs -1 needs --trainer.max_steps" in ended.err


def test_a_result_without_validation_has_no_main_metric():
    result = {"metrics": {"test/accuracy": 0.5}, "run": "runs/one"}
    assert list(headline(result)) == []
    with pytest.raises(ValueError, match="runs/one ended without a validation"):
        main_metric(result)
    assert main_metric(result, "test/accuracy") == ("test/accuracy", 0.5)
    with pytest.raises(ValueError, match="--metric val/f1: not in runs/one; there are test/acc"):
        main_metric(result, "val/f1")


def test_trials_whose_metric_is_no_number_come_last():
    rows = [{"m": float("nan")}, {"m": 1.0}, {"m": 3.0}, {"m": 2.0}]
    for maximize, order in ((True, [3, 2, 1]), (False, [1, 2, 3])):
        assert [row["m"] for row in ranked(rows, "m", maximize)[:3]] == order


@pytest.mark.slow
def test_an_ablation_without_validation_ends_after_its_first_run(called, folder, bert):
    flags = running.flags(bert, "--trainer.max_steps", 2)
    words = ["lora_sst2", "--vary", "model.rank=2,4", "--seeds", "2"]
    for again in (False, True):
        code, out, err = called(ablate, *words, "--", *flags)
        assert code == 2 and "StopIteration" not in out + err, (out, err)
        assert "ended without a validation" in err.strip().splitlines()[-1]
        assert len(results(folder)) == 1, again
    line = [*words, "--metric", "test/accuracy", "--", *flags]
    code, out, err = called(ablate, *line)
    assert code == 0 and len(results(folder)) == 4, (out, err)


def test_an_ablation_that_cannot_be_validated_is_refused_before_the_first_run(called, folder, bert):
    words = ["lora_sst2", "--vary", "trainer.limit_val_batches=1,0", "--seeds", "1"]
    code, _, err = called(ablate, *words, "--", *running.flags(bert))
    assert code == 2 and "--trainer.limit_val_batches 0: no checkpoint is chosen" in err
    assert not (folder / "outputs").exists()


@pytest.mark.slow
def test_any_validation_metric_can_be_compared(called, folder, bert):
    words = ["lora_sst2", "--vary", "model.rank=2,4", "--seeds", "1", "--metric", "val/f1"]
    code, out, err = called(ablate, *words, "--", *running.flags(bert))
    assert code == 0 and "val/f1" in out, (out, err)
    found = [json.loads(file.read_text())["metrics"] for file in results(folder)]
    assert len(found) == 2 and all("val/f1" in metrics for metrics in found)


@pytest.mark.slow
@pytest.mark.parametrize(("metric", "code", "runs"), [("val/loss", 0, 2), ("val/no", 2, 1)])
def test_a_sweep_over_any_metric(called, folder, bert, metric, code, runs):
    fixed = dict(word.lstrip("-").split() for word in _pairs(running.flags(bert)))
    said = {
        "program": str(running.ROOT / "experiments" / "lora_sst2.py"),
        "method": "grid",
        "metric": {"name": metric, "goal": "minimize"},
        "parameters": {
            "model.rank": {"values": [2, 4]},
            **{name: {"value": yaml.safe_load(value)} for name, value in fixed.items()},
        },
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(said))
    ended, out, err = called(sweep, "mine.yaml")
    assert ended == code and len(results(folder)) == runs, (out, err)
    if code:
        assert "mine.yaml: metric.name val/no: not in " in err.strip().splitlines()[-1]


def _pairs(words: list[str]) -> list[str]:
    return [f"{key} {value}" for key, value in zip(words[::2], words[1::2], strict=True)]
