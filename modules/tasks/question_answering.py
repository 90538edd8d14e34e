"""Answers to questions, which stand in a text."""

from typing import Any, Literal

import torch
from jsonargparse.typing import PositiveInt
from torch import Tensor, nn
from torchmetrics import MetricCollection

from datamodules.batches import QuestionBatch
from datamodules.unread import Unread, off
from modules.tasks import answer_network, network_inputs
from modules.tasks.answer_scores import AnswerScores, RightShare, Score
from modules.tasks.base import Task


class QuestionAnswering(Task[QuestionBatch]):
    """Marks the answer to a question in a context (Rajpurkar et al. 2016, arXiv:1606.05250).

    Each token has two logits, as the answer's start and as its end. Of a long context's windows
    the best span counts. Metrics are exact match and F1 as SQuAD's own script has them. Where
    questions may have no answer (Rajpurkar et al. 2018), there are also F1 over those that have
    one, the accuracy over the others, and F1 at the best threshold.

    Args:
        unanswerable: Whether there may be no answer; taken from the data on the command line.
        null_threshold: Lead in logits over the best span, beyond which there is no answer.
        max_answer_tokens: Most tokens of an answer.
    """

    auto_class = "AutoModelForQuestionAnswering"
    pipeline = "question-answering"
    peft_type = "FEATURE_EXTRACTION"  # peft's own type for questions drops token_type_ids
    monitor, mode, label_kind = "val/f1", "max", "span"
    pairs = True
    unread = (Unread(("null_threshold",), "unanswerable", off),)
    batch_keys = (*Task.batch_keys, "offsets", "sources", "columns")

    def __init__(
        self,
        unanswerable: bool = False,
        null_threshold: float = 0.0,
        max_answer_tokens: PositiveInt = 30,
    ) -> None:
        self.unanswerable, self.null_threshold = unanswerable, null_threshold
        self.max_answer_tokens = max_answer_tokens

    def arguments(self) -> dict[str, Any]:
        return dict(vars(self))

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        """Load the backbone with a head of two logits for each token."""
        return answer_network.load(backbone, dropout)

    def check_columns(self, columns: list[str]) -> None:
        if not {"pair", "answers"} <= set(columns):
            raise ValueError(
                "--model.task QuestionAnswering: reads questions with their contexts and answers; "
                "give --data QuestionFiles --data.source PATH"
            )

    def logits(self, model: Any, batch: QuestionBatch) -> Tensor:
        """Return the logits of start and end of each token, (B, T, 2)."""
        found = model(**network_inputs.model_inputs(batch))
        logits_BT2 = torch.stack([found.start_logits, found.end_logits], -1)
        return logits_BT2[:, -batch["input_ids"].shape[1] :]  # without a prompt before it

    def loss(self, logits: Tensor, batch: QuestionBatch) -> Tensor:
        """Return the mean cross-entropy of start and end over all T places, as BERT's own."""
        return nn.functional.cross_entropy(logits.float(), batch["labels"])

    def targets(self, batch: QuestionBatch) -> Any:
        return batch

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        if stage == "train":
            return MetricCollection({"accuracy": RightShare()})
        scores: tuple[Score, ...] = ("exact_match", "f1")
        if self.unanswerable:
            scores += ("f1_answerable", "accuracy_unanswerable", "best_f1")
        rest = (self.max_answer_tokens, self.unanswerable, self.null_threshold)
        return MetricCollection({score: AnswerScores(score, *rest) for score in scores})
