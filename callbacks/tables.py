"""Rows that callbacks show: of all processes, in a table of the run, or on the screen."""

from typing import Any

import torch
from lightning.pytorch import Trainer


def of_all_processes(trainer: Trainer, parts: list[Any]) -> list[Any]:
    """Return what all processes hold, each of which has seen its share; every one must call it."""
    if trainer.world_size == 1:
        return parts
    shares: list = [None] * trainer.world_size
    torch.distributed.all_gather_object(shares, parts)
    return [part for share in shares for part in share]


def log_table(trainer: Trainer, name: str, columns: list[str], rows: list[list[Any]]) -> None:
    """Log rows as a table of the run, by each logger that has tables."""
    for logger in trainer.loggers:
        if hasattr(logger, "log_table"):
            logger.log_table(name, columns=columns, data=rows)


def shortened(text: str, width: int) -> str:
    """Return a text in one line of so many characters at most."""
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
