"""Classification of pairs of texts."""

from typing import Any, Literal

from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor, nn
from torchmetrics import Accuracy, F1Score, MatthewsCorrCoef, MetricCollection

from datamodules.batches import LabelledBatch
from modules.tasks import heads
from modules.tasks.base import Task


class PairClassification(Task[LabelledBatch]):
    """Predicts how two texts relate: entailment, paraphrase, answer … Both are read together.

    Metrics are accuracy, macro F1 and Matthews' correlation, which suits classes of unlike size.

    Args:
        labels: Class names in the order of their ids; taken from the data on the command line.
        pooling: native or mean, as in ``Classification``.
        dropout: Dropout rate before the classifier; the architecture's own if not given.
    """

    monitor, mode = "val/accuracy", "max"
    pairs = True

    def __init__(
        self,
        labels: list[str] | None = None,
        pooling: heads.Pooling = "native",
        dropout: ClosedUnitInterval | None = None,
    ) -> None:
        self.labels = heads.class_names(labels)
        self.pooling = pooling
        self.head = heads.Head(self.labels, pooling, dropout)

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        return nn.functional.cross_entropy(logits.float(), batch["labels"])

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        kind: dict[str, Any] = {"task": "multiclass", "num_classes": len(self.labels)}
        return MetricCollection(
            {
                "accuracy": Accuracy(average="micro", **kind),
                "f1": F1Score(average="macro", **kind),
                "matthews": MatthewsCorrCoef(**kind),
            }
        )
