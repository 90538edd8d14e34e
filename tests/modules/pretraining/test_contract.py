"""Every objective: it learns, resumes to the same curve, takes every callback, and is loadable."""

import math
import re

import pytest
import torch
import transformers
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, Timer
from torch.utils.data import DataLoader

import modules
from callbacks import (
    DiscriminativeLearningRates,
    LastCheckpoint,
    LayerwiseUnfreezing,
    ThroughputMonitor,
)
from experiments.common import metrics
from modules import Classification, FullFineTuning, MaskedLM, ReplacedTokenDetection
from modules.exporting import export
from modules.pretraining.base import PretrainingModule
from modules.registry import registered
from tests import stories, tiny
from tests.resuming import Copies

OBJECTIVES = registered(PretrainingModule)
CALLBACKS = {
    "early stopping": lambda folder: EarlyStopping("val/loss", patience=1),
    "discriminative rates": lambda folder: DiscriminativeLearningRates(),
    "unfreezing": lambda folder: LayerwiseUnfreezing(),
    "cost": lambda folder: ThroughputMonitor(),
    "timer": lambda folder: Timer("00:01:00:00"),
    "checkpoint": lambda folder: ModelCheckpoint(folder, monitor="val/loss"),
}


@pytest.fixture(params=OBJECTIVES.values(), ids=OBJECTIVES)
def objective(request):
    return request.param


def fitted_to_one_batch(objective, path, share: float, steps: int) -> None:
    """All losses of 64 rows fall below a share of their first values in so many steps at most."""
    data = stories.corpus(path, objective, batch_size=64, row_tokens=16)
    still = {"learning_rate": 3e-3, "schedule": "constant", "warmup_ratio": 0.0, "row_tokens": 16}
    module = stories.make(objective, path, **still).train()
    batch = next(iter(data.train_dataloader()))
    optimizer = torch.optim.AdamW(module.parameters(), 3e-3, weight_decay=0.0)
    first = {k: v.item() for k, v in module._step(batch, 1)[0].items() if k.endswith("loss")}
    for _ in range(steps):
        out, _ = module._step(batch, 1)  # the same corruption in every step
        if all(out[name].item() < share * value for name, value in first.items()):
            return
        optimizer.zero_grad()
        out["loss"].backward()
        optimizer.step()
    pytest.fail(f"from {first} to { ({name: out[name].item() for name in first}) }")


def test_all_that_it_logs_has_a_direction(objective, path):
    data = stories.corpus(path, objective, batch_size=4, row_tokens=16)
    module = stories.make(objective, path, row_tokens=16)
    logged = {*module._step(next(iter(data.train_dataloader())), 1)[0]}
    if "causal_loss" in logged:
        logged |= {"perplexity", "bits_per_byte"}
    for name in logged:
        known = metrics.facts(f"val/{name}")
        assert known.higher is not None, name
        assert {"objective", "task"} & {*known.same}, name


def test_the_losses_of_64_rows_fall(objective, path):
    fitted_to_one_batch(objective, path, 0.9, steps=20)


@pytest.mark.slow
def test_overfits_64_rows(objective, path):
    # What the generator puts in where it is wrong is all there is left to detect.
    fitted_to_one_batch(objective, path, 0.05, steps=150)


def run(objective, path, folder, seconds, resume=None):
    # Other random weights at first: all that trains has to come from the checkpoint.
    module = stories.make(objective, path, seed=1 if resume else 0, dropout=0.1)
    data = stories.corpus(path, objective)
    last = LastCheckpoint(folder, seconds=seconds)
    copies = Copies(last, folder)
    settings = {"limit_train_batches": 3, "max_epochs": 2, "resume": resume}
    done = tiny.fit(module, data, last, copies, **settings)
    curve = {name: done.logger.values(name) for name in ("train/loss", "val/loss")}
    return tiny.trained(module), curve, copies.files


def assert_resumed_run_ends_as_the_unbroken_one(objective, path, tmp_path, steps=None) -> None:
    """From each of the steps; None: from every one that has a checkpoint."""
    weights, whole, _ = run(objective, path, tmp_path / "whole", 1e9)
    *_, files = run(objective, path, tmp_path, 0)
    assert len(whole["train/loss"]) == 6
    assert len(files) > 3
    for step in steps or files:
        file = files[step]
        again, curve, _ = run(objective, path, tmp_path / "again", 1e9, file)
        for name, value in again.items():
            assert torch.equal(value, weights[name]), (step, name)
        for name, values in curve.items():
            assert values == [pair for pair in whole[name] if pair[0] >= step], (step, name)


