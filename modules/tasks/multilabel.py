"""Multi-label classification of texts."""

from typing import Any, Literal

from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MultilabelExactMatch, MultilabelF1Score

from datamodules.batches import LabelledBatch
from modules.tasks import heads
from modules.tasks.base import Task


class MultiLabel(Task[LabelledBatch]):
    """Predicts any number of classes for each text, each by itself at a probability of 0.5.

    Args:
        labels: Class names in the order of their ids; taken from the data on the command line.
        pooling: native or mean, as in ``Classification``.
        dropout: Dropout rate before the classifier; the architecture's own if not given.
    """

    monitor, mode = "val/f1", "max"
    label_kind = "several"

    def __init__(
        self,
        labels: list[str] | None = None,
        pooling: heads.Pooling = "native",
        dropout: ClosedUnitInterval | None = None,
    ) -> None:
        self.labels = heads.class_names(labels)
        kind = "multi_label_classification"
        self.pooling = pooling
        self.head = heads.Head(self.labels, pooling, dropout, problem_type=kind)

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        targets = batch["labels"].float()
        return nn.functional.binary_cross_entropy_with_logits(logits.float(), targets)

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        kind: dict[str, Any] = {"num_labels": len(self.labels)}
        return MetricCollection(
            {
                "f1": MultilabelF1Score(average="micro", **kind),
                "f1_macro": MultilabelF1Score(average="macro", **kind),
                "exact_match": MultilabelExactMatch(**kind),
            }
        )
