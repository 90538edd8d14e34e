"""Each callback against its closed form, in short runs; what resume does is in test_resume.py."""

import io
import re
import sys

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks.progress import tqdm_progress

from callbacks import LastCheckpoint, Predictions, Progress, StepSeed, StopOnNaN, ThroughputMonitor
from modules import FullFineTuning, LoRA
from tests import tiny


@pytest.fixture
def data(reviews, bert):
    return tiny.read(reviews, bert, batch_size=8)


# StopOnNaN -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nan_stops_at_its_step_with_the_learning_rate_of_that_step(bert, data, tmp_path, bad):
    module = tiny.make(LoRA, bert, learning_rate=0.06, warmup_ratio=0.0, schedule="linear")
    calls, loss = [], module.task.loss

    def spoiled(logits, batch):
        calls.append(1)
        return loss(logits, batch) * (bad if len(calls) == 3 else 1.0)

    module.task.loss = spoiled
    last = LastCheckpoint(tmp_path, seconds=0)
    with pytest.raises(ValueError, match="at step 3 ") as error:
        tiny.fit(module, data, StopOnNaN(), last, limit_val_batches=0)
    said = str(error.value)
    assert "(learning rate 0.04)" in said
    assert "\n" not in said
    held = torch.load(last.file, weights_only=True)
    assert held["global_step"] == 2  # nothing of the spoiled weights was kept
    assert all(value.isfinite().all() for value in held["state_dict"].values())


def test_nan_in_validation_stops_before_a_checkpoint_is_written(bert, data, tmp_path):
    module, last = tiny.make(LoRA, bert), LastCheckpoint(tmp_path, seconds=1e9)
    loss = module.task.loss
    module.task.loss = lambda logits, batch: (
        loss(logits, batch) * (1.0 if module.training else float("nan"))
    )
    with pytest.raises(ValueError, match="at step 3 "):
        tiny.fit(module, data, StopOnNaN(), last)
    assert not last.file.exists()


def test_a_finite_run_is_left_alone(bert, data):
    assert tiny.fit(tiny.make(LoRA, bert), data, StopOnNaN()).global_step == 6


# Cost ------------------------------------------------------------------------------------------


def test_cost_counts_tokens_that_are_not_padding_and_parameters(bert, data):
    module, cost = tiny.make(LoRA, bert), ThroughputMonitor()
    tiny.fit(module, data, cost)
    wanted = 2 * int(data._rows["train"].lengths.sum())
    summary = cost.summary()
    assert cost.tokens == wanted == 2 * data.facts()["tokens"]["train"]
    assert summary["tokens_per_second"] == pytest.approx(wanted / cost.seconds, rel=0.01)
    trainable, total = module.model.get_nb_trainable_parameters()
    assert summary["parameters"] == {"trainable": trainable, "total": total}
    assert summary["peak_memory_bytes"] > 10**7


