"""What a model is asked to do: its head, its loss and its metrics. A strategy takes one."""

from typing import Any, Literal, TypeVar

import numpy as np
from torch import Tensor, nn
from torchmetrics import MetricCollection

from datamodules.batches import LabelledBatch
from modules.registry import Registered
from modules.tasks.heads import Head, Pooling

Lengths = TypeVar("Lengths", np.ndarray, Tensor)  # (rows,)


class Task(Registered):
    """Head, loss and metrics over one kind of batch.

    ``auto_class`` and ``pipeline`` are its names in transformers, ``peft_type`` that in peft;
    ``monitor`` names the validation metric that picks the best checkpoint, and ``mode`` says
    whether more (max) or less (min) of it is better. ``label_kind`` is what a row of the data has
    to bring: a class, a number, several names, or none. ``pairs`` says whether it takes two texts.
    """

    auto_class: str = "AutoModelForSequenceClassification"
    pipeline: str = "text-classification"
    peft_type: str = "SEQ_CLS"
    monitor: str
    mode: Literal["min", "max"]
    label_kind: Literal["class", "number", "several", "none"] = "class"
    pairs: bool = False
    head: Head  # a task without a new one overrides what reads it
    pooling: Pooling = "native"
    overhead: int = 0  # tokens that it adds to those of a text

    def arguments(self) -> dict[str, Any]:
        """The arguments that rebuild this task, for checkpoints: plain values only."""
        return self.head.arguments()

    def build(self, backbone: str, dropout: float | None = None) -> nn.Module:
        """The backbone with the task's head on it, its dropout rates replaced if one is given."""
        return self.head.build(backbone, dropout)

    def asks(self) -> str:
        """What the model is given beside the text, for people to read; nothing by default."""
        return ""

    def prepare(self, batch: LabelledBatch, training: bool) -> LabelledBatch:
        """The batch with the targets of ``loss`` in it, where the data do not bring them."""
        return batch

    def check(self, columns: list[str]) -> None:
        """Refuse rows that lack what the task reads of them: text, and pair where there are two."""
        if "text" not in columns:
            raise ValueError(
                f"--model.task {type(self).__name__}: reads labelled texts, which the data has not"
            )
        if self.pairs and "pair" not in columns:
            raise ValueError(
                f"--model.task {type(self).__name__}: the data has one text a row; name the second "
                f"with --data.pair_column"
            )

    def cost(self, lengths: Lengths) -> Lengths:
        """Tokens that the model reads for rows of so many tokens."""
        return lengths

    def logits(self, model: nn.Module, batch: LabelledBatch) -> Tensor:
        """What the head makes of the batch, (B, outputs)."""
        return self.head.scores(model, batch)

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        raise NotImplementedError

    def size(self, batch: LabelledBatch) -> Tensor | int:
        """Over how many rows, or tokens, ``loss`` is the mean."""
        return len(batch["labels"])

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        """Of one batch in training, of all rows otherwise."""
        raise NotImplementedError
