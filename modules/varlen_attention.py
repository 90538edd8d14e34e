"""Attention among the tokens of each text, where all texts lie behind one another in one row.

transformers calls it by the name of an implementation of attention. A call tells the texts apart by
``cu_seq_lens_q``, (S + 1,) int32: where each of S texts begins, and where the last one ends. A call
without it, such as one with a mask, runs as the network did before.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

PREFIX = "varlen_"
OTHERS = ("eager", "sdpa")  # what runs where no texts are told apart
_UNKNOWN = ("softcap", "s_aux", "position_bias")  # parts of some families' attention
_WIDEST = 256  # the most columns of a head that the flash kernel takes


class Joined(NamedTuple):
    """A batch whose texts lie behind one another in one row.

    Attributes:
        inputs: The network's inputs.
        places_N: The places in the batch of the tokens that are no padding, row after row.
        shape: The rows of the batch and their length.
    """

    inputs: dict[str, Any]
    places_N: Tensor
    shape: tuple[int, int]


_running: ContextVar[Joined | None] = ContextVar("running", default=None)


@contextmanager
def running(joined: Joined) -> Iterator[None]:
    """Have networks make no masks in a block, in which this attention tells the texts apart."""
    token = _running.set(joined)
    try:
        yield
    finally:
        _running.reset(token)


def joined_mask(mask_BT: Tensor, shape: torch.Size) -> Tensor | None:
    """Return a mask of tokens in the shape of what a layer is given, (rows, length).

    Args:
        mask_BT: bool, of the texts alone; what stands before them in each row counts as false.
        shape: The layer's rows and their length; one row while texts lie behind one another.

    Returns:
        The mask, or None if the rows are others than these.
    """
    joined = _running.get()
    rows, length = shape if joined is None else joined.shape
    if rows != len(mask_BT):
        return None
    mask_BL = functional.pad(mask_BT, (length - mask_BT.shape[1], 0))
    if joined is None:
        return mask_BL
    mask_N = mask_BL.flatten()[joined.places_N]
    return functional.pad(mask_N, (0, shape[1] - len(mask_N)))[None]


def _mask(other: str, *args: Any, **settings: Any) -> Any:
    """Make the mask that another attention has; none where texts are told apart."""
    return None if _running.get() else ALL_MASK_ATTENTION_FUNCTIONS[other](*args, **settings)


def _attend(
    other: str,
    module: Any,
    query_1hNd: Tensor,
    key_1gNd: Tensor,
    value_1gNd: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **settings: Any,
) -> tuple[Tensor, Tensor | None]:
    """Attend, for h heads of queries and g heads of keys; returns (1, N, h, d), and no weights."""
    starts, heads = settings.get("cu_seq_lens_q"), (query_1hNd, key_1gNd, value_1gNd)
    if starts is None:
        plain = _plain(other, module)
        return plain(module, *heads, attention_mask, scaling=scaling, dropout=dropout, **settings)
    if unknown := [name for name in _UNKNOWN if settings.get(name) is not None]:
        raise ValueError(f"attention without padding has no {unknown[0]}")
    causal = settings.get("is_causal")
    causal = getattr(module, "is_causal", True) if causal is None else causal
    scale = query_1hNd.shape[-1] ** -0.5 if scaling is None else scaling
    dropout = dropout if module.training else 0.0
    run = _flash if _fits_flash(heads, dropout) else _padded
    rows = _Rows(*(one[0] for one in heads))
    made_hNd = run(rows, starts, settings["max_length_q"], scale, causal, dropout)
    return made_hNd.transpose(0, 1)[None], None


class _Rows(NamedTuple):
    """The queries of h heads, and the keys and values of g heads."""

    query_hNd: Tensor
    key_gNd: Tensor
    value_gNd: Tensor


def _plain(other: str, module: Any) -> Callable[..., Any]:
    """Return the function of another attention; each family has its own eager one."""
    if other == "eager":
        return sys.modules[type(module).__module__].eager_attention_forward
    return ALL_ATTENTION_FUNCTIONS[other]


def _fits_flash(heads: tuple[Tensor, ...], dropout: float) -> bool:
    kind, widths = heads[0].device.type, {one.shape[-1] for one in heads}
    on = torch.is_autocast_enabled(kind)
    dtype = torch.get_autocast_dtype(kind) if on else heads[0].dtype
    half = dtype in (torch.bfloat16, torch.float16)
    return kind == "cuda" and half and not dropout and len(widths) == 1 and max(widths) <= _WIDEST


def _flash(
    rows: _Rows, starts: Tensor, longest: int, scale: float, causal: bool, dropout: float
) -> Tensor:
    """Attend by the flash kernel for texts of different lengths; returns (h, N, d)."""
    from torch.nn.attention.varlen import varlen_attn

    dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else None
    query, key, value = (one.to(dtype or one.dtype).transpose(0, 1) for one in rows)
    lengths: Any = (starts, starts, longest, longest)
    window, grouped = (-1, 0 if causal else -1), query.shape[1] != key.shape[1]
    made = varlen_attn(
        query, key, value, *lengths, scale=scale, window_size=window, enable_gqa=grouped
    )
    assert isinstance(made, Tensor)  # nothing else was asked for
    return made.transpose(0, 1)


def _padded(
    rows: _Rows, starts: Tensor, longest: int, scale: float, causal: bool, dropout: float
) -> Tensor:
    """Attend with the texts in rows of their own, which are padded for this alone; (h, N, d)."""
    place_W = torch.arange(longest, device=starts.device)
    size_S = starts.diff()
    here_SW = place_W < size_S[:, None]
    from_SW = (starts[:-1, None] + place_W).where(here_SW, starts[:-1, None])
    repeats = len(rows.query_hNd) // len(rows.key_gNd)
    key_hNd, value_hNd = (one.repeat_interleave(repeats, 0) for one in rows[1:])
    query, key, value = (one[:, from_SW] for one in (rows.query_hNd, key_hNd, value_hNd))
    seen_SWW = here_SW[:, None]
    if causal:
        seen_SWW = seen_SWW & (place_W[:, None] >= place_W)
    scores_hSWW = (query @ key.transpose(2, 3)) * scale
    scores_hSWW = scores_hSWW.masked_fill(~seen_SWW, torch.finfo(scores_hSWW.dtype).min)
    weights_hSWW = functional.softmax(scores_hSWW, dim=-1, dtype=torch.float32).to(value.dtype)
    made_hSWd = functional.dropout(weights_hSWW, dropout, training=dropout > 0) @ value
    made_hNd = made_hSWd.new_zeros(*rows.query_hNd.shape[:2], made_hSWd.shape[-1])
    return made_hNd.index_copy(1, from_SW[here_SW], made_hSWd[:, here_SW])


for _other in OTHERS:
    AttentionInterface.register(PREFIX + _other, partial(_attend, _other))
    AttentionMaskInterface.register(PREFIX + _other, partial(_mask, _other))
