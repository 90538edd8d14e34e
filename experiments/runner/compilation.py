"""Whether a run compiles its network: the flag, the run's length, and the line on the screen."""

import math
from collections.abc import Mapping
from typing import Any

from experiments.runner.trainer import RunTrainer
from modules.compile_gain import fixed_batch_tokens
from modules.compiling import Choice, Compiled

HELP = (
    "Whether torch.compile compiles the network's body: true, false, or auto, which does so where "
    "the class is measured to gain, the training is long enough, and there is a C++ compiler"
)


def add(parser: Any) -> None:
    """Adds the flag to a parser."""
    parser.add_argument("--compile", type=Choice, default="auto", help=HELP)


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
    size = data.batch_size or 0  # none where batches are of so many tokens
    alone = trainer.world_size == 1  # the gain was not measured on several devices
    epoch = math.ceil(rows.get("train", 0) / size) if size and alone else 0
    tokens = fixed_batch_tokens(data)
    line = compiled.decide(model, trainer.strategy.root_device, _batches(trainer, epoch), tokens)
    return [line] if line else []


def _batches(trainer: RunTrainer, epoch: float) -> float:
    """The training batches of a device, of which an epoch has so many."""
    limit = trainer.limit_train_batches
    if limit is not None:
        epoch = min(epoch, limit) if isinstance(limit, int) else epoch * limit
    epochs = math.inf if trainer.max_epochs in (None, -1) else trainer.max_epochs
    steps = math.inf if trainer.max_steps == -1 else trainer.max_steps
    most = epochs * epoch if epoch else 0
    return min(most, steps * trainer.accumulate_grad_batches)
