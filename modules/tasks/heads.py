"""A head of one vector of outputs for each text, which several tasks have in common."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from datamodules.packaged import load_tokenizer, pad_id
from modules import backbones
from modules.tasks import network_inputs, pooled_network
from modules.tasks.pooled_network import PooledForward

Pooling = Literal["native", "mean"]


class Head:
    """A new head on a backbone.

    Args:
        labels: Names of its outputs in the order of their ids; None for a single number.
        pooling: native is the architecture's own head (BERT: the first token through the pooler;
            decoders: the last token); mean averages the tokens, as sentence encoders do. A family
            without a head of its own gets one linear layer on the last token.
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
            ValueError: If the architecture's head has no dropout, or the backbone cannot be read.
        """
        from transformers import AutoModelForSequenceClassification

        own = {} if self.dropout is None else {"classifier_dropout": self.dropout}
        fields = {**self._fields, **own}
        model: Any = None
        if backbones.knows(AutoModelForSequenceClassification, backbone):
            model = backbones.load_backbone(
                AutoModelForSequenceClassification, backbone, dropout, **fields
            )
        if model is None or (self.pooling == "mean" and not _takes_a_mean(model)):
            model = backbones.load_backbone(
                pooled_network.network_class, backbone, dropout, **fields
            )
            model.encoder_only = model.config.is_encoder_decoder
        elif model.config.is_encoder_decoder:
            pooled_network.without_own_forward(model)
        if self.dropout is not None:
            self._set_dropout(model, self.dropout)
        model.config.get_text_config().pad_token_id = pad_id(load_tokenizer(backbone))
        # A pooler that nothing reads would be counted, and several devices would refuse it.
        if self.pooling == "mean" and getattr(model.base_model, "pooler", None) is not None:
            model.base_model.pooler = _FirstToken()
        return model

    @staticmethod
    def _set_dropout(model: Any, rate: float) -> None:
        inside = {id(module) for module in model.base_model.modules()}
        outside = [module for module in model.modules() if id(module) not in inside]
        dropouts: list[Any] = [m for m in outside if type(m).__name__.endswith("Dropout")]
        if not dropouts:
            raise ValueError(
                f"--model.task.dropout: the head of {model.config.model_type} has no dropout"
            )
        for module in dropouts:
            module.p = rate

    def logits(self, model: Any, batch: Mapping[str, Any]) -> Tensor:
        """Return the head's outputs, (B, outputs), wherever the batch has its padding."""
        inner = backbones.unwrap(model)
        batch = network_inputs.align(batch, getattr(inner, "padding_side", "right"))
        inputs = network_inputs.model_inputs(batch)
        apart = isinstance(inner, PooledForward)
        per_token = isinstance(getattr(inner, "score", None), nn.Module)  # a decoder's head
        if self.pooling == "native" and not (per_token or apart):
            return model(**inputs).logits
        pooled_BH = self.pool(network_inputs.hidden_states(model, inputs), batch["attention_mask"])
        if apart and not per_token:
            return inner.classification_head(pooled_BH)
        head = linear_head(inner)
        assert head is not None  # build has made sure
        if self.pooling == "native" and not apart:
            return head(pooled_BH)
        return head(getattr(inner, "dropout", nn.Identity())(pooled_BH))

    def pool(self, hidden_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        """Return the mean over each row's tokens or its last one, (B, H)."""
        # A prompt may stand before the rows, and the last token is not found there by the length.
        hidden_BTH = hidden_BTH[:, -mask_BT.shape[1] :]
        if self.pooling == "native":
            places_BT = mask_BT * torch.arange(1, 1 + mask_BT.shape[1], device=mask_BT.device)
            # Its length by len() would be fixed in an exported graph.
            rows = torch.arange(mask_BT.shape[0], device=mask_BT.device)
            return hidden_BTH[rows, places_BT.argmax(1)]
        mask_BT1 = mask_BT[..., None].to(hidden_BTH.dtype)
        return (hidden_BTH * mask_BT1).sum(1) / mask_BT1.sum(1)


class _FirstToken(nn.Module):
    """Returns the first token's hidden state, in place of a pooler."""

    def forward(self, hidden_BTH: Tensor) -> Tensor:
        return hidden_BTH[:, 0]


def _takes_a_mean(model: Any) -> bool:
    """Tell whether a head is one linear layer, behind nothing but a pooler with a forward."""
    inside = {id(p) for p in model.base_model.parameters()}
    above = [m for _, m in model.named_children() if m is not model.base_model]
    parts = [m for m in above if any(id(p) not in inside for p in m.parameters())]
    head, pooler = linear_head(model), getattr(model.base_model, "pooler", None)
    return parts == [head] and not isinstance(pooler, nn.Linear)


def linear_head(model: nn.Module) -> nn.Module | None:
    """Return the model's head if it is a single linear layer."""
    for name in ("classifier", "score"):
        head = getattr(model, name, None)
        if isinstance(getattr(head, "original_module", head), nn.Linear):
            return head
    return None


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
