"""A table of the worst test predictions."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor


class Predictions(Callback):
    """Logs a table of test predictions, the worst first: confident mistakes, largest errors.

    Rows without a label, as a language model's, get no table. Neither do batches without the
    ``index`` of their rows, modules whose ``test_step`` returns no ``logits``, and data without
    ``dataset`` and ``label_names``, which hold the texts.

    Args:
        rows: Number of rows to show.
    """

    def __init__(self, rows: int = 50) -> None:
        self.rows = rows
        self._parts: list[tuple[Tensor, Tensor, Tensor]] = []

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if not isinstance(batch, Mapping) or "labels" not in batch:
            return
        if "index" in batch and isinstance(outputs, Mapping) and "logits" in outputs:
            parts = (batch["index"], batch["labels"], outputs["logits"].float())
            self._parts.append(tuple(part.cpu() for part in parts))

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        parts, self._parts = self._parts, []
        if trainer.world_size > 1:  # each process has seen its share of the rows
            shares: list = [None] * trainer.world_size
            torch.distributed.all_gather_object(shares, parts)
            parts = [part for share in shares for part in share]
        if not parts:
            return
        index, labels, logits = (torch.cat(column) for column in zip(*parts, strict=True))
        data = getattr(trainer, "datamodule", None)
        if not (hasattr(data, "dataset") and hasattr(data, "label_names")):
            return
        columns, how_bad, cells = _table(labels, logits, data.label_names)
        split, table = data.dataset.splits[data.dataset.test_split], []
        for at in how_bad.argsort(descending=True)[: self.rows].tolist():
            row = int(index[at])
            text = split.texts[row]
            if split.pairs is not None:
                text = f"{text} ‖ {split.pairs[row]}"
            table.append([text, *cells(at)])
        for logger in trainer.loggers:
            if hasattr(logger, "log_table"):
                logger.log_table("test/predictions", columns=["text", *columns], data=table)


def _table(labels: Tensor, logits: Tensor, names: list[str]) -> tuple[list[str], Tensor, Any]:
    """Return the columns, the badness of each row, (N,), and a function for a row's cells."""
    if labels.is_floating_point():
        errors = (logits - labels).abs()
        columns = ["label", "prediction", "error"]
        values = (labels, logits, errors)
        return columns, errors, lambda at: [round(float(value[at]), 4) for value in values]
    if labels.ndim == 2:
        guesses, errors = (logits > 0).long(), (logits.sigmoid() - labels).abs().sum(1)

        def named(row: Tensor) -> str:
            return ", ".join(names[number] for number in row.nonzero()[:, 0].tolist())

        columns = ["labels", "predictions", "correct"]
        return (
            columns,
            errors,
            lambda at: [
                named(labels[at]),
                named(guesses[at]),
                bool((labels[at] == guesses[at]).all()),
            ],
        )
    confidence, predicted = logits.softmax(-1).max(-1)
    wrong = labels != predicted
    columns = ["label", "prediction", "confidence", "correct"]
    return (
        columns,
        wrong * 2 + confidence,
        lambda at: [
            names[int(labels[at])],
            names[int(predicted[at])],
            round(float(confidence[at]), 4),
            not wrong[at],
        ],
    )
