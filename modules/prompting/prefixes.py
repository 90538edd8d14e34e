"""Keys and values of the tokens with which the prompts of a batch begin."""

import inspect

import torch
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from modules.backbones import unwrapped

_WORTH = 8  # tokens: a shorter prefix is computed as fast as it is put before the rows


class SharedPrefix:
    """Reads the tokens that all rows of a batch begin with once, and those of later batches, too.

    What is kept is cut to what a later batch shares with it, so that of prompts with the same
    demonstrations the first batch computes them for all.
    """

    def __init__(self) -> None:
        self.ids: Tensor | None = None  # (P,)
        self.layers: list[tuple[Tensor, Tensor]] = []  # keys and values, (1, heads, P, columns)

    @torch.no_grad()
    def inputs(self, model: nn.Module, batch: dict, limit: int) -> dict:
        """What to give the model in place of the whole rows; nothing where that does not pay.

        Args:
            limit: the first place whose logits are wanted: it and what follows stay in the rows.
        """
        ids_BT, mask_BT = batch["input_ids"], batch["attention_mask"]
        size = min(limit, _same(ids_BT))
        if size < _WORTH or not takes(model, "past_key_values"):
            return {}
        size = self._hold(model, ids_BT[0, :size])
        rows, length = ids_BT.shape
        return {
            "input_ids": ids_BT[:, size:],
            "attention_mask": mask_BT,
            "position_ids": torch.arange(size, length, device=ids_BT.device)[None],
            "past_key_values": _cache(self.layers, rows),
            "use_cache": True,
        }

    def _hold(self, model: nn.Module, ids_P: Tensor) -> int:
        """Have keys and values of the start of ``ids_P``; returns of how many tokens."""
        shared = 0
        if self.ids is not None:
            shorter = min(len(self.ids), len(ids_P))
            shared = _same(torch.stack([self.ids[:shorter], ids_P[:shorter]]))
        if shared * 2 < len(ids_P):  # another prefix, or a much longer one
            cache = DynamicCache()
            last = {"logits_to_keep": 1} if takes(model, "logits_to_keep") else {}
            model(input_ids=ids_P[None], past_key_values=cache, use_cache=True, **last)
            self.ids, shared = ids_P.clone(), len(ids_P)
            self.layers = [(layer.keys, layer.values) for layer in cache.layers]
        elif shared < len(self.ids):
            self.ids = self.ids[:shared]
            self.layers = [(k[:, :, :shared], v[:, :, :shared]) for k, v in self.layers]
        return shared


def takes(model: nn.Module, argument: str) -> bool:
    """Whether the model knows the argument, with or without a peft model around it."""
    inner = unwrapped(model)
    return argument in inspect.signature(inner.forward).parameters


def _same(ids_BT: Tensor) -> int:
    """With how many of the same tokens all rows begin."""
    return int((ids_BT == ids_BT[:1]).all(0).long().cumprod(0).sum())


def _cache(layers: list[tuple[Tensor, Tensor]], rows: int) -> DynamicCache:
    """For so many rows, without a copy: the model makes one when it adds the rows' own."""
    cache = DynamicCache()
    for keys, values in layers:
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = (t.expand(rows, -1, -1, -1) for t in (keys, values))
        cache.layers.append(layer)
    return cache
