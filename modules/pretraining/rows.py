"""Clean rows between the tokens that an encoder expects around a text."""

import torch
from torch import Tensor
from torch.nn import functional

from datamodules.batches import CorpusBatch


def framed(batch: CorpusBatch, tokenizer) -> tuple[Tensor, Tensor]:
    """Rows as ``[CLS] row [SEP]``: ids (B, T + 2) int64 and their mask (B, T + 2) bool."""
    ids_BT, lengths_B = batch["input_ids"], batch["attention_mask"].sum(1)
    return join(ids_BT, lengths_B, None, None, tokenizer)[:2]


def join(
    first_BT: Tensor, first_B: Tensor, second_BT: Tensor | None, second_B: Tensor | None, tokenizer
) -> tuple[Tensor, Tensor, Tensor]:
    """``[CLS] first [SEP]``, and where there is a second segment, ``second [SEP]`` after it.

    Args:
        first_BT: ids of the first segments, of which the first ``first_B`` of each row count.
        second_BT: those of the second, or None; ``second_B`` of a row may be 0, and both segments
            together have at most T tokens.

    Returns:
        ids (B, W) int64, mask (B, W) bool, and types (B, W) int64, 1 in the second segment.
    """
    rows, device = len(first_BT), first_BT.device
    lengths = [first_B, torch.zeros_like(first_B) if second_B is None else second_B]
    there_B = lengths[1] > 0
    whole_B = lengths[0] + 2 + (lengths[1] + 1) * there_B
    width = first_BT.shape[1] + (2 if second_BT is None else 3)
    place_W, pad = torch.arange(width, device=device), tokenizer.pad_token_id
    ids = torch.full((rows, width), tokenizer.sep_token_id, device=device)
    ids[:, 0] = tokenizer.cls_token_id
    starts = [torch.ones_like(first_B), lengths[0] + 2]
    for source, start_B, length_B in zip((first_BT, second_BT), starts, lengths, strict=True):
        if source is not None:
            from_BW = place_W - start_B[:, None]
            inside = (from_BW >= 0) & (from_BW < length_B[:, None])
            taken = source.gather(1, from_BW.clamp(0, source.shape[1] - 1))
            ids = torch.where(inside, taken, ids)
    mask = place_W < whole_B[:, None]
    types = ((place_W >= starts[1][:, None]) & mask & there_B[:, None]).long()
    return ids.where(mask, 0 if pad is None else pad), mask, types


def packed(values_BT: Tensor, keep_BT: Tensor, end: int, fill: int) -> tuple[Tensor, Tensor]:
    """The kept values moved to the left and ended by ``end``, (B, W) int64, and their mask."""
    ended_BT = functional.pad(values_BT, (0, 1), value=end)
    keep_BT = functional.pad(keep_BT, (0, 1), value=True)
    width = int(keep_BT.sum(1).max())
    order_BW = keep_BT.int().argsort(dim=1, descending=True, stable=True)[:, :width]
    mask_BW = keep_BT.gather(1, order_BW)
    return ended_BT.gather(1, order_BW).masked_fill(~mask_BW, fill), mask_BW
