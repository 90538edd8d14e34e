"""Choices among the answers that each question brings along."""

from typing import Any, Literal

from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor, nn
from torchmetrics import MetricCollection

from datamodules.batches import ChoiceBatch
from modules.tasks import choice_scores, heads, pretrained_lm
from modules.tasks.answer_scores import RightShare
from modules.tasks.base import Task


class MultipleChoice(Task[ChoiceBatch]):
    """Chooses one of a question's own choices, each read behind the question.

    A head gives each a score, as BERT does it for SWAG (Zellers et al. 2018, arXiv:1808.05326). A
    decoder can take the mean log-likelihood of its tokens instead, which needs no training.

    Args:
        scoring: head is a new layer; likelihood is the language model's own, of a decoder.
        pooling: native or mean, as in ``Classification``; of a head.
        dropout: Dropout rate before the head; the architecture's own if not given.
    """

    monitor, mode, label_kind = "val/accuracy", "max", "choice"
    pairs = True
    batch_keys = ("input_ids", "attention_mask", "choices", "labels")

    def __init__(
        self,
        scoring: Literal["head", "likelihood"] = "head",
        pooling: heads.Pooling = "native",
        dropout: ClosedUnitInterval | None = None,
    ) -> None:
        self.scoring, self.pooling, self.dropout = scoring, pooling, dropout
        if scoring == "head":
            self.head = heads.Head(None, pooling, dropout)
        elif pooling != "native" or dropout is not None:
            raise ValueError("--model.task.scoring likelihood: has no pooling and no dropout")

    def arguments(self) -> dict[str, Any]:
        return {"scoring": self.scoring, "pooling": self.pooling, "dropout": self.dropout}

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        """Load the backbone with a head of one output, or with its language modeling head."""
        if self.scoring == "head":
            return self.head.build(backbone, dropout)
        model, masked = pretrained_lm.build(self, backbone, dropout)
        if masked:
            raise ValueError(
                f"--model.task.scoring likelihood: {backbone} is an encoder, which gives a text no "
                f"likelihood; give a decoder, such as smollm2, or --model.task.scoring head"
            )
        return model

    def check_columns(self, columns: list[str]) -> None:
        if "choices" not in columns:
            raise ValueError(
                "--model.task MultipleChoice: reads questions with choices; give "
                "--data ChoiceFiles --data.source PATH"
            )

    def logits(self, model: Any, batch: ChoiceBatch) -> Tensor:
        """Return the score of each choice of each question, (B, most choices)."""
        if self.scoring == "head":
            scores_R = self.head.logits(model, batch)[:, 0]
        else:
            scores_R = choice_scores.mean_log_likelihood(model, batch)
        return choice_scores.by_question(scores_R, batch.get("choices"))

    def loss(self, logits: Tensor, batch: ChoiceBatch) -> Tensor:
        return nn.functional.cross_entropy(logits.float(), batch["labels"])

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        return MetricCollection({"accuracy": RightShare()})
