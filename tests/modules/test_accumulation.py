"""Gradients of several batches against that of one large batch with the same rows."""

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import GradientAccumulationScheduler

from modules import FullFineTuning, LanguageModeling
from tests import tiny


class Gradients(Callback):
    """The batches of each step, and the gradients with which it is taken."""

    def __init__(self) -> None:
        self.windows, self.gradients, self._open = [], [], []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self._open.append(batch)

    def on_before_zero_grad(self, trainer, pl_module, optimizer):
        if any(p.grad is not None for p in pl_module.parameters()):
            self.gradients.append([p.grad.clone() for p in pl_module.parameters()])

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch:
            self.windows.append(self._open)
            self._open = []


def whole_gradients(module, windows) -> list[list[torch.Tensor]]:
    """Mean over all rows of a window, summed one batch after another by autograd."""
    wanted = []
    for window in windows:
        module.zero_grad()
        prepared = [module.task.prepare(batch, training=True) for batch in window]
        total = sum(module.task.num_targets(batch) for batch in prepared)
        for batch in prepared:
            loss = module.task.loss(module(batch), batch)
            (loss * module.task.num_targets(batch) / total).backward()
        wanted.append([p.grad.clone() for p in module.parameters()])
    module.zero_grad()
    return wanted


def run(backbone, reviews, *callbacks, task=None, **settings):
    """Three unlike batches an epoch (10, 10, 4 rows) with a rate of almost nothing."""
    still = {"learning_rate": 1e-30, "weight_decay": 0.0, "backbone_dropout": 0.0}
    module = tiny.make(FullFineTuning, backbone, task=task, **still)
    data, seen = tiny.read(reviews, backbone, batch_size=10), Gradients()
    tiny.fit(module, data, *callbacks, seen, limit_val_batches=0, **settings)
    return module, seen


def test_gradients_are_clipped_after_they_are_weighed(bert, reviews):
    settings = {"accumulate_grad_batches": 2, "gradient_clip_val": 0.1, "max_epochs": 2}
    module, seen = run(bert, reviews, **settings)
    for ours, theirs in zip(seen.gradients, whole_gradients(module, seen.windows), strict=False):
        length = torch.stack([part.norm() for part in theirs]).norm()
        assert length > 0.1
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other * 0.1 / length, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("several", [1, 2])
def test_steps_without_a_target_change_nothing(bert, reviews, several):
    """No token is masked in any batch: the loss is 0, and nothing is divided by 0."""
    task, gradients = LanguageModeling(mask_probability=0.0), Gradients()
    data = tiny.read(reviews, bert, labels="none", batch_size=10)
    module = tiny.make(FullFineTuning, bert, task=task, weight_decay=0.0)
    before = tiny.trained(module)
    tiny.fit(module, data, gradients, accumulate_grad_batches=several, limit_val_batches=0)
    assert gradients.gradients
    for name, value in tiny.trained(module).items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("several", [1, 2, 3])
def test_accumulated_gradients_are_those_of_the_large_batch(backbone, reviews, several):
    module, seen = run(backbone, reviews, accumulate_grad_batches=several, max_epochs=2)
    sizes = [sum(len(batch["labels"]) for batch in window) for window in seen.windows]
    assert sum(sizes) == 48
    assert len(sizes) == 2 * -(-3 // several)
    wanted = whole_gradients(module, seen.windows)
    assert len(seen.gradients) == len(wanted) - 1  # those of the last step stay to the end
    for ours, theirs in zip(seen.gradients, wanted, strict=False):
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_rows_of_a_small_batch_would_count_for_more_without_the_weights(bert, reviews, monkeypatch):
    monkeypatch.setattr(
        "modules.accumulation.TokenWeightedAccumulation.scale_loss",
        lambda self, module, loss, size: loss,
    )
    monkeypatch.setattr(
        "modules.accumulation.TokenWeightedAccumulation.normalize_grads", lambda self, module: None
    )
    module, seen = run(bert, reviews, accumulate_grad_batches=3, max_epochs=2)
    wanted = whole_gradients(module, seen.windows)
    ours = torch.cat([g.flatten() for g in seen.gradients[0]])
    theirs = torch.cat([g.flatten() for g in wanted[0]])
    assert (ours - theirs).norm() > 0.02 * theirs.norm()


def test_the_number_may_change_by_epoch(bert, reviews):
    callback = GradientAccumulationScheduler({0: 1, 1: 2, 2: 3})
    module, seen = run(bert, reviews, callback, max_epochs=4)
    assert [len(window) for window in seen.windows] == [1, 1, 1, 2, 1, 3, 3]
    for ours, theirs in zip(seen.gradients, whole_gradients(module, seen.windows), strict=False):
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
    assert len(seen.gradients) >= 6


def test_a_language_model_weighs_by_predicted_tokens(llama, reviews):
    task = LanguageModeling()
    settings = {"task": task, "accumulate_grad_batches": 2, "max_epochs": 2}
    data = tiny.read(reviews, llama, labels="none", batch_size=10)
    still = {"learning_rate": 1e-30, "weight_decay": 0.0, "backbone_dropout": 0.0}
    module, seen = tiny.make(FullFineTuning, llama, task=settings.pop("task"), **still), Gradients()
    tiny.fit(module, data, seen, limit_val_batches=0, **settings)
    wanted = whole_gradients(module, seen.windows)
    for ours, theirs in zip(seen.gradients, wanted, strict=False):
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
    assert seen.gradients
