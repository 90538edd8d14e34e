"""Rows as a pre-training objective makes them, and what the network guesses there."""

import os
import sys
from typing import Any

import torch
from jsonargparse.typing import PositiveInt
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from datamodules.argument_names import in_arguments


class ObjectiveExamples(Callback):
    """Prints rows of the first batch as the objective makes them: masked, replaced or permuted.

    They are shown before the first step and, after each validation, with the network's guesses.
    Their draws are their own, so that a run trains as it would without them.

    Args:
        rows: Number of rows.
    """

    def __init__(self, rows: PositiveInt = 3) -> None:
        self.rows = int(rows)
        self._example: dict[str, Any] = {}

    @in_arguments
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if not hasattr(pl_module, "show_examples"):
            raise ValueError(
                f"--trainer.callbacks ObjectiveExamples: {type(pl_module).__name__} is no "
                f"pre-training objective, and shows no examples"
            )

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._example or not trainer.is_global_zero:
            return
        with torch.no_grad():
            draws = torch.Generator(pl_module.device).manual_seed(0)
            self._example = pl_module.corrupt(batch, draws)
        rows = min(self.rows, len(batch["input_ids"]))
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        name = type(pl_module).__name__
        lines = pl_module.show_examples(_on_cpu(self._example), rows, colour)
        print("\n".join(["", f"what {name} makes of the first rows", *lines, ""]), flush=True)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        if trainer.sanity_checking or not self._example:
            return
        rows = min(self.rows, len(self._example["target_mask"]))
        with trainer.precision_plugin.forward_context():
            found = pl_module.show_guesses(self._example, rows)
        print(f"\nguesses after step {trainer.global_step}", flush=True)
        print(
            "\n".join(f"row {number}  {line}" for number, line in enumerate(found, 1)), flush=True
        )


def _on_cpu(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _on_cpu(inner) for name, inner in value.items()}
    return value.cpu() if isinstance(value, Tensor) else value
