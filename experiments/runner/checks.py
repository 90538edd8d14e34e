"""Checks of a run's length and validation that speak before training, each with a remedy."""

import math
from collections.abc import Mapping
from typing import Any

from lightning.pytorch.callbacks import EarlyStopping

from experiments.runner import lengths

_COUNTED = 200_000  # rows up to which the batches of an epoch are counted before training
_STEPS = 20  # of the whole training, below which they are few
_OFTEN = 2  # steps between two validations, up to which they are many
_ROWS = 20  # of validation, below which a metric is mostly chance
_RISE = 0.5  # share of the steps for the warm-up, above which it is long


def warnings(
    trainer: Any, model: Any, data: Any, settings: Mapping[str, Any], rows: Mapping[str, int]
) -> list[str]:
    """Lines on what looks wrong with a new run, those on its data first.

    Args:
        trainer: The Trainer.
        model: The module.
        data: The data module, after its ``setup``.
        settings: The config by the names of flags.
        rows: The rows of each split.
    """
    lines = data.warnings()
    lines += _validation(model, settings["trainer"], rows, lines)
    if not model.trains or settings["trainer"]["fast_dev_run"]:
        return lines
    epoch, total = _steps(trainer, model, data, rows["train"])
    if not epoch:
        return lines
    batch = "batch_size" if data.batch_size else "batch_tokens"
    if total is not None and total < _STEPS and trainer.max_steps == -1:
        lines.append(
            f"few steps: the training has {_count(total, 'step')}, an epoch {epoch:,}: less "
            f"--data.{batch}, or more --trainer.max_epochs"
        )
    lines += _often(trainer, epoch, total)
    ratio = settings["model"].get("warmup_ratio") or 0
    if ratio > _RISE:
        lines.append(
            f"long warm-up: the learning rate rises in {ratio:.0%} of the steps and has few left "
            f"to fall: a lower --model.warmup_ratio, such as 0.1"
        )
    return lines + _patience(trainer, epoch, total)


def _validation(
    model: Any, trainer: Mapping[str, Any], rows: Mapping[str, int], said: list[str]
) -> list[str]:
    """Lines on a run that no validation can choose the weights of, or only by chance."""
    if flag := lengths.unvalidated(trainer, model.trains):
        return [f"no validation: {flag} leaves none, and so nothing chooses the best weights"]
    if not rows.get("validation"):
        if any(line.startswith("no validation") for line in said):
            return []  # the data module knows the remedy
        return [
            "no validation: the data have no rows for it, and so nothing chooses the best "
            "weights: add a validation split"
        ]
    few = {name: n for name, n in rows.items() if name != "train" and 0 < n < _ROWS}
    if not few:
        return []
    named = " and ".join(f"{name} has {_count(n, 'row')}" for name, n in few.items())
    return [
        f"few rows: {named}, of which one alone moves a share by {1 / min(few.values()):.0%}"
        f": add rows, and trust small differences in it little"
    ]


def _steps(trainer: Any, model: Any, data: Any, rows: int) -> tuple[float, float | None]:
    """The optimizer steps of an epoch, and of the training; infinite and None if not counted.

    Large data are not counted: their epochs have many steps.
    """
    if rows > _COUNTED or trainer.world_size > 1:
        return math.inf, None
    data.num_input_tokens = getattr(model, "num_input_tokens", data.num_input_tokens)
    batches = lengths.train_batches(trainer, data)
    epoch = math.ceil(batches / trainer.accumulate_grad_batches)
    epochs = trainer.max_epochs
    total = math.inf if epochs in (None, -1) else epoch * epochs
    if trainer.max_steps != -1:
        total = min(total, trainer.max_steps)
    return epoch, total if math.isfinite(total) else None


def _often(trainer: Any, epoch: float, total: float | None) -> list[str]:
    """A line if there is a validation after each step or two."""
    interval, every = lengths.interval_of(trainer), trainer.check_val_every_n_epoch
    if not trainer.limit_val_batches or not math.isfinite(epoch) or interval is None:
        return []
    between = interval * epoch if isinstance(interval, float) else interval
    between = between / (1 if isinstance(interval, float) else trainer.accumulate_grad_batches)
    whole = between >= epoch and bool(every)  # epochs
    between = epoch * every if whole else between
    between = max(1, math.floor(between))
    if between > _OFTEN or (total is not None and total <= between):
        return []
    after = "each step" if between == 1 else f"each {between:,} steps"
    cure = f"--trainer.{'check_val_every_n_epoch' if whole else 'val_check_interval'}"
    return [f"validation after {after}, which takes longer than the training: a larger {cure}"]


def _patience(trainer: Any, epoch: float, total: float | None) -> list[str]:
    """Lines on early stopping that cannot happen before the training is over."""
    every, interval = trainer.check_val_every_n_epoch, lengths.interval_of(trainer)
    if total is None or not every or interval != 1.0 or not epoch:
        return []
    validations = int(total // (epoch * every))
    return [
        f"patience: EarlyStopping waits for {callback.patience} validations without a better "
        f"{callback.monitor}, and there are {validations}: a lower --trainer.callbacks.patience, "
        f"or more --trainer.max_epochs"
        for callback in trainer.callbacks
        if isinstance(callback, EarlyStopping) and callback.patience >= validations
    ]


def _count(number: float, unit: str) -> str:
    return f"{number:,} {unit}{'s' * (number != 1)}"
