"""What a model is asked to do: its head, its loss and its metrics. A strategy takes one."""

from typing import Any, Literal

import torch
from jsonargparse.typing import ClosedUnitInterval, PositiveInt
from torch import Tensor, nn
from torchmetrics import Accuracy, F1Score, MetricCollection

from datamodules.batches import LabelledBatch
from datamodules.packaged import load_tokenizer, pad_id
from modules import backbones

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class Task:
    """Head, loss and metrics over one kind of batch.

    ``auto_class`` and ``pipeline`` are its names in transformers, ``peft_type`` that in peft;
    ``monitor`` names the validation metric that picks the best checkpoint, and ``mode`` says
    whether more (max) or less (min) of it is better.
    """

    auto_class: str
    pipeline: str
    peft_type: str
    monitor: str
    mode: Literal["min", "max"]

    def arguments(self) -> dict:
        """The arguments that rebuild this task, for checkpoints: plain values only."""
        raise NotImplementedError

    def build(self, backbone: str, dropout: float | None = None) -> nn.Module:
        """The backbone with the task's head on it, its dropout rates replaced if one is given."""
        raise NotImplementedError

    def logits(self, model: nn.Module, batch: LabelledBatch) -> Tensor:
        raise NotImplementedError

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        raise NotImplementedError

    def size(self, batch: LabelledBatch) -> Tensor | int:
        """Over how many rows, or tokens, ``loss`` is the mean."""
        return len(batch["labels"])

    def metrics(self) -> MetricCollection:
        raise NotImplementedError


class _FirstToken(nn.Module):
    """In place of a pooler."""

    def forward(self, hidden_BTH: Tensor) -> Tensor:
        return hidden_BTH[:, 0]


class Classification(Task):
    """One class for each text or pair of texts.

    Args:
        labels: class names in the order of their ids; taken from the data on the command line.
        num_classes: instead of names.
        pooling: native is the architecture's own head (BERT: the first token through the pooler;
            decoders: the last token); mean averages the tokens, as sentence encoders do.
        dropout: before the classifier; the architecture's own if not given.
        label_smoothing: share of the target spread over all classes (Szegedy et al. 2016).
    """

    auto_class, pipeline = "AutoModelForSequenceClassification", "text-classification"
    peft_type, monitor, mode = "SEQ_CLS", "val/accuracy", "max"

    def __init__(
        self,
        labels: list[str] | None = None,
        num_classes: PositiveInt | None = None,
        pooling: Literal["native", "mean"] = "native",
        dropout: ClosedUnitInterval | None = None,
        label_smoothing: ClosedUnitInterval = 0.0,
    ) -> None:
        if labels is None:
            labels = [f"LABEL_{number}" for number in range(num_classes or 2)]
        if num_classes not in (None, len(labels)):
            raise ValueError(
                f"--model.task.num_classes {num_classes}: the data has {len(labels)} classes "
                f"({', '.join(labels[:8])})"
            )
        if len(labels) < 2:
            raise ValueError(f"--model.task.labels: one class only ({', '.join(labels)})")
        self.labels, self.pooling = list(labels), pooling
        self.dropout, self.label_smoothing = dropout, label_smoothing

    def arguments(self) -> dict:
        names = ("labels", "pooling", "dropout", "label_smoothing")
        return {name: getattr(self, name) for name in names}

    def build(self, backbone: str, dropout: float | None = None) -> nn.Module:
        from transformers import AutoModelForSequenceClassification

        head = {} if self.dropout is None else {"classifier_dropout": self.dropout}
        model = backbones.load(
            AutoModelForSequenceClassification,
            backbone,
            dropout,
            num_labels=len(self.labels),
            id2label=dict(enumerate(self.labels)),
            label2id={label: number for number, label in enumerate(self.labels)},
            **head,
        )
        kind = model.config.model_type
        if self.dropout is not None and not hasattr(model.config, "classifier_dropout"):
            raise ValueError(f"--model.task.dropout: the head of {kind} has no dropout")
        model.config.get_text_config().pad_token_id = pad_id(load_tokenizer(backbone))
        if self.pooling == "mean":
            if self._linear_head(model) is None:
                raise ValueError(
                    f"--model.task.pooling mean: the head of {kind} is not a single linear layer; "
                    f"use native"
                )
            # A pooler that nothing reads would be counted, and several devices would refuse it.
            if getattr(model.base_model, "pooler", None) is not None:
                model.base_model.pooler = _FirstToken()
        return model

    @staticmethod
    def _linear_head(model: nn.Module) -> nn.Module | None:
        for name in ("classifier", "score"):
            head = getattr(model, name, None)
            if isinstance(getattr(head, "original_module", head), nn.Linear):
                return head
        return None

    def logits(self, model: nn.Module, batch: LabelledBatch) -> Tensor:
        """Scores before the softmax, (B, classes)."""
        inputs = {name: batch[name] for name in _INPUTS if name in batch}
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        per_token = isinstance(getattr(inner, "score", None), nn.Module)  # a decoder's head
        if self.pooling == "native" and not per_token:
            return model(**inputs).logits
        hidden_BTH = model(**inputs, output_hidden_states=True).hidden_states[-1]
        hidden_BTH = hidden_BTH[:, -batch["input_ids"].shape[1] :]  # without a prompt before it
        mask_BT = batch["attention_mask"]
        if self.pooling == "native":  # transformers does not find the last token after a prompt
            rows = torch.arange(len(mask_BT), device=mask_BT.device)
            return inner.score(hidden_BTH[rows, mask_BT.sum(1) - 1])
        mask_BT1 = mask_BT[..., None].to(hidden_BTH.dtype)
        mean_BH = (hidden_BTH * mask_BT1).sum(1) / mask_BT1.sum(1)
        return self._linear_head(inner)(getattr(inner, "dropout", nn.Identity())(mean_BH))

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        return nn.functional.cross_entropy(
            logits.float(), batch["labels"], label_smoothing=self.label_smoothing
        )

    def metrics(self) -> MetricCollection:
        kind = {"task": "multiclass", "num_classes": len(self.labels)}
        return MetricCollection(
            {"accuracy": Accuracy(average="micro", **kind), "f1": F1Score(average="macro", **kind)}
        )


TASKS: dict[str, type[Task]] = {"Classification": Classification}


def restore(task: "Task | dict") -> Task:
    """A task from what a checkpoint holds of it."""
    if isinstance(task, Task):
        return task
    return TASKS[task["name"]](**task["arguments"])


def stored(task: Task) -> dict:
    return {"name": type(task).__name__, "arguments": task.arguments()}


def plain(value: Any) -> Any:
    """A copy with Python's own numbers in place of the command line's restricted ones.

    Checkpoints are read with ``weights_only=True``, which knows no other types.
    """
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return int(value) if isinstance(value, int) else float(value)
