"""Whether a run compiles its network: the flag, the run's length, and the line on the screen."""

import math
from collections.abc import Mapping
from typing import Any

from experiments.runner.trainer import RunTrainer
from modules.compile_gain import fixed_batch_tokens, num_batches
from modules.compiling import Choice, Compiled
from modules.padding_free import PaddingFree

HELP = (
    "Whether torch.compile compiles the network's body: true, false, or auto, which does so where "
    "the class is measured to gain, the training is long enough, and there is a C++ compiler"
)


def add(parser: Any) -> None:
    """Adds the flag to a parser."""
    parser.add_argument("--compile", type=Choice, default="auto", help=HELP)


def check_shapes(compiled: Compiled, padding_free: PaddingFree) -> None:
    """Leaves a network uncompiled whose rows have a length of their own in each batch.

    Raises:
        ValueError: If it must be compiled.
    """
    if not padding_free.enabled:
        return
    if compiled.choice is True:
        raise ValueError(
            "--compile true: not with --padding_free true, by which each batch has another shape; "
            "leave one of them out"
        )
    compiled.choice = False


def decide(
    compiled: Compiled, trainer: RunTrainer, model: Any, data: Any, rows: Mapping[str, int]
) -> list[str]:
    """Decides before the training, and returns a line for the first screen if there is one.

    Args:
        compiled: The callback that compiles.
        trainer: The Trainer.
        model: The module.
        data: The data module, after its ``setup``.
        rows: The rows of each split.

    Raises:
        ValueError: If the network must be compiled, and cannot be.
    """
    if not model.trains:
        if compiled.choice is True:
            raise ValueError(
                f"--compile true: {type(model).__name__} trains nothing; leave the flag out"
            )
        compiled.chosen = False
        return []
    # Batches of so many tokens have no size in rows.
    steps = num_batches(trainer, _epoch(trainer, rows.get("train", 0), data.batch_size or 0))
    line = compiled.decide(model, trainer.strategy.root_device, steps, fixed_batch_tokens(data))
    return [line] if line else []


def _epoch(trainer: RunTrainer, rows: int, size: int) -> float:
    """The training batches of an epoch; 0 where their size in rows is not known."""
    found = math.ceil(rows / size) if size else 0
    limit = trainer.limit_train_batches
    if limit is not None:
        found = min(found, limit) if isinstance(limit, int) else int(found * limit)
    return found
