"""Gradual unfreezing and a rate for each layer: against their definitions, together, resumed."""

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import LearningRateMonitor

from callbacks import DiscriminativeLearningRates, LastCheckpoint, LayerwiseUnfreezing
from modules import FullFineTuning, LoRA
from tests import tiny
from tests.modules.finetuning.test_resume import Copies, curves

BY = [{"every_epochs": 1}, {"every_steps": 2}]
LAYERS = ["embeddings", "layer.0", "layer.1", "head"]


class Watch(Callback):
    """What trains, what runs in train mode and which rates apply, before each step."""

    def __init__(self) -> None:
        self.trains, self.rates, self.modes, self.weights = [], [], [], []

    def on_before_zero_grad(self, trainer, pl_module, optimizer):
        layers = pl_module.layers()
        self.trains.append([n for n, ps in layers.items() if any(p.requires_grad for p in ps)])
        self.rates.append({group["name"]: group["lr"] for group in optimizer.param_groups})
        self.modes.append({n: m.training for n, m in pl_module.model.named_modules()})
        self.weights.append({n: [p.detach().clone() for p in ps] for n, ps in layers.items()})


def moved(before: dict, after: dict) -> list[str]:
    return [n for n in before if not all(map(torch.equal, before[n], after[n]))]


def fit(module, data, *callbacks, **settings):
    watch = Watch()
    return tiny.fit(module, data, *callbacks, watch, **settings), watch


def test_layers_thaw_from_the_top_and_only_they_move(backbone, reviews):
    module = tiny.make(FullFineTuning, backbone, weight_decay=0.5, warmup_ratio=0.0)
    data = tiny.read(reviews, backbone, batch_size=8)  # three steps an epoch
    first = {n: [p.detach().clone() for p in ps] for n, ps in module.layers().items()}
    _, watch = fit(module, data, LayerwiseUnfreezing(every_epochs=1), max_epochs=4)
    assert list(first) == LAYERS
    assert [watch.trains[step] for step in (0, 2, 3, 6, 9, 11)] == [
        *([LAYERS[3:]] * 2),
        *(LAYERS[2:], LAYERS[1:], LAYERS, LAYERS),
    ]
    weights = [first, *watch.weights]
    for step, trains in enumerate(watch.trains[:-1]):
        # on_before_zero_grad comes before the step's own gradients, after the step before it.
        assert moved(weights[step + 1], weights[step + 2]) == trains
    assert all(p.requires_grad for p in module.parameters())


def test_by_step_and_from_a_later_start(bert, reviews):
    data = tiny.read(reviews, bert, batch_size=8)
    _, watch = fit(tiny.make(FullFineTuning, bert), data, LayerwiseUnfreezing(None, 2, start=2))
    assert [len(trains) for trains in watch.trains] == [2, 2, 3, 3, 4, 4]


def test_frozen_parts_run_without_dropout_until_they_thaw(bert, reviews):
    module, data = tiny.make(FullFineTuning, bert), tiny.read(reviews, bert, batch_size=8)
    _, watch = fit(module, data, LayerwiseUnfreezing(every_steps=2), val_check_interval=1)
    places = ["bert.encoder.layer.1.output.dropout", "bert.encoder.layer.0.attention.self.dropout"]
    places += ["bert.embeddings.dropout", "dropout", "classifier"]
    seen = [[modes[place] for place in places] for modes in watch.modes]
    assert seen[0] == seen[1] == [False, False, False, True, True]
    assert seen[2] == seen[3] == [True, False, False, True, True]
    assert seen[4] == seen[5] == [True, True, False, True, True]


def test_strategies_that_train_little_thaw_that_little(bert, reviews):
    module, data = tiny.make(LoRA, bert), tiny.read(reviews, bert, batch_size=8)
    fixed = tiny.frozen(module)
    _, watch = fit(module, data, LayerwiseUnfreezing(every_steps=2))
    assert [len(trains) for trains in watch.trains] == [1, 1, 2, 2, 3, 3]  # no embeddings
    assert watch.modes[0]["base_model.model.bert.embeddings.dropout"]  # never its business
    now = tiny.frozen(module)
    assert fixed.keys() == now.keys()
    assert all(torch.equal(now[n], fixed[n]) for n in fixed)


