"""Rows of tokens in the shapes that networks expect: with special tokens, joined, or aligned."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from datamodules.batches import CorpusBatch


def add_cls_and_sep(batch: CorpusBatch, tokenizer: Any) -> tuple[Tensor, Tensor]:
    """Put each row between special tokens, as ``[CLS] row [SEP]``.

    Returns:
        The ids, (B, T + 2) int64, and their mask, (B, T + 2) bool.
    """
    there_BT = batch["attention_mask"]
    mask = functional.pad(there_BT, (2, 0), value=1).bool()
    ids = functional.pad(batch["input_ids"], (1, 1)).where(mask, _pad_token_id(tokenizer))
    ids[:, 0] = tokenizer.cls_token_id
    return ids.scatter_(1, there_BT.sum(1, keepdim=True) + 1, tokenizer.sep_token_id), mask


def join_segments(
    first_BT: Tensor, first_B: Tensor, second_BT: Tensor, second_B: Tensor, tokenizer: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """Join segments to ``[CLS] first [SEP] second [SEP]``.

    A row without a second segment becomes ``[CLS] first [SEP]``.

    Args:
        first_BT: Ids of the first segments.
        first_B: Their lengths.
        second_BT: Ids of the second segments.
        second_B: Their lengths, 0 for none. Both segments of a row have at most T tokens together.
        tokenizer: With the special tokens.

    Returns:
        ids (B, T + 3) int64, mask bool, and token types int64, 1 in the second segment.
    """
    there_B = second_B > 0
    whole_B = first_B + 2 + (second_B + 1) * there_B
    place_W = torch.arange(first_BT.shape[1] + 3, device=first_BT.device)
    ids = torch.full((len(first_BT), len(place_W)), tokenizer.sep_token_id, device=first_BT.device)
    ids[:, 0] = tokenizer.cls_token_id
    starts = [torch.ones_like(first_B), first_B + 2]
    parts = zip((first_BT, second_BT), starts, (first_B, second_B), strict=True)
    for source, start_B, length_B in parts:
        from_BW = place_W - start_B[:, None]
        inside = (from_BW >= 0) & (from_BW < length_B[:, None])
        ids = torch.where(inside, source.gather(1, from_BW.clamp(0, source.shape[1] - 1)), ids)
    mask = place_W < whole_B[:, None]
    types = ((place_W >= starts[1][:, None]) & mask & there_B[:, None]).long()
    return ids.where(mask, _pad_token_id(tokenizer)), mask, types


def _pad_token_id(tokenizer: Any) -> int:
    return 0 if tokenizer.pad_token_id is None else tokenizer.pad_token_id


def round_up_to_multiple(count: int) -> int:
    """Round up to a multiple of 8: kernels like it, and a CPU compiles them anew for each width."""
    return -(-count // 8) * 8


def left_align(values_BT: Tensor, keep_BT: Tensor, end: int, fill: int) -> tuple[Tensor, Tensor]:
    """Move the kept values of each row to the left.

    Args:
        values_BT: int64.
        keep_BT: bool, which of them to keep.
        end: The value that follows the last one that is kept.
        fill: The value of the padding.

    Returns:
        The rows, (B, W) int64 with W a multiple of 8, and their mask, (B, W) bool.
    """
    ended_BT = functional.pad(values_BT, (0, 8), value=end)  # one of them is kept
    keep_BT = functional.pad(functional.pad(keep_BT, (0, 1), value=True), (0, 7))
    width = round_up_to_multiple(int(keep_BT.sum(1).max()))
    order_BW = keep_BT.int().argsort(dim=1, descending=True, stable=True)[:, :width]
    mask_BW = keep_BT.gather(1, order_BW)
    return ended_BT.gather(1, order_BW).masked_fill(~mask_BW, fill), mask_BW
