"""What the Trainer's flags alone tell of a run's length: that it has no end, or no validation."""

from collections.abc import Mapping
from typing import Any

_LEAST = {
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": 1,
    "gradient_clip_val": 0,
    "log_every_n_steps": 0,
    "min_epochs": 0,
    "min_steps": 0,
    "num_sanity_val_steps": -1,
}


def endless(trainer: Mapping[str, Any]) -> str:
    """The error of a training without an end; empty if it has one."""
    if trainer["max_epochs"] == -1 and trainer["max_steps"] == -1 and not trainer["fast_dev_run"]:
        return "--trainer.max_epochs -1 needs --trainer.max_steps: learning rates fall to 0 by then"
    return ""


def out_of_range(trainer: Mapping[str, Any]) -> str:
    """The error of a number that Lightning takes without a check; empty if all are in order."""
    for name, least in _LEAST.items():
        value = trainer[name]
        if isinstance(value, (int, float)) and value < least:
            return f"--trainer.{name} {value}: must be at least {least}"
    if trainer["val_check_interval"] == 0:
        return "--trainer.val_check_interval 0: --trainer.limit_val_batches 0 leaves out validation"
    for name in ("epochs", "steps"):
        least, most = trainer[f"min_{name}"], trainer[f"max_{name}"]
        if least is not None and most is not None and -1 < most < least:
            return f"--trainer.min_{name} {least}: more than --trainer.max_{name} {most}"
    return ""


def unvalidated(trainer: Mapping[str, Any], trains: bool) -> str:
    """The flag because of which no validation chooses a checkpoint; empty if one may do so.

    Args:
        trainer: The Trainer's settings.
        trains: Whether the module trains. One that does not is validated once.
    """
    if trainer["limit_val_batches"] == 0:
        return "--trainer.limit_val_batches 0"
    if not trains:
        return ""
    if trainer["fast_dev_run"]:
        return "--trainer.fast_dev_run"
    if trainer["enable_checkpointing"] is False:
        return "--trainer.enable_checkpointing false"
    for name in ("max_steps", "max_epochs", "limit_train_batches"):
        if trainer[name] == 0:
            return f"--trainer.{name} 0"
    epochs, every = trainer["max_epochs"] or -1, trainer["check_val_every_n_epoch"]
    if every is not None and 0 < epochs < every:
        return f"--trainer.check_val_every_n_epoch {every} with --trainer.max_epochs {epochs}"
    steps, interval = trainer["max_steps"], trainer["val_check_interval"]
    batches = steps * (trainer["accumulate_grad_batches"] or 1)
    if isinstance(interval, int) and 0 < batches < interval:
        return f"--trainer.val_check_interval {interval} with --trainer.max_steps {steps}"
    return ""


def too_short(trainer: Any, model: Any, data: Any) -> str:
    """The error of limits that leave no batch, or no validation; empty if they leave some.

    Lightning finds them when the run has begun.

    Args:
        trainer: The Trainer, on one device.
        model: The module.
        data: The data module, after its ``setup``.
    """
    stages = {"val": data.val_dataloader, "test": data.test_dataloader}
    if model.trains:
        data.num_input_tokens = getattr(model, "num_input_tokens", data.num_input_tokens)
        stages = {"train": data.train_dataloader, **stages}
    for stage, loader in stages.items():
        limit = getattr(trainer, f"limit_{stage}_batches")
        if isinstance(limit, float) and 0 < limit < 1 and limit * (count := len(loader())) < 1:
            flag = f"--trainer.limit_{stage}_batches {limit}"
            return f"{flag}: less than one of {count} batches; give at least {1 / count:.2g}"
    interval, every = interval_of(trainer), trainer.check_val_every_n_epoch
    if not (model.trains and isinstance(interval, int) and every and trainer.limit_val_batches):
        return ""
    count = train_batches(trainer, data)
    if interval > count > 0:
        return (
            f"--trainer.val_check_interval {interval}: an epoch has {count} batches. Give fewer, "
            f"or count over epochs by --trainer.check_val_every_n_epoch null"
        )
    return ""


def train_batches(trainer: Any, data: Any) -> int:
    """The training batches of an epoch that ``--trainer.limit_train_batches`` leaves."""
    limit, count = trainer.limit_train_batches, len(data.train_dataloader())
    return min(count, limit) if isinstance(limit, int) else int(count * limit)


def interval_of(trainer: Any) -> int | float | None:
    """The batches, or the share of an epoch, between validations; None if it is a time."""
    return getattr(trainer, "val_check_interval", None)  # Lightning leaves it unset then
