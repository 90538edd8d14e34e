"""Classification of the words of a text: named entities, parts of speech."""

from typing import Any, Literal

from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from datamodules.batches import LabelledBatch
from datamodules.words import NO_TAG, entity_types
from modules import backbones
from modules.tasks import heads, network_inputs
from modules.tasks.base import Task
from modules.tasks.entities import EntityScores, Score, WordAccuracy


class TokenClassification(Task[LabelledBatch]):
    """Predicts a tag for each word. The first token of a word stands for it.

    Tags in BIO mark entities: their metrics are precision, recall and F1 over whole entities, and
    F1 picks the best checkpoint. Of other tags the metric is the accuracy by word.

    Args:
        labels: Tags in the order of their ids; taken from the data on the command line.
        dropout: Dropout rate before the classifier; the architecture's own if not given.
    """

    auto_class = "AutoModelForTokenClassification"
    pipeline = "token-classification"
    peft_type = "TOKEN_CLS"
    label_kind = "tags"

    def __init__(
        self, labels: list[str] | None = None, dropout: ClosedUnitInterval | None = None
    ) -> None:
        self.labels, self.dropout = heads.class_names(labels), dropout
        self.entities = bool(entity_types(self.labels))
        self.monitor, self.mode = "val/f1" if self.entities else "val/accuracy", "max"

    def arguments(self) -> dict[str, Any]:
        return {"labels": self.labels, "dropout": self.dropout}

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        """Load the backbone with a head that reads each token."""
        names = dict(enumerate(self.labels))
        ids = {label: number for number, label in names.items()}
        own = {} if self.dropout is None else {"classifier_dropout": self.dropout}
        fields = {"num_labels": len(names), "id2label": names, "label2id": ids, **own}
        from transformers import AutoModelForTokenClassification

        return backbones.load_backbone(AutoModelForTokenClassification, backbone, dropout, **fields)

    def logits(self, model: Any, batch: LabelledBatch) -> Tensor:
        """Return the head's outputs for each token of the text, (B, T, labels)."""
        logits_BTC = model(**network_inputs.model_inputs(batch)).logits
        return logits_BTC[:, -batch["input_ids"].shape[1] :]  # without a prompt before it

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        return nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), batch["labels"].flatten(), ignore_index=NO_TAG
        )

    def num_targets(self, batch: LabelledBatch) -> Tensor:
        """Return the number of words."""
        return (batch["labels"] >= 0).sum()

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        scores: tuple[Score, ...] = ("precision", "recall", "f1") if self.entities else ()
        metrics: dict[str, Metric | MetricCollection] = {"accuracy": WordAccuracy()}
        metrics |= {score: EntityScores(self.labels, score) for score in scores}
        return MetricCollection(metrics)
