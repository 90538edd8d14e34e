"""The reason for which a training ended: its length, early stopping, or a time limit."""

import math
from datetime import timedelta
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping, Timer
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

_DIRECTIONS = {"min": "fall", "max": "rise"}


def why_ended(trainer: Trainer) -> str:
    """The reason for which ``fit`` returned, as a phrase for the last screen."""
    steps = f"{trainer.global_step:,} step{'s' * (trainer.global_step != 1)}"
    if not any(parameter.requires_grad for parameter in trainer.lightning_module.parameters()):
        return f"nothing was trained in {steps}: every parameter is frozen"
    if not trainer.global_step:
        return f"nothing was trained{_emptied(trainer)}"
    if trainer.fast_dev_run:
        return f"--trainer.fast_dev_run was over after {steps}"
    if _all_steps(trainer):
        return f"--trainer.max_steps {trainer.max_steps} was reached in epoch {_epoch(trainer)}"
    if _all_epochs(trainer):
        epochs = (
            f"all {trainer.max_epochs} epochs were" if trainer.max_epochs > 1 else "1 epoch was"
        )
        return f"{epochs} trained, {steps}"
    for callback in trainer.callbacks:
        if isinstance(callback, EarlyStopping) and (reason := _early(callback)):
            return f"early in epoch {_epoch(trainer)}, after {steps}: {reason}"
    return f"a callback stopped it in epoch {_epoch(trainer)}, after {steps}"


def left_out(run: Any) -> list[str]:
    """The flags by which a run read less than all rows, each with its value."""
    trainer, data = run.config["trainer"], run.config["data"]
    flags = {f"--data.{name}": data.get(name) for name in ("train_rows", "eval_rows")}
    if flags["--data.train_rows"] == "auto":
        flags["--data.train_rows"] = run.datamodule.train_rows
    rows = run.data.get("rows") or {}
    for name, splits in (("train_rows", ["train"]), ("eval_rows", ["validation", "test"])):
        flag, read = f"--data.{name}", [rows[split] for split in splits if split in rows]
        if read and flags[flag] is not None and max(read) < flags[flag]:
            flags[flag] = None  # there were fewer rows
    if data.get("train_share", 1.0) < 1:
        flags["--data.train_share"] = data["train_share"]
    for name in ("train", "val", "test"):
        # repr, because 1 is one batch and 1.0 is all of them
        if repr(value := trainer[f"limit_{name}_batches"]) not in ("None", "1.0"):
            flags[f"--trainer.limit_{name}_batches"] = value
    for name in ("overfit_batches", "fast_dev_run"):
        flags[f"--trainer.{name}"] = trainer[name] or None
    found = [f"{flag} {value}" for flag, value in flags.items() if value is not None]
    steps, batches = run.trainer.global_step, run.trainer.num_training_batches
    done = steps * run.trainer.accumulate_grad_batches
    if run.model.trains and 0 < done < batches < math.inf:
        found.append(f"{batches - done:,} of {batches:,} training batches were never read")
    return found


def expired(trainer: Trainer) -> Timer | None:
    """The timer that cut a training short; None if the training ran to its end."""
    if trainer.fast_dev_run or _all_steps(trainer) or _all_epochs(trainer):
        return None
    if any(isinstance(c, EarlyStopping) and _early(c) for c in trainer.callbacks):
        return None
    for callback in trainer.callbacks:
        left = callback.time_remaining() if isinstance(callback, Timer) else None
        if left is not None and left <= 0:
            return callback
    return None


def limit_of(timer: Timer) -> timedelta:
    """The duration of a timer that has one, to the second."""
    return timedelta(seconds=round(timer.time_remaining() + timer.time_elapsed()))


def time_limit(trainer: Trainer, timer: Timer) -> str:
    """A sentence about the timer that cut a training short."""
    place = f"after {trainer.global_step:,} steps, in epoch {max(1, _epoch(trainer))}"
    return f"interrupted: the time limit of {limit_of(timer)} was reached {place}"


def as_flag(duration: timedelta) -> str:
    """A duration as ``--trainer.max_time`` takes it, DD:HH:MM:SS."""
    minutes, seconds = divmod(max(1, int(duration.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days:02}:{hours:02}:{minutes:02}:{seconds:02}"


def _epoch(trainer: Trainer) -> int:
    return trainer.current_epoch  # Lightning has counted the one that was cut short


def _all_steps(trainer: Trainer) -> bool:
    return 0 <= trainer.max_steps <= trainer.global_step


def _all_epochs(trainer: Trainer) -> bool:
    limit = trainer.max_epochs
    whole = trainer.is_last_batch or not trainer.should_stop  # an epoch that was cut counts too
    return limit is not None and 0 <= limit <= trainer.current_epoch and whole


def _emptied(trainer: Trainer) -> str:
    for name in ("max_steps", "max_epochs", "limit_train_batches"):
        if getattr(trainer, name) == 0:
            return f": --trainer.{name} is 0"
    return ""


def _early(callback: EarlyStopping) -> str:
    """The reason for which the callback stopped the training; empty if it did not."""
    metric, reason = callback.monitor, callback.stopping_reason
    if reason is EarlyStoppingReason.PATIENCE_EXHAUSTED:
        times = f"{callback.wait_count} time{'s' * (callback.wait_count != 1)}"
        best = f"best {float(callback.best_score):.4f}"
        return f"{metric} did not {_DIRECTIONS[callback.mode]} {times} in a row ({best})"
    if reason is EarlyStoppingReason.STOPPING_THRESHOLD:
        return f"{metric} reached the stopping_threshold {callback.stopping_threshold}"
    if reason is EarlyStoppingReason.DIVERGENCE_THRESHOLD:
        return f"{metric} passed the divergence_threshold {callback.divergence_threshold}"
    if reason is EarlyStoppingReason.NON_FINITE_METRIC:
        return f"{metric} was not a finite number"
    return ""
