"""Every objective: it learns, resumes to the same curve, takes every callback, and is loadable."""

import math

import pytest
import torch
import transformers
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, Timer
from torch.utils.data import DataLoader

import modules
from callbacks import Cost, DiscriminativeLearningRates, LastCheckpoint, LayerwiseUnfreezing
from modules import FullFineTuning
from modules.exporting import export
from modules.pretraining.base import PretrainingModule
from modules.tasks import Classification
from tests import stories, tiny

OBJECTIVES = [
    value
    for value in vars(modules).values()
    if isinstance(value, type) and issubclass(value, PretrainingModule)
]
CALLBACKS = {
    "early stopping": lambda folder: EarlyStopping("val/loss", patience=1),
    "discriminative rates": lambda folder: DiscriminativeLearningRates(),
    "unfreezing": lambda folder: LayerwiseUnfreezing(),
    "cost": lambda folder: Cost(),
    "timer": lambda folder: Timer("00:01:00:00"),
    "checkpoint": lambda folder: ModelCheckpoint(folder, monitor="val/loss"),
}


@pytest.fixture(params=OBJECTIVES, ids=lambda objective: objective.__name__)
def objective(request):
    return request.param


def test_all_seven_are_there():
    assert len(OBJECTIVES) == 7


def test_overfits_64_rows(objective, path):
    data = stories.corpus(path, objective, batch_size=64, row_tokens=16)
    still = {"learning_rate": 3e-3, "schedule": "constant", "warmup": 0.0, "row_tokens": 16}
    module = stories.make(objective, path, **still).train()
    batch = next(iter(data.train_dataloader()))
    optimizer = torch.optim.AdamW(module.parameters(), 3e-3, weight_decay=0.0)
    first = {k: v.item() for k, v in module._step(batch, 1)[0].items() if k.endswith("loss")}
    for _ in range(150):
        out, _ = module._step(batch, 1)  # the same corruption in every step
        optimizer.zero_grad()
        out["loss"].backward()
        optimizer.step()
    losses = {name: out[name].item() for name in first}
    # What the generator puts in where it is wrong is all there is left to detect.
    assert all(value < 0.05 * first[name] for name, value in losses.items()), (first, losses)


def test_resumed_run_is_the_unbroken_one(objective, path, tmp_path):
    def run(max_steps, resume=None):
        memory = tiny.Memory()
        data = stories.corpus(path, objective, batch_size=4)
        module = stories.make(objective, path, dropout=0.1, warmup=0.2)
        module.trainer = None
        trainer = tiny.trainer(
            [tiny.StepSeed(5), LastCheckpoint(tmp_path, 0.0)],
            logger=memory,
            max_epochs=3,
            limit_train_batches=6,
        )
        if max_steps:
            trainer.fit_loop.epoch_loop.max_steps = max_steps
        trainer.fit(module, data, ckpt_path=resume, weights_only=True)
        return memory.values("train/loss") + memory.values("val/loss"), module

    whole, first = run(None)
    for file in tmp_path.glob("*.ckpt"):
        file.unlink()
    run(8)
    rest, second = run(None, tmp_path / "last.ckpt")
    assert rest and set(rest) <= set(whole) and len(rest) < len(whole)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


@pytest.mark.parametrize("name", CALLBACKS)
def test_with_every_callback(objective, path, name, tmp_path):
    data = stories.corpus(path, objective, batch_size=8)
    module = stories.make(objective, path)
    before = tiny.trained(module)
    extra = {"min_epochs": 2} if name == "unfreezing" else {}
    callback = CALLBACKS[name](tmp_path)
    trainer = tiny.fit(module, data, callback, max_epochs=2, limit_train_batches=3, **extra)
    moved = [n for n, value in tiny.trained(module).items() if not torch.equal(value, before[n])]
    assert trainer.global_step == 6 and moved
    assert math.isfinite(trainer.callback_metrics["val/loss"])
    groups = trainer.optimizers[0].param_groups
    held = {id(p) for group in groups for p in group["params"]}
    assert held == {id(p) for p in module.parameters()}


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


def test_export_is_what_was_trained_and_is_fine_tuned(objective, path, reviews, tmp_path):
    module = stories.make(objective, path).eval()
    folder = export(module, tmp_path / "export", {"tokens": 7, "metrics": {"val/loss": 1.0}})
    loaded = type(module.model).from_pretrained(folder)
    for name, value in module.model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    card = (folder / "README.md").read_text()
    assert type(module).__name__ in card and "val/loss" in card
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("the cat")["input_ids"]
    assert (ids[0] == tokenizer.cls_token_id) == module.framed
    task = Classification(labels=["negative", "positive"], pooling="mean")
    tuned = FullFineTuning(backbone=str(folder), task=task)
    data = tiny.read(reviews, str(folder), batch_size=8)
    batch = data._rows["train"].__getitems__(list(range(8)))
    before = tiny.logits(tuned, batch)
    tiny.fit(tuned.train(), DataLoader([batch] * 3, batch_size=None), max_epochs=1)
    assert not torch.equal(tiny.logits(tuned, batch), before)
    encoder = {n.split(".", 1)[-1]: v for n, v in module.model.named_parameters()}
    started = FullFineTuning(backbone=str(folder), task=task).model.named_parameters()
    same = [n for n, v in started if torch.equal(encoder.get(n.split(".", 1)[-1], v[:0]), v)]
    assert len(same) > 10  # not a new network


def test_a_checkpoint_brings_the_same_module(objective, path, tmp_path):
    module = stories.make(objective, path)
    data = stories.corpus(path, objective)
    tiny.fit(module, data, max_epochs=1, limit_train_batches=2)
    module.trainer.save_checkpoint(tmp_path / "m.ckpt", weights_only=True)
    again = objective.load_from_checkpoint(tmp_path / "m.ckpt", weights_only=True)
    for name, value in module.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
