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
        "--trainer.callbacks+=BatchSizeFinder --data.batch_size 8",
    ],
)
def test_a_run_with_it_ends_well(words, experiment):
    ended = experiment(*words.split())
    assert ended.code == 0, ended.err
    assert "test/accuracy" in result(ended.run)["metrics"]


def test_a_search_for_the_batch_size_needs_one(experiment):
    ended = experiment("--trainer.callbacks+=BatchSizeFinder")
    assert ended.code == 2 and len(ended.err.strip().splitlines()) == 1, ended.err
    assert "--data.batch_size" in ended.err
