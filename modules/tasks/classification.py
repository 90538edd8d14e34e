"""Classification of texts."""

from typing import Any, Literal

from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveInt
from torch import Tensor
from torchmetrics import MetricCollection

from datamodules.batches import LabelledBatch
from modules.tasks import heads
from modules.tasks.base import Task
from modules.tasks.class_loss import ClassLoss, ClassWeights, class_metrics


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
        class_weights: Weight of a row by its class in training: none, balanced (rare classes count
            more), or a number for each name.
        focal_gamma: Focus of training on rows with a low probability (Lin et al. 2017); 2 is
            usual, 0 is none.
    """

    monitor, mode = "val/accuracy", "max"

    def __init__(
        self,
        labels: list[str] | None = None,
        num_classes: PositiveInt | None = None,
        pooling: heads.Pooling = "native",
        dropout: ClosedUnitInterval | None = None,
        label_smoothing: ClosedUnitInterval = 0.0,
        class_weights: ClassWeights = "none",
        focal_gamma: NonNegativeFloat = 0.0,
    ) -> None:
        self.labels = heads.class_names(labels, num_classes)
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
        return class_metrics(self.labels)
