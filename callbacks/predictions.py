"""The test predictions that one would like to look at."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class Predictions(Callback):
    """Logs a table of test predictions: the most confident mistakes first.

    Args:
        rows: how many to show.
    """

    columns = ["text", "label", "prediction", "confidence", "correct"]

    def __init__(self, rows: int = 50) -> None:
        self.rows = rows
        self._parts: list[tuple[torch.Tensor, ...]] = []

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        confidence, predicted = outputs["logits"].float().softmax(-1).max(-1)
        self._parts.append(
            tuple(part.cpu() for part in (batch["index"], batch["labels"], predicted, confidence))
        )

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        parts, self._parts = self._parts, []
        if trainer.world_size > 1:  # each process has seen its share of the rows
            shares: list = [None] * trainer.world_size
            torch.distributed.all_gather_object(shares, parts)
            parts = [part for share in shares for part in share]
        columns = zip(*parts, strict=True)
        index, labels, predicted, confidence = (torch.cat(column) for column in columns)
        data = trainer.datamodule
        split, names = data.dataset.splits[data.test_split], data.label_names
        wrong = (labels != predicted).float()
        order = torch.argsort(wrong * 2 + confidence, descending=True)[: self.rows].tolist()
        table = []
        for at in order:
            row = int(index[at])
            text = (
                split.texts[row]
                if split.pairs is None
                else (f"{split.texts[row]} ‖ {split.pairs[row]}")
            )
            label, guess = names[int(labels[at])], names[int(predicted[at])]
            table.append([text, label, guess, round(float(confidence[at]), 4), label == guess])
        for logger in trainer.loggers:
            if hasattr(logger, "log_table"):
                logger.log_table("test/predictions", columns=self.columns, data=table)
