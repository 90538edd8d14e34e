"""The base of every task: a head, a loss and metrics, which a strategy takes as an argument."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
from torch import Tensor
from torchmetrics import MetricCollection

from datamodules.unread import Unread
from modules.registry import Registered
from modules.tasks.heads import Head, Pooling

Lengths = TypeVar("Lengths", np.ndarray, Tensor)  # (rows,)
LabelKind = Literal["class", "number", "several", "tags", "span", "choice", "none"]


# A TypedDict of datamodules/batches.py.
Batch = TypeVar("Batch", bound=Mapping[str, Any])


class Task(Registered, Generic[Batch], abstract=True):
    """Head, loss and metrics over one kind of batch.

    Attributes:
        auto_class: The model's class in transformers.
        pipeline: Its pipeline in transformers.
        peft_type: Its task type in peft.
        monitor: The validation metric that picks the best checkpoint.
        mode: Whether more (max) or less (min) of it is better.
        unread: Arguments that have no effect beside some value of another one.
        metric_facts: As a module's. Classes of torchmetrics tell direction and bounds themselves.
        label_kind: The label of a row of the data: a class, a number, several names, a tag for each
            word, a span of a context, one of its own choices, or none.
        pairs: Whether a row has two texts.
        vectors: Whether a prediction is a vector.
        batch_keys: The entries that a batch must have.
        labels: Names of the outputs in the order of their ids; where a task has none, its head's,
            or those in the config of its network.
        max_answer_tokens, unanswerable, null_threshold: As QuestionAnswering's, for any task that
            marks spans.
        head: The new head; a task without one overrides the methods that read it.
        pooling: native or mean, as the head's.
        overhead: Tokens that the task adds to those of a text.
    """

    auto_class: str = "AutoModelForSequenceClassification"
    pipeline: str = "text-classification"
    peft_type: str = "SEQ_CLS"
    monitor: str
    mode: Literal["min", "max"]
    metric_facts: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
    unread: ClassVar[tuple[Unread, ...]] = ()
    label_kind: LabelKind = "class"
    pairs: ClassVar[bool] = False
    vectors: ClassVar[bool] = False
    batch_keys: ClassVar[tuple[str, ...]] = ("input_ids", "attention_mask", "labels")
    max_answer_tokens: int = 30
    unanswerable: bool = False
    null_threshold: float = 0.0
    head: Head
    pooling: Pooling = "native"
    overhead: int = 0

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that rebuild this task, for checkpoints: plain values only."""
        return self.head.arguments()

    @classmethod
    def labels_read(cls, arguments: Mapping[str, Any]) -> LabelKind:
        """Return the ``label_kind`` of a task with these arguments."""
        return cls.label_kind

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        """Load the backbone with the task's head on it.

        Args:
            backbone: A bundled name, a hub id or a folder.
            dropout: The rate that replaces the architecture's own.
        """
        return self.head.build(backbone, dropout)

    def prompt_description(self) -> str:
        """Return the prompt around a text, for people to read; empty where there is none."""
        return ""

    def prepare(self, batch: Batch, training: bool) -> Batch:
        """Return the batch with the targets of ``loss`` in it, where the data do not have them."""
        return batch

    def check_columns(self, columns: list[str]) -> None:
        """Refuse rows without the columns that the task reads.

        Raises:
            ValueError: If they do not fit; the message names the flag to change.
        """
        if "text" not in columns:
            raise ValueError(
                f"--model.task {type(self).__name__}: reads labelled texts, which the data has not"
            )
        if self.pairs and "pair" not in columns:
            raise ValueError(
                f"--model.task {type(self).__name__}: the data has one text a row; name the second "
                f"with --data.pair_column"
            )

    def read_data(self, data: Any) -> None:
        """Take from the data module what the loss needs, such as counts; nothing by default."""

    def read_model(self, model: Any) -> None:
        """Take from the adapted model what the loss needs; nothing by default."""

    def write_beside(self, folder: Path) -> None:
        """Write into an export what else its readers need; nothing by default."""

    def pooling_code(self) -> str:
        """Return Python that makes vectors with an exported network; empty where it is not for
        vectors.
        """
        return ""

    def num_input_tokens(self, lengths: Lengths) -> Lengths:
        """Return the tokens that the model reads for rows of these lengths."""
        return lengths

    def logits(self, model: Any, batch: Batch) -> Tensor:
        """Return the outputs of the head, (B, outputs)."""
        return self.head.logits(model, batch)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of the batch, a scalar."""
        raise ValueError(f"{type(self).__name__}: must override loss(logits, batch)")

    def evaluation(self, model: Any, batch: Batch, stage: Literal["val", "test"]) -> dict[str, Any]:
        """Return what else the metrics of a stage take of a prepared batch; nothing by default."""
        return {}

    def num_targets(self, batch: Batch) -> Tensor | int:
        """Return the number of rows, or tokens, that ``loss`` is the mean of."""
        return len(batch["labels"])

    def targets(self, batch: Batch) -> Any:
        """Return what the metrics take beside the logits: the labels, or more of the batch."""
        return batch["labels"]

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        """Return the metrics of a stage: of one batch in training, of all rows otherwise."""
        raise ValueError(f"{type(self).__name__}: must override metrics(stage)")
