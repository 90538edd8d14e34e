"""A cache of keys and values for the tokens that the prompts of a batch begin with."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import CacheLayerMixin, DynamicLayer

from modules.backbones import unwrap

_MIN_TOKENS = 8  # a shorter prefix is computed as fast as it is put before the rows


class PrefixCache:
    """Computes the keys and values of a common prefix once, for all rows and later batches.

    The cached prefix is truncated to the part that a later batch shares with it: of prompts with
    the same demonstrations, the first batch computes them for all.
    """

    def __init__(self) -> None:
        self.ids: Tensor | None = None  # (P,)
        self.layers: list[tuple[Tensor, Tensor]] = []  # keys and values, (1, heads, P, columns)

    @torch.no_grad()
    def inputs(self, model: Any, batch: Mapping[str, Any], limit: int) -> dict[str, Any]:
        """Return the model's inputs without the common prefix; empty where that does not pay.

        Args:
            model: A decoder of transformers.
            batch: Rows with ``input_ids`` and ``attention_mask``.
            limit: The first position whose logits are wanted; it stays in the rows.
        """
        ids_BT, mask_BT = batch["input_ids"], batch["attention_mask"]
        if not (size := self._held(model, ids_BT, limit)):
            return {}
        rows, length = ids_BT.shape
        return {
            "input_ids": ids_BT[:, size:],
            "attention_mask": mask_BT,
            "position_ids": torch.arange(size, length, device=ids_BT.device)[None],
            "past_key_values": _cache(self.layers, rows),
            "use_cache": True,
        }

    @torch.no_grad()
    def of_rows(
        self, model: Any, rows: Sequence[Sequence[int]], device: Any
    ) -> tuple[int, dict[str, Any]]:
        """Return the tokens that all rows begin with, and the arguments of ``generate`` with their
        keys and values; 0 and nothing where that does not pay.
        """
        shortest = min(map(len, rows))
        ids_BT = torch.tensor([row[:shortest] for row in rows], device=device)
        size = self._held(model, ids_BT, shortest - 1)  # a token of each row is still to be read
        return size, {"past_key_values": _cache(self.layers, len(rows))} if size else {}

    def _held(self, model: Any, ids_BT: Tensor, limit: int) -> int:
        """Cache the common prefix of rows up to a limit; return its tokens, 0 if too few."""
        size = min(limit, _common_prefix(ids_BT))
        if size < _MIN_TOKENS or not takes_argument(model, "past_key_values"):
            return 0
        return self._extend(model, ids_BT[0, :size])

    def _extend(self, model: Any, ids_P: Tensor) -> int:
        """Cache keys and values of the start of ``ids_P``; return the number of its tokens."""
        shared = 0
        if self.ids is not None:
            shorter = min(len(self.ids), len(ids_P))
            shared = _common_prefix(torch.stack([self.ids[:shorter], ids_P[:shorter]]))
        if shared * 2 < len(ids_P):  # another prefix, or a much longer one
            cache = DynamicCache()
            last = {"logits_to_keep": 1} if takes_argument(model, "logits_to_keep") else {}
            model(input_ids=ids_P[None], past_key_values=cache, use_cache=True, **last)
            self.ids, shared = ids_P.clone(), len(ids_P)
            self.layers = cached_layers(cache)
        elif self.ids is not None and shared < len(self.ids):
            self.ids = self.ids[:shared]
            self.layers = [(k[:, :, :shared], v[:, :, :shared]) for k, v in self.layers]
        return shared


def cached_layers(cache: DynamicCache) -> list[tuple[Tensor, Tensor]]:
    """Return the keys and values of each layer, (B, heads, T, columns)."""
    found = []
    for layer in cache.layers:
        assert isinstance(layer, CacheLayerMixin)
        assert layer.keys is not None
        assert layer.values is not None
        found.append((layer.keys, layer.values))
    return found


def takes_argument(model: Any, argument: str) -> bool:
    """Tell whether the model knows the argument, with or without a peft model around it."""
    inner = unwrap(model)
    return argument in inspect.signature(inner.forward).parameters


def _common_prefix(ids_BT: Tensor) -> int:
    """Return the number of tokens that all rows begin with."""
    return int((ids_BT == ids_BT[:1]).all(0).long().cumprod(0).sum())


def _cache(layers: list[tuple[Tensor, Tensor]], rows: int) -> DynamicCache:
    """Expand the cache to rows without a copy: the model makes one when it adds the rows' own."""
    cache = DynamicCache()
    for keys, values in layers:
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = (t.expand(rows, -1, -1, -1) for t in (keys, values))
        cache.layers.append(layer)
    return cache
