"""The tensors of a batch that a network takes, and the hidden states that it makes of them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from modules import backbones
from modules.tasks import pooled_network
from modules.tasks.pooled_network import PooledForward

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def align(batch: Mapping[str, Any], side: str) -> dict[str, Any]:
    """Return the batch with each row's padding on one side.

    Positions are counted from a row's beginning, and heads look for its last token, where padding
    is on the right; a few networks read the last place of all.
    """
    mask_BT = batch["attention_mask"]
    width = mask_BT.shape[1]
    # Sums and comparisons alone, as ONNX has no remainder by a length that varies.
    padding_B = ((mask_BT if side == "right" else mask_BT.flip(1)).cumsum(1) == 0).sum(1)
    first_B = padding_B if side == "right" else width - padding_B
    places_BT = torch.arange(width, device=mask_BT.device) + first_B[:, None]
    places_BT = torch.where(places_BT < width, places_BT, places_BT - width)
    return {n: v.gather(1, places_BT) if n in _INPUTS else v for n, v in batch.items()}


def model_inputs(batch: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of a batch that a model of transformers takes."""
    return {name: batch[name] for name in _INPUTS if name in batch}


def hidden_states(model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
    """Return what leaves the network below the head, (B, T, H), with a prompt's before the rows."""
    inner, seen = backbones.unwrap(model), []
    hook = trunk(inner).register_forward_hook(lambda *call: seen.append(call[2][0]))
    reader = trunk(inner) if isinstance(inner, PooledForward) else inner
    try:
        model(**inputs, **backbones.without_cache(reader))
    finally:
        hook.remove()
    return seen[-1]


def trunk(model: Any) -> nn.Module:
    """Return the network below the head of a model of transformers."""
    return pooled_network.trunk_of(model) if isinstance(model, PooledForward) else model.base_model