def test_cost_leaves_validation_out(bert, data, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("callbacks.throughput.time.perf_counter", lambda: clock[0])

    class Slow(Callback):
        def on_train_batch_start(self, *args):
            clock[0] += 1.0

        def on_validation_batch_start(self, *args):
            clock[0] += 100.0

    cost = ThroughputMonitor()
    tiny.fit(tiny.make(LoRA, bert), data, Slow(), cost, val_check_interval=1)
    assert cost.seconds == 6.0


# Predictions -----------------------------------------------------------------------------------


def test_the_most_confident_mistakes_come_first(bert, reviews):
    data = tiny.read(reviews, bert, batch_size=3, pair_column="pair")
    module, log = tiny.make(FullFineTuning, bert), tiny.Memory()
    # Row of the test split → P(positive), so that each place in the table is known beforehand.
    chances = torch.tensor([0.9, 0.2, 0.7, 0.35, 0.99, 0.03, 0.55, 0.6])
    module.task.logits = lambda model, batch: torch.stack([(1 - chances).log(), chances.log()], -1)[
        batch["index"]
    ]
    tiny.trainer([Predictions(rows=7)], logger=log).test(module, data, verbose=False)
    table, split = log.tables["test/predictions"], data.dataset.splits["test"]
    assert table["columns"] == ["text", "label", "prediction", "confidence", "correct"]
    wanted = []
    for row, chance in enumerate(chances.tolist()):
        guess, label = int(chance > 0.5), split.labels[row]
        confidence = max(chance, 1 - chance)
        text = f"{split.texts[row]} ‖ {split.pairs[row]}"
        names = ["negative", "positive"]
        wanted.append([text, names[label], names[guess], round(confidence, 4), guess == label])
    wanted.sort(key=lambda line: (line[4], -line[3]))
    assert len({line[4] for line in wanted[:7]}) == 2  # mistakes, then right ones
    assert table["data"] == wanted[:7]


# StepSeed --------------------------------------------------------------------------------------


class Draws(Callback):
    def __init__(self, thirsty: bool = False) -> None:
        self.seen, self.thirsty = [], thirsty

    def on_train_batch_start(self, *args) -> None:
        self.seen.append(torch.rand(2).tolist())

    def on_validation_batch_start(self, *args) -> None:
        torch.rand(7 if self.thirsty else 1)

    on_train_batch_end = on_validation_batch_start


def test_random_numbers_do_not_depend_on_validation_or_other_callbacks(bert, data):
    plain, often, other = Draws(), Draws(thirsty=True), Draws()
    tiny.fit(tiny.make(LoRA, bert), data, plain, limit_val_batches=0)
    tiny.fit(tiny.make(LoRA, bert), data, often, val_check_interval=1)
    assert plain.seen == often.seen
    assert len({tuple(pair) for pair in plain.seen}) == 6
    run = tiny.trainer([StepSeed(6), other])
    run.fit(tiny.make(LoRA, bert), data)
    assert not {tuple(pair) for pair in other.seen} & {tuple(pair) for pair in plain.seen}


# LastCheckpoint --------------------------------------------------------------------------------


def test_last_is_written_after_each_validation_and_when_it_grows_old(bert, data, tmp_path):
    saved = []

    class Watch(LastCheckpoint):
        def _save(self, trainer) -> None:
            super()._save(trainer)
            saved.append(trainer.global_step)
            assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]

    tiny.fit(tiny.make(LoRA, bert), data, Watch(tmp_path, seconds=1e9))
    assert saved == [3, 6]
    saved.clear()
    tiny.fit(tiny.make(LoRA, bert), data, Watch(tmp_path, seconds=0))
    assert saved == [1, 2, 3, 4, 5, 6]


# Progress --------------------------------------------------------------------------------------


class Screen(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_shows_loss_accuracy_and_tokens_a_second(bert, data, monkeypatch, terminal):
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(tqdm_progress.sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "200")
    progress = Progress(seconds=0)
    # Tokens a second are logged at every second step: they stay on show in between.
    run = tiny.fit(tiny.make(LoRA, bert), data, ThroughputMonitor(), progress, log_every_n_steps=2)
    text = screen.getvalue()
    if terminal:
        lines = [line for line in re.split(r"[\r\n]", text) if "| 3/3" in line and "loss=" in line]
        wanted = ["Epoch 1", r"loss=\d\.\d{4}", r"accuracy=[01]\.\d+", r"tok/s=[\d,]+"]
    else:
        lines = [line for line in text.splitlines() if re.match("epoch 2/2 +step 3/3", line)]
        wanted = [r"loss \d\.\d{4}", r"accuracy [01]\.\d{4}", r"tok/s [\d,]+"]
        assert "\r" not in text
        assert len([line for line in text.splitlines() if "step" in line]) == 6
    lines = [line for line in lines if all(re.search(part, line) for part in wanted)]
    assert lines, text
    checks = [line for line in text.splitlines() if "val/loss" in line]
    assert len(checks) == 2
    shown = float(run.callback_metrics["val/accuracy"])
    assert "epoch 2/2" in checks[-1]
    assert f"val/accuracy {shown:.4f}" in checks[-1]


def test_progress_off_a_terminal_keeps_its_lines_apart(bert, data, monkeypatch):
    screen = Screen(False)
    monkeypatch.setattr(sys, "stderr", screen)
    tiny.fit(tiny.make(LoRA, bert), data, ThroughputMonitor(), Progress(seconds=1e9))
    assert len([line for line in screen.getvalue().splitlines() if "step" in line]) <= 1
