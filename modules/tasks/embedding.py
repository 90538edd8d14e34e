"""Vectors of texts, of which like ones are near each other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from jsonargparse.typing import PositiveFloat
from torch import Tensor
from torchmetrics import MetricCollection

from datamodules.batches import LabelledBatch
from datamodules.packaged import load_tokenizer
from modules.encoding import most_tokens
from modules.tasks import contrastive, vector_export, vector_metrics, vector_rows
from modules.tasks.base import LabelKind, Task


class Embedding(Task[LabelledBatch]):
    """Trains one vector a text by contrast with the other texts of a batch.

    Predictions are the vectors, of length 1.

    Args:
        positives: Texts to draw together: of one label (labels; Khosla et al. 2020, SetFit), of one
            row (pairs; Henderson et al. 2017), a text under two masks of dropout (dropout; SimCSE,
            Gao et al. 2021), or pairs in the order of their scores (scores; CoSENT, Su 2022).
        temperature: Number that cosines are divided by.
        pooling: Vector of a text: mean of its tokens, first or last token.
    """

    auto_class, pipeline, peft_type = "AutoModel", "feature-extraction", "FEATURE_EXTRACTION"
    batch_keys = ("input_ids", "attention_mask")
    vectors = True

    def __init__(
        self,
        positives: contrastive.Positives = "labels",
        temperature: PositiveFloat = 0.05,
        pooling: vector_rows.VectorPooling = "mean",
    ) -> None:
        self.positives, self.temperature, self.vector_pooling = positives, temperature, pooling
        self.label_kind = self.labels_read({"positives": positives})
        self.monitor, self.mode = vector_metrics.MONITORS.get(positives, ("val/loss", "min"))
        self.examples: tuple[Tensor, Tensor] | None = None  # training vectors with their labels
        self._data: Any = None

    def arguments(self) -> dict[str, Any]:
        known = {"positives": self.positives, "temperature": self.temperature}
        return known | {"pooling": self.vector_pooling}

    @classmethod
    def labels_read(cls, arguments: Mapping[str, Any]) -> LabelKind:
        return vector_rows.LABELS.get(arguments.get("positives", "labels"), "none")

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        """Load the backbone without a head."""
        self._tokenizer = load_tokenizer(backbone)
        return vector_rows.load_network(backbone, dropout)

    def read_model(self, model: Any) -> None:
        self._limit = most_tokens(model, self._tokenizer)
        if self.positives == "dropout":
            vector_rows.check_dropout(model)

    def write_beside(self, folder: Path) -> None:
        vector_export.write_pooling(folder, self.vector_pooling)

    def pooling_code(self) -> str:
        return vector_export.how_to_pool(self.vector_pooling)

    def read_data(self, data: Any) -> None:
        self._data, self.examples = data, None  # a test may have loaded other weights

    def check_columns(self, columns: list[str]) -> None:
        vector_rows.check_columns(columns, self.positives)

    def prepare(self, batch: LabelledBatch, training: bool) -> LabelledBatch:
        """Return both texts of each pair as rows of their own, or each text twice."""
        if training:
            self.examples = None  # made by weights that are about to change
        return vector_rows.prepared(batch, self.positives, training, self._tokenizer, self._limit)

    def logits(self, model: Any, batch: LabelledBatch) -> Tensor:
        """Return a vector of length 1 for each text, (B, H), or for each of two, (B, 2, H)."""
        needed = self.positives == "labels" and "labels" in batch and not model.training
        if needed and self._data is not None and self.examples is None:
            self.examples = vector_rows.examples(model, self._data, self.vector_pooling)
        return vector_rows.vectors(model, batch, self.vector_pooling)

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        return contrastive.loss(self.positives, logits, batch["labels"], self.temperature)

    def num_targets(self, batch: LabelledBatch) -> Tensor | int:
        return contrastive.num_targets(self.positives, batch["labels"])

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        return MetricCollection({} if stage == "train" else vector_metrics.named(self))
