"""A head of one vector of outputs for each text, which several tasks have in common."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from datamodules.packaged import load_tokenizer, pad_id
from modules import backbones

Pooling = Literal["native", "mean"]

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class Head:
    """A new head on a backbone.

    Args:
        labels: Names of its outputs in the order of their ids; None for a single number.
        pooling: native is the architecture's own head (BERT: the first token through the pooler;
            decoders: the last token); mean averages the tokens, as sentence encoders do.
        dropout: Dropout rate before the head; the architecture's own if None.
        fields: Further fields of the backbone's config.
    """

    def __init__(
        self, labels: list[str] | None, pooling: Pooling, dropout: float | None, **fields: Any
    ) -> None:
        self.labels, self.pooling, self.dropout = labels, pooling, dropout
        names = dict(enumerate(labels or []))
        ids = {label: number for number, label in names.items()}
        known: dict[str, Any] = {"num_labels": len(names), "id2label": names, "label2id": ids}
        self._fields = (known if labels else {"num_labels": 1}) | fields

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that rebuild this head: plain values only."""
        labels = {} if self.labels is None else {"labels": self.labels}
        return {**labels, "pooling": self.pooling, "dropout": self.dropout}

    def build(self, backbone: str, dropout: float | None) -> Any:
        """Load the backbone with this head.

        Args:
            backbone: A bundled name, a hub id or a folder.
            dropout: The rate that replaces all of the architecture's own.

        Raises:
            ValueError: If the architecture's head has no dropout, or cannot take a mean.
        """
        from transformers import (
            AutoModelForSequenceClassification,
            AutoModelForTokenClassification,
        )

        own = {} if self.dropout is None else {"classifier_dropout": self.dropout}
        fields = {**self._fields, **own}
        model = backbones.load_backbone(
            AutoModelForSequenceClassification, backbone, dropout, **fields
        )
        kind = model.config.model_type
        if self.pooling == "mean" and linear_head(model) is None:
            # The head of a single token is linear in every family: the mean goes through it.
            model = backbones.load_backbone(
                AutoModelForTokenClassification, backbone, dropout, **fields
            )
        if own and not hasattr(model.config, "classifier_dropout"):
            raise ValueError(f"--model.task.dropout: the head of {kind} has no dropout")
        model.config.get_text_config().pad_token_id = pad_id(load_tokenizer(backbone))
        if self.pooling == "mean":
            if linear_head(model) is None:
                raise ValueError(
                    f"--model.task.pooling mean: the head of {kind} is not a single linear layer; "
                    f"use native"
                )
            # A pooler that nothing reads would be counted, and several devices would refuse it.
            if getattr(model.base_model, "pooler", None) is not None:
                model.base_model.pooler = _FirstToken()
        return model

    def logits(self, model: Any, batch: Mapping[str, Any]) -> Tensor:
        """Return the head's outputs, (B, outputs)."""
        inputs = model_inputs(batch)
        inner = backbones.unwrap(model)
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
        head = linear_head(inner)
        assert head is not None  # build has made sure
        return head(getattr(inner, "dropout", nn.Identity())(mean_BH))


class _FirstToken(nn.Module):
    """Returns the first token's hidden state, in place of a pooler."""

    def forward(self, hidden_BTH: Tensor) -> Tensor:
        return hidden_BTH[:, 0]


def linear_head(model: nn.Module) -> nn.Module | None:
    """Return the model's head if it is a single linear layer."""
    for name in ("classifier", "score"):
        head = getattr(model, name, None)
        if isinstance(getattr(head, "original_module", head), nn.Linear):
            return head
    return None


def model_inputs(batch: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of a batch that a model of transformers takes."""
    return {name: batch[name] for name in _INPUTS if name in batch}


def class_names(labels: list[str] | None, count: int | None = None) -> list[str]:
    """Return class names, made up where the data have not named them yet.

    Raises:
        ValueError: If there are less than two classes, or another number than ``count``.
    """
    if labels is None:
        labels = [f"LABEL_{number}" for number in range(count or 2)]
    if count not in (None, len(labels)):
        raise ValueError(
            f"--model.task.num_classes {count}: the data has {len(labels)} classes "
            f"({', '.join(labels[:8])})"
        )
    if len(labels) < 2:
        raise ValueError(f"--model.task.labels: one class only ({', '.join(labels)})")
    return list(labels)