def test_waiting_in_the_optimizer_is_the_same_as_joining_it_later(bert, reviews):
    """Against the textbook: a group is added to AdamW at the step at which it thaws."""
    settings = {
        "schedule": "constant",
        "warmup_ratio": 0.0,
        "weight_decay": 0.3,
        "backbone_dropout": 0.0,
    }
    module = tiny.make(FullFineTuning, bert, **settings, learning_rate=1e-2)
    other = tiny.make(FullFineTuning, bert, **settings, learning_rate=1e-2)
    data = tiny.read(reviews, bert, batch_size=24)
    fit(module, data, LayerwiseUnfreezing(every_steps=2), max_epochs=8)

    other.train()
    batch = next(iter(tiny.read(reviews, bert, batch_size=24).train_dataloader()))
    layers, optimizer = list(reversed(other.layers().values())), None
    for parameter in other.parameters():
        parameter.requires_grad_(False)
    for step in range(8):
        if step % 2 == 0:
            thawed = [p.requires_grad_(True) for p in layers[step // 2]]
            kinds = [(0.3, [p for p in thawed if p.ndim > 1])]
            kinds += [(0.0, [p for p in thawed if p.ndim == 1])]
            groups = [{"params": ps, "weight_decay": decay} for decay, ps in kinds if ps]
            if optimizer is None:
                optimizer = torch.optim.AdamW(groups, lr=1e-2, fused=True)
            else:
                for group in groups:
                    optimizer.add_param_group(group)
        other.model.bert.eval(), other.model.dropout.eval()
        loss = other.task.loss(other.task.logits(other.model, batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, value in tiny.trained(module).items():
        if "key.bias" not in name:  # its gradient is 0: Adam makes steps of the rounding
            torch.testing.assert_close(value, tiny.trained(other)[name], atol=2e-4, rtol=1e-3)


def test_rates_fall_by_layer_under_every_schedule(backbone, reviews):
    for schedule in ("linear", "cosine", "constant", "wsd", "slanted_triangular"):
        settings = {"schedule": schedule, "learning_rate": 0.01, "warmup_ratio": 0.5}
        data = tiny.read(reviews, backbone, batch_size=8)
        _, plain = fit(tiny.make(FullFineTuning, backbone, **settings), data)
        module = tiny.make(FullFineTuning, backbone, **settings)
        monitor = LearningRateMonitor("step")
        run, watch = fit(module, data, DiscriminativeLearningRates(0.5), monitor)
        for one, all_layers in zip(plain.rates, watch.rates, strict=True):
            for depth, layer in enumerate(reversed(LAYERS)):
                wanted = one["decay"] * 0.5**depth
                assert all_layers[f"{layer}/decay"] == pytest.approx(wanted, abs=1e-12)
        names = {name for _, values in run.logger.curve for name in values if "learning" in name}
        assert {f"learning_rate/{layer}/decay" for layer in LAYERS} <= names
        count = sum(len(group["params"]) for group in run.optimizers[0].param_groups)
        assert count == len(list(module.parameters()))


def test_rates_of_one_are_no_change(bert, reviews):
    ended = []
    for callbacks in ([], [DiscriminativeLearningRates(1.0)]):
        module = tiny.make(FullFineTuning, bert)
        fit(module, tiny.read(reviews, bert, batch_size=8), *callbacks)
        ended.append(tiny.trained(module))
    assert all(torch.equal(value, ended[1][name]) for name, value in ended[0].items())


def assert_same_from_every_step(by, backbone, reviews, tmp_path, steps=range(1, 10)) -> None:
    """Lightning's own BaseFinetuning freezes again what had thawed (pytorch-lightning 21901)."""

    def run(folder, seconds, resume=None):
        module = tiny.make(FullFineTuning, backbone, seed=1 if resume else 0, backbone_dropout=0.2)
        data = tiny.read(reviews, backbone, batch_size=8)
        last = LastCheckpoint(folder, seconds=seconds)
        copies, ours = Copies(last, folder), [LayerwiseUnfreezing(**by)]
        ours.append(DiscriminativeLearningRates(0.8))
        done, watch = fit(module, data, *ours, last, copies, max_epochs=3, resume=resume)
        return module, done.logger, watch, copies.files

    unbroken, log, watch, _ = run(tmp_path, 1e9)
    weights = tiny.trained(unbroken)
    *_, files = run(tmp_path, 0)
    assert sorted(files) == list(range(1, 10))
    for step in steps:
        resumed, again, seen, _ = run(tmp_path / f"from-{step}", 1e9, files[step])
        for name, value in tiny.trained(resumed).items():
            assert torch.equal(value, weights[name]), (step, name)
        assert curves(again) == curves(log, step), step
        assert (seen.trains, seen.rates) == (watch.trains[step:], watch.rates[step:]), step


@pytest.mark.parametrize("by", BY)
def test_resumed_within_an_epoch_it_ends_as_the_unbroken_run(by, backbone, reviews, tmp_path):
    assert_same_from_every_step(by, backbone, reviews, tmp_path, steps=[5])


@pytest.mark.slow
@pytest.mark.parametrize("by", BY)
def test_resumed_at_any_step_it_ends_as_the_unbroken_run(by, backbone, reviews, tmp_path):
    assert_same_from_every_step(by, backbone, reviews, tmp_path)


def test_a_checkpoint_of_a_frozen_stage_holds_all_that_the_strategy_trains(bert, reviews, tmp_path):
    module, data = tiny.make(FullFineTuning, bert), tiny.read(reviews, bert, batch_size=8)
    last = LastCheckpoint(tmp_path)
    fit(module, data, LayerwiseUnfreezing(), last, max_epochs=1)
    again = FullFineTuning.load_from_checkpoint(last.file, weights_only=True)
    for name, value in tiny.trained(module).items():
        assert torch.equal(value, tiny.trained(again)[name])


def test_too_short_a_run_is_said_and_bad_settings_are_one_line(bert, reviews, capsys):
    data = tiny.read(reviews, bert, batch_size=8)
    fit(tiny.make(FullFineTuning, bert), data, LayerwiseUnfreezing(), max_epochs=2)
    assert "the run ends before embeddings, layer.0 train" in capsys.readouterr().err
    fit(tiny.make(FullFineTuning, bert), data, LayerwiseUnfreezing(every_steps=2), max_epochs=3)
    assert "ends before" not in capsys.readouterr().err
    with pytest.raises(ValueError, match="every_epochs: not together with every_steps"):
        LayerwiseUnfreezing(every_epochs=1, every_steps=1)
