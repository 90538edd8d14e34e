"""Classification of pairs of texts."""

from typing import Any, Literal

from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat
from torch import Tensor
from torchmetrics import MatthewsCorrCoef, MetricCollection

from datamodules.batches import LabelledBatch
from modules.tasks import heads
from modules.tasks.base import Task
from modules.tasks.class_loss import ClassLoss, ClassWeights, class_metrics


class PairClassification(Task[LabelledBatch]):
    """Predicts how two texts relate: entailment, paraphrase, answer … Both are read together.

    Metrics are accuracy, macro F1 and Matthews' correlation, which suits classes of unlike size.

    Args:
        labels: Class names in the order of their ids; taken from the data on the command line.
        pooling: native or mean, as in ``Classification``.
        dropout: Dropout rate before the classifier; the architecture's own if not given.
        label_smoothing: As in ``Classification``.
        class_weights: As in ``Classification``.
        focal_gamma: As in ``Classification``.
    """

    monitor, mode = "val/accuracy", "max"
    pairs = True

    def __init__(
        self,
        labels: list[str] | None = None,
        pooling: heads.Pooling = "native",
        dropout: ClosedUnitInterval | None = None,
        label_smoothing: ClosedUnitInterval = 0.0,
        class_weights: ClassWeights = "none",
        focal_gamma: NonNegativeFloat = 0.0,
    ) -> None:
        self.labels = heads.class_names(labels)
        self.class_loss = ClassLoss(self.labels, class_weights, label_smoothing, focal_gamma)
        self.pooling = pooling
        self.head = heads.Head(self.labels, pooling, dropout)

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | self.class_loss.arguments()

    def read_data(self, data: Any) -> None:
        self.class_loss.read_data(data)

    def prepare(self, batch: LabelledBatch, training: bool) -> LabelledBatch:
        """Return the batch; the loss of an evaluation is the plain cross-entropy."""
        return batch if training else {**batch, "training": False}

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        return self.class_loss(logits, batch["labels"], batch.get("training", True))

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        metrics = class_metrics(self.labels)
        kind: dict[str, Any] = {"task": "multiclass", "num_classes": len(self.labels)}
        metrics.add_metrics({"matthews": MatthewsCorrCoef(**kind)})
        return metrics
