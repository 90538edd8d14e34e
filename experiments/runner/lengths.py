"""What the Trainer's flags alone tell of a run's length: that it has no end, or no validation."""

from collections.abc import Mapping
from typing import Any


def endless(trainer: Mapping[str, Any]) -> str:
    """The error of a training without an end; empty if it has one."""
    if trainer["max_epochs"] == -1 and trainer["max_steps"] == -1 and not trainer["fast_dev_run"]:
        return "--trainer.max_epochs -1 needs --trainer.max_steps: learning rates fall to 0 by then"
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
