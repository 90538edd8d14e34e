"""Classification of texts."""

from typing import Any, Literal

from jsonargparse.typing import ClosedUnitInterval, PositiveInt
from torch import Tensor, nn
from torchmetrics import Accuracy, F1Score, MetricCollection

from datamodules.batches import LabelledBatch
from modules.tasks import heads
from modules.tasks.base import Task


class Classification(Task[LabelledBatch]):
    """Predicts one class for each text or pair of texts.

    Args:
        labels: Class names in the order of their ids; taken from the data on the command line.
        num_classes: Number of classes, instead of their names.
        pooling: native is the architecture's own head (BERT: the first token through the pooler;
            decoders: the last token); mean averages the tokens, as sentence encoders do.
        dropout: Dropout rate before the classifier; the architecture's own if not given.
        label_smoothing: Share of the target spread over all classes in training
            (Szegedy et al. 2016).
    """

    monitor, mode = "val/accuracy", "max"

    def __init__(
        self,
        labels: list[str] | None = None,
        num_classes: PositiveInt | None = None,
        pooling: heads.Pooling = "native",
        dropout: ClosedUnitInterval | None = None,
        label_smoothing: ClosedUnitInterval = 0.0,
    ) -> None:
        self.labels, self.label_smoothing = heads.class_names(labels, num_classes), label_smoothing
        self.pooling = pooling
        self.head = heads.Head(self.labels, pooling, dropout)

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"label_smoothing": self.label_smoothing}

    def prepare(self, batch: LabelledBatch, training: bool) -> LabelledBatch:
        """Return the batch; that of an evaluation has no label smoothing."""
        return batch if training or not self.label_smoothing else {**batch, "label_smoothing": 0.0}

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        share = batch.get("label_smoothing", self.label_smoothing)
        return nn.functional.cross_entropy(logits.float(), batch["labels"], label_smoothing=share)

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        kind: dict[str, Any] = {"task": "multiclass", "num_classes": len(self.labels)}
        return MetricCollection(
            {"accuracy": Accuracy(average="micro", **kind), "f1": F1Score(average="macro", **kind)}
        )
