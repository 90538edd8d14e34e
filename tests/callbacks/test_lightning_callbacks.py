"""Lightning's own callbacks with every strategy."""

import pytest
import torch
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    EMAWeightAveraging,
    GradientAccumulationScheduler,
    ModelCheckpoint,
)

from callbacks import LastCheckpoint
from experiments.runner.checkpoints import Best
from modules import FullFineTuning
from tests import tiny


@pytest.fixture(params=tiny.STRATEGIES, ids=lambda strategy: strategy.__name__)
def strategy(request):
    return request.param


def logits(module, data):
    with torch.no_grad():
        return module.eval()(data._rows["validation"].__getitems__(list(range(8))))


def test_early_stopping_stops(strategy, bert, reviews):
    data = tiny.read(reviews, bert, batch_size=8)
    stop = EarlyStopping("val/loss", patience=1, min_delta=100.0)  # nothing is an improvement
    run = tiny.fit(tiny.make(strategy, bert), data, stop, max_epochs=9)
    assert run.current_epoch == 2
    assert stop.stopped_epoch == 1


def test_model_checkpoint_loads_back(strategy, bert, reviews, tmp_path):
    data, module = tiny.read(reviews, bert, batch_size=8), tiny.make(strategy, bert)
    keep = ModelCheckpoint(tmp_path, monitor="val/loss", save_top_k=-1)
    tiny.fit(module, data, keep, max_epochs=2)
    again = strategy.load_from_checkpoint(keep.last_model_path or max(tmp_path.glob("*.ckpt")))
    assert len(list(tmp_path.glob("*.ckpt"))) == 2
    assert torch.equal(logits(again, data), logits(module, data))


def test_accumulation_by_epoch(strategy, bert, reviews):
    data = tiny.read(reviews, bert, batch_size=8)
    run = tiny.fit(tiny.make(strategy, bert), data, GradientAccumulationScheduler({0: 3, 1: 1}))
    assert run.global_step == 1 + 3


def test_averaged_weights_are_what_is_kept(strategy, bert, reviews, tmp_path):
    """The file holds the averages, of what trains only, and so does the module in the end."""
    data, module = tiny.read(reviews, bert, batch_size=8), tiny.make(strategy, bert)
    keep = Best(tmp_path, save_weights_only=True, save_on_train_epoch_end=False)
    tiny.fit(module, data, EMAWeightAveraging(decay=0.5), keep, max_epochs=2)
    (file,) = tmp_path.glob("*.ckpt")
    held = torch.load(file, weights_only=True)["state_dict"]
    assert set(held) == module.trainable
    for name, value in tiny.trained(module).items():
        torch.testing.assert_close(held[name], value)
    plain = tiny.make(strategy, bert)
    tiny.fit(plain, data, max_epochs=2)
    other = tiny.trained(plain)
    assert any(not torch.equal(value, other[name]) for name, value in held.items())


def test_averaging_goes_on_after_a_resume(bert, reviews, tmp_path):
    averages_alike(FullFineTuning, "32-true", bert, reviews, tmp_path)


@pytest.mark.slow
def test_averaging_in_mixed_precision_goes_on_after_a_resume(strategy, bert, reviews, tmp_path):
    """In which what is frozen is kept in another type than what trains."""
    averages_alike(strategy, "bf16-mixed", bert, reviews, tmp_path)


def averages_alike(strategy, precision, bert, reviews, tmp_path) -> None:
    data = tiny.read(reviews, bert, batch_size=8)
    ends = {}
    for name, epochs, resume in (("part", 1, False), ("rest", 3, True), ("whole", 3, False)):
        module = tiny.make(strategy, bert, schedule="constant", warmup_ratio=0.0)
        keep = LastCheckpoint(tmp_path / name)
        file = tmp_path / "part" / "last.ckpt" if resume else None
        average = EMAWeightAveraging(decay=0.5)
        tiny.fit(module, data, average, keep, max_epochs=epochs, resume=file, precision=precision)
        ends[name] = tiny.trained(module)
        held = torch.load(keep.file, weights_only=True)
        assert set(held["state_dict"]) == module.trainable == set(held["current_model_state"])
    assert all(torch.equal(value, ends["rest"][name]) for name, value in ends["whole"].items())


class Rows(Callback):
    """Keeps the indices of the rows of each training batch."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.seen.append(batch["index"].tolist())


def test_overfitting_trains_on_the_same_batch_in_every_epoch(bert, reviews):
    rows, data = Rows(), tiny.read(reviews, bert, batch_size=4)
    tiny.fit(tiny.make(FullFineTuning, bert), data, rows, overfit_batches=1, max_epochs=3)
    assert len(rows.seen) == 3 and rows.seen[0] == rows.seen[1] == rows.seen[2]
    shuffled = Rows()
    tiny.fit(tiny.make(FullFineTuning, bert), data, shuffled, limit_train_batches=1, max_epochs=3)
    assert shuffled.seen[0] != shuffled.seen[1]
