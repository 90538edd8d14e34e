"""Callbacks chosen by flag, through a whole run."""

import pytest

from tests.experiments.running import result


@pytest.mark.parametrize(
    "words",
    [
        "--trainer.callbacks+=EMAWeightAveraging",
        "--trainer.callbacks+=EarlyStopping --trainer.callbacks.monitor=val/loss",
        "--trainer.callbacks+=LayerwiseUnfreezing --trainer.callbacks.every_steps=1 "
        "--trainer.callbacks+=DiscriminativeLearningRates --trainer.callbacks.layer_decay=0.5 "
        "--model.schedule slanted_triangular",
    ],
)
def test_a_run_with_it_ends_well(words, experiment):
    ended = experiment(*words.split())
    assert ended.code == 0, ended.err
    assert "test/accuracy" in result(ended.run)["metrics"]


@pytest.mark.parametrize("flag", ["--trainer.callbacks+=EarlyStoping", "--trainer.callbacks Nope"])
def test_an_unknown_callback_is_answered_with_a_list(said, flag):
    line = said(flag)
    assert "unknown class" in line and "EarlyStopping" in line and "choose from" in line
