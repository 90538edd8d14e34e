"""A run that was killed goes on to the very numbers of the run that was not."""

import shutil

import pytest
import torch
from lightning.pytorch import Callback

from callbacks import Cost, LastCheckpoint
from modules import FullFineTuning, LoRA
from tests import tiny


class Copies(Callback):
    """A copy of last.ckpt for every step at which it was written."""

    def __init__(self, last: LastCheckpoint, folder) -> None:
        self.files, self.folder = {}, folder
        save = last._save

        def save_and_copy(trainer) -> None:
            save(trainer)
            self.files[trainer.global_step] = folder / f"{trainer.global_step}.ckpt"
            shutil.copy(last.file, self.files[trainer.global_step])

        last._save = save_and_copy


def run(strategy, backbone, reviews, folder, seconds, resume=None, **settings):
    module = tiny.make(strategy, backbone, seed=1 if resume else 0, **settings.pop("module", {}))
    data = tiny.read(reviews, backbone, batch_size=8, **settings.pop("data", {}))
    last, cost = LastCheckpoint(folder, seconds=seconds), Cost()
    copies = Copies(last, folder)
    done = tiny.fit(module, data, cost, last, copies, resume=resume, **settings)
    return module, done.logger, cost, copies.files


def assert_same_from_every_step(strategy, backbone, reviews, folder, steps, **settings):
    unbroken, log, cost, _ = run(strategy, backbone, reviews, folder, 1e9, **settings)
    weights, curve = tiny.trained(unbroken), log.values("train/loss")
    checks, tokens = log.values("val/loss") + log.values("val/accuracy"), cost.tokens
    assert [step for step, _ in curve] == list(range(steps))
    *_, files = run(strategy, backbone, reviews, folder, 0, **settings)
    assert sorted(files) == list(range(1, steps + 1))
    for step, file in files.items():
        resumed, log, cost, _ = run(strategy, backbone, reviews, folder, 1e9, file, **settings)
        for name, value in tiny.trained(resumed).items():
            assert torch.equal(value, weights[name]), (step, name)
        assert log.values("train/loss") == curve[step:], step
        assert set(log.values("val/loss") + log.values("val/accuracy")) <= set(checks)
        assert cost.tokens == tokens, step
        assert 0 < cost.seconds < 60, step


@pytest.mark.parametrize("strategy", tiny.STRATEGIES)
def test_resumed_at_any_step_it_ends_as_the_unbroken_run(strategy, backbone, reviews, tmp_path):
    assert_same_from_every_step(strategy, backbone, reviews, tmp_path, steps=6)
