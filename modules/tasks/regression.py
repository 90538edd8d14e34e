"""Regression on texts."""

from typing import Any, Literal

from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor, nn
from torchmetrics import MeanSquaredError, MetricCollection, PearsonCorrCoef, SpearmanCorrCoef

from datamodules.batches import LabelledBatch
from modules.tasks import heads
from modules.tasks.base import Task


class Regression(Task[LabelledBatch]):
    """Predicts a number for each text or pair of texts, such as STS-B's similarity.

    The loss is the squared error.

    Args:
        pooling: native or mean, as in ``Classification``.
        dropout: Dropout rate before the head; the architecture's own if not given.
    """

    monitor, mode = "val/pearson", "max"
    label_kind = "number"

    def __init__(
        self, pooling: heads.Pooling = "native", dropout: ClosedUnitInterval | None = None
    ) -> None:
        self.pooling = pooling
        self.head = heads.Head(None, pooling, dropout, problem_type="regression")

    def logits(self, model: Any, batch: LabelledBatch) -> Tensor:
        """Return the predicted numbers, (B,)."""
        return self.head.logits(model, batch)[:, 0].float()

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        return nn.functional.mse_loss(logits, batch["labels"].float())

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        error: dict[str, Any] = {"mse": MeanSquaredError()}
        if stage == "train":  # a batch of one row has no correlation
            return MetricCollection(error)
        return MetricCollection(
            {"pearson": PearsonCorrCoef(), "spearman": SpearmanCorrCoef(), **error}
        )
