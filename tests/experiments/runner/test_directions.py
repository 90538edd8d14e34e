"""The direction of a metric in callbacks, and the checkpoint that is the best one."""

import contextlib

import pytest
import torch

from experiments.runner import directions
from experiments.runner.checkpoints import Best
from experiments.runner.directions import direction
from experiments.runner.given_flags import Given
from tests.experiments.running import config, result

EARLY = "--trainer.callbacks+=EarlyStopping --trainer.callbacks.monitor="


def modes(run) -> list[str]:
    return [c["init_args"].get("mode") for c in config(run)["trainer"]["callbacks"]]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (f"{EARLY}val/accuracy", ["max"]),
        (f"{EARLY}val/loss", ["min"]),
        (f"{EARLY}val/accuracy --trainer.callbacks.mode=min", ["min"]),
        (
            f"{EARLY}val/f1 --trainer.callbacks+=ModelCheckpoint --trainer.callbacks.mode=min "
            "--trainer.callbacks.monitor=val/accuracy",
            ["max", "min"],
        ),
        (
            "--trainer.callbacks=[{class_path:EarlyStopping,init_args:{monitor:val/f1}},"
            "{class_path:EarlyStopping,init_args:{monitor:val/f1,mode:min}}]",
            ["max", "min"],
        ),
    ],
)
def test_a_callback_takes_the_direction_of_its_metric(experiment, words, found):
    words = [word.replace(":", ": ").replace(",", ", ") for word in words.split()]
    ended = experiment(*words, "--trainer.max_epochs", 1)
    assert ended.code == 0, ended.err
    assert modes(ended.run) == found
    if found == ["max"]:
        ended = experiment("--config", ended.run / "config.yaml", "--output", "again", bare=True)
        (again,) = ended.outputs.parent.glob("again/*/*")
        assert modes(again) == ["max"]


@pytest.mark.parametrize(
    ("metric", "found"),
    [
        ("val/accuracy", "max"),
        ("val/f1_macro", "max"),
        ("val/pearson", "max"),
        ("val/mse", "min"),
        ("val/loss", "min"),
        ("val/bits_per_byte", "min"),
        ("val/depth", None),
    ],
)
def test_the_direction_of_a_metric(metric, found):
    assert direction(metric) == found


def test_a_rising_accuracy_does_not_stop_a_run(experiment):
    words = f"{EARLY}val/accuracy --trainer.callbacks.patience=2 --trainer.max_epochs 8"
    ended = experiment(*words.split(), "--model.learning_rate", 1e-2, "--model.rank", 4)
    assert ended.code == 0, ended.err
    assert result(ended.run)["metrics"]["val/accuracy"] == 1.0
    assert "epoch 4/8" in ended.err  # two epochs without a lower accuracy would end it before


class Strategy:
    reduce_boolean_decision = staticmethod(bool)


class Trainer:
    strategy = Strategy()
    current_epoch = global_step = 0

    def __init__(self, accuracy: float, loss: float) -> None:
        self.callback_metrics = {"val/accuracy": torch.tensor(accuracy)}
        self.callback_metrics["val/loss"] = torch.tensor(loss)


@pytest.mark.parametrize(
    ("first", "second", "better"),
    [
        ((1.0, 0.30), (1.0, 0.002), True),
        ((1.0, 0.30), (1.0, 0.30), False),
        ((1.0, 0.30), (1.0, 0.40), False),
        ((1.0, 0.30), (0.9, 0.002), False),
        ((0.9, 0.002), (1.0, 0.30), True),
        ((float("nan"), 0.3), (float("nan"), 0.2), True),
        ((float("nan"), 0.3), (0.1, 0.5), True),
        ((0.1, 0.5), (float("nan"), 0.3), False),
    ],
)
def test_a_tie_is_broken_by_the_loss_also_after_a_resume(
    tmp_path, monkeypatch, first, second, better
):
    def best():
        made = Best(tmp_path, "best", monitor="val/accuracy", mode="max", save_top_k=1)
        monkeypatch.setattr(made, "_save_checkpoint", lambda *_: None)
        monkeypatch.setattr(made, "_get_metric_interpolated_filepath_name", lambda *_: "best.ckpt")
        return made

    one, trainer = best(), Trainer(*first)
    one._update_best_and_save(trainer.callback_metrics["val/accuracy"], trainer, {})
    resumed = best()
    resumed.load_state_dict(one.state_dict())
    trainer = Trainer(*second)
    for callback in (one, resumed):
        now = trainer.callback_metrics["val/accuracy"]
        assert callback.check_monitor_top_k(trainer, now) is better
    if better:
        one._update_best_and_save(trainer.callback_metrics["val/accuracy"], trainer, {})
        assert one.measured["val/loss"] == pytest.approx(second[1])


def test_the_best_checkpoint_of_equal_accuracies_has_the_lowest_loss(experiment):
    """All epochs guess the same rows right, while their losses differ."""
    ended = experiment("--trainer.max_epochs", 6, "--model.learning_rate", 3e-3)
    found = result(ended.run)["metrics"]
    last = torch.load(ended.run / "checkpoints" / "last.ckpt", weights_only=True)
    best = next(state for key, state in last["callbacks"].items() if key.startswith("Best"))
    assert best["measured"]["val/accuracy"] == found["val/accuracy"]
    losses = [
        (float(word), float(line.split("val/loss ")[1].split()[0]))
        for line in ended.err.splitlines()
        if "val/accuracy" in line
        for word in [line.split("val/accuracy ")[1].split()[0]]
    ]
    top = max(value for value, _ in losses)
    assert sum(value == top for value, _ in losses) > 1  # a tie
    assert best["measured"]["val/loss"] == pytest.approx(
        min(loss for value, loss in losses if value == top), abs=1e-4
    )


class Task:
    metric_facts = {"width": {"higher": True}, "gap_error": {"higher": True}}


class Model:
    monitor, mode, task = "val/depth", "max", Task()


class Stopper:
    def __init__(self, monitor: str, mode: str = "min") -> None:
        self.monitor, self.mode = monitor, mode


@pytest.mark.parametrize(
    ("monitor", "said"),
    [
        ("val/depth", "--trainer.callbacks.monitor val/depth: more of it is better: give --trai"),
        ("val/height", "val/height: nobody has said whether more or less of it is better: give"),
        ("val/width", "val/width: more of it is better: give --trainer.callbacks.mode max"),
        ("val/gap_error", "val/gap_error: more of it is better: give --trainer.callbacks.mode max"),
        ("val/hight", ""),  # a typo is told by the metrics that there are, where it runs
        ("val/loss", ""),
    ],
)
def test_a_direction_that_nobody_has_said_is_asked_for(monitor, said, monkeypatch):
    names = ["val/depth", "val/height", "val/width", "val/gap_error", "val/loss"]
    monkeypatch.setattr(directions, "_validated", lambda model: names)
    given = [
        Given("--trainer.callbacks", ["EarlyStopping"], ["--trainer.callbacks+=EarlyStopping"])
    ]
    with pytest.raises(ValueError, match=said) if said else contextlib.nullcontext():
        directions.check_modes([Stopper(monitor)], Model(), given)
    directions.check_modes([Stopper("val/depth", "max")], Model(), given)
    given.append(Given("--trainer.callbacks.mode", ["min"], []))
    directions.check_modes([Stopper(monitor)], Model(), given)
