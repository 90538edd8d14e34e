"""One vector of scores for each text, or pair of texts: what several tasks have in common."""

from typing import Literal

import torch
from torch import Tensor, nn

from datamodules.batches import LabelledBatch
from datamodules.packaged import load_tokenizer, pad_id
from modules import backbones

Pooling = Literal["native", "mean"]

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def build(
    backbone: str, dropout: float | None, pooling: Pooling, head_dropout: float | None, **fields
) -> nn.Module:
    """The backbone with a new head; ``fields`` of its config say which.

    Args:
        dropout: in place of all of the architecture's rates.
        head_dropout: before the head; the architecture's own if None.
    """
    from transformers import AutoModelForSequenceClassification

    head = {} if head_dropout is None else {"classifier_dropout": head_dropout}
    model = backbones.load(AutoModelForSequenceClassification, backbone, dropout, **fields, **head)
    kind = model.config.model_type
    if head_dropout is not None and not hasattr(model.config, "classifier_dropout"):
        raise ValueError(f"--model.task.dropout: the head of {kind} has no dropout")
    model.config.get_text_config().pad_token_id = pad_id(load_tokenizer(backbone))
    if pooling == "mean":
        if linear_head(model) is None:
            raise ValueError(
                f"--model.task.pooling mean: the head of {kind} is not a single linear layer; "
                f"use native"
            )
        # A pooler that nothing reads would be counted, and several devices would refuse it.
        if getattr(model.base_model, "pooler", None) is not None:
            model.base_model.pooler = _FirstToken()
    return model


class _FirstToken(nn.Module):
    """In place of a pooler."""

    def forward(self, hidden_BTH: Tensor) -> Tensor:
        return hidden_BTH[:, 0]


def linear_head(model: nn.Module) -> nn.Module | None:
    for name in ("classifier", "score"):
        head = getattr(model, name, None)
        if isinstance(getattr(head, "original_module", head), nn.Linear):
            return head
    return None


def scores(model: nn.Module, batch: LabelledBatch, pooling: Pooling) -> Tensor:
    """The head's outputs, (B, outputs)."""
    inputs = model_inputs(batch)
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    per_token = isinstance(getattr(inner, "score", None), nn.Module)  # a decoder's head
    if pooling == "native" and not per_token:
        return model(**inputs).logits
    hidden_BTH = model(**inputs, output_hidden_states=True).hidden_states[-1]
    hidden_BTH = hidden_BTH[:, -batch["input_ids"].shape[1] :]  # without a prompt before it
    mask_BT = batch["attention_mask"]
    if pooling == "native":  # transformers does not find the last token after a prompt
        rows = torch.arange(len(mask_BT), device=mask_BT.device)
        return inner.score(hidden_BTH[rows, mask_BT.sum(1) - 1])
    mask_BT1 = mask_BT[..., None].to(hidden_BTH.dtype)
    mean_BH = (hidden_BTH * mask_BT1).sum(1) / mask_BT1.sum(1)
    return linear_head(inner)(getattr(inner, "dropout", nn.Identity())(mean_BH))


def model_inputs(batch: LabelledBatch) -> dict[str, Tensor]:
    return {name: batch[name] for name in _INPUTS if name in batch}


def checked_labels(
    labels: list[str] | None, count: int | None, least: int
) -> tuple[list[str], dict[int, str], dict[str, int]]:
    """Names in the order of their ids, and both directions for a config."""
    if labels is None:
        labels = [f"LABEL_{number}" for number in range(count or 2)]
    if count not in (None, len(labels)):
        raise ValueError(
            f"--model.task.num_classes {count}: the data has {len(labels)} classes "
            f"({', '.join(labels[:8])})"
        )
    if len(labels) < least:
        raise ValueError(f"--model.task.labels: one class only ({', '.join(labels)})")
    names = list(labels)
    return names, dict(enumerate(names)), {label: number for number, label in enumerate(names)}