@pytest.mark.parametrize("objective", [MaskedLM, ReplacedTokenDetection])
def test_resumed_within_an_epoch_it_ends_as_the_unbroken_run(objective, path, tmp_path):
    """In a few seconds; the next test has every objective and every step."""
    assert_resumed_run_ends_as_the_unbroken_one(objective, path, tmp_path, steps=[4])


@pytest.mark.slow
def test_resumed_at_any_step_it_ends_as_the_unbroken_run(objective, path, tmp_path):
    assert_resumed_run_ends_as_the_unbroken_one(objective, path, tmp_path)


@pytest.mark.parametrize("name", CALLBACKS)
def test_with_every_callback(path, name, tmp_path):
    fits_with(MaskedLM, path, [name], tmp_path)


@pytest.mark.slow
def test_every_objective_with_all_callbacks_at_once(objective, path, tmp_path):
    fits_with(objective, path, CALLBACKS, tmp_path)


def fits_with(objective, path, names, folder) -> None:
    data = stories.corpus(path, objective, batch_size=8)
    module = stories.make(objective, path)
    before = tiny.trained(module)
    callbacks = [CALLBACKS[name](folder) for name in names]
    length = {"min_epochs": 2, "max_epochs": 2, "limit_train_batches": 3}
    trainer = tiny.fit(module, data, *callbacks, **length)
    moved = [n for n, value in tiny.trained(module).items() if not torch.equal(value, before[n])]
    assert trainer.global_step == 6
    assert moved
    assert math.isfinite(trainer.callback_metrics["val/loss"])
    groups = trainer.optimizers[0].param_groups
    held = {id(p) for group in groups for p in group["params"]}
    left = [n for n, p in module.named_parameters() if p.requires_grad and id(p) not in held]
    assert not left


def test_validation_is_a_function_of_the_weights(objective, path):
    data = stories.corpus(path, objective)
    module = stories.make(objective, path, bytes_per_token=4.0)
    trainer = tiny.trainer([])
    found = [trainer.validate(module, data, verbose=False)[0] for _ in range(2)]
    assert found[0] == found[1]
    loss = found[0][f"val/{module.main_loss}"]
    assert found[0]["val/perplexity"] == pytest.approx(math.exp(loss), rel=1e-4)
    if objective is modules.CausalLM:
        wanted = loss / math.log(2) / 4
        assert found[0]["val/bits_per_byte"] == pytest.approx(wanted, rel=1e-4)


def bare(name: str) -> str:
    return re.sub(r"^(transformer|model)\.", "", name)


def test_export_is_what_was_trained_and_is_fine_tuned(objective, path, reviews, tmp_path):
    module = stories.make(objective, path).eval()
    folder = export(module, tmp_path / "export", {"tokens": 7, "metrics": {"val/loss": 1.0}})
    loaded = type(module.export_model()).from_pretrained(folder)
    for name, value in module.export_model().state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    card = (folder / "README.md").read_text()
    assert type(module).__name__ in card
    assert "val/loss" in card
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("the cat")["input_ids"]
    assert (ids[0] == tokenizer.cls_token_id) == module.add_special_tokens
    task = Classification(labels=["negative", "positive"], pooling="mean")
    tuned = FullFineTuning(backbone=str(folder), task=task)
    data = tiny.read(reviews, str(folder), batch_size=8)
    batch = data._rows["train"].__getitems__(list(range(8)))
    before = tiny.logits(tuned, batch)
    tiny.fit(tuned.train(), DataLoader([batch] * 3, batch_size=None), max_epochs=1)
    assert not torch.equal(tiny.logits(tuned, batch), before)
    started = FullFineTuning(backbone=str(folder), task=task).model.named_parameters()
    given = {bare(name): value for name, value in module.model.named_parameters()}
    same = [n for n, value in started if torch.equal(given.get(bare(n), value[:0]), value)]
    assert len(same) > 10  # not a new network


def test_a_checkpoint_brings_the_same_module(objective, path, tmp_path):
    module = stories.make(objective, path)
    data = stories.corpus(path, objective)
    tiny.fit(module, data, max_epochs=1, limit_train_batches=2)
    module.trainer.save_checkpoint(tmp_path / "m.ckpt", weights_only=True)
    again = objective.load_from_checkpoint(tmp_path / "m.ckpt", weights_only=True)
    for name, value in module.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
