"""Clean rows between the tokens that an encoder expects around a text."""

import torch
from torch import Tensor
from torch.nn import functional

from datamodules.batches import CorpusBatch


def framed(batch: CorpusBatch, tokenizer) -> tuple[Tensor, Tensor]:
    """Rows as ``[CLS] row [SEP]``: ids (B, T + 2) int64 and their mask (B, T + 2) bool."""
    there_BT = batch["attention_mask"]
    mask = functional.pad(there_BT, (2, 0), value=1).bool()
    ids = functional.pad(batch["input_ids"], (1, 1)).where(mask, _padding(tokenizer))
    ids[:, 0] = tokenizer.cls_token_id
    return ids.scatter_(1, there_BT.sum(1, keepdim=True) + 1, tokenizer.sep_token_id), mask


def join(
    first_BT: Tensor, first_B: Tensor, second_BT: Tensor, second_B: Tensor, tokenizer
) -> tuple[Tensor, Tensor, Tensor]:
    """``[CLS] first [SEP]``, and where there is a second segment, ``second [SEP]`` after it.

    Args:
        first_BT: ids of the first segments, of which the first ``first_B`` of each row count.
        second_BT: those of the second; ``second_B`` of a row may be 0, and both segments together
            have at most T tokens.

    Returns:
        ids (B, T + 3) int64, mask bool, and types int64, 1 in the second segment.
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
    return ids.where(mask, _padding(tokenizer)), mask, types


def _padding(tokenizer) -> int:
    return 0 if tokenizer.pad_token_id is None else tokenizer.pad_token_id


def whole_width(count: int) -> int:
    """The next multiple of 8: kernels like it, and a CPU compiles them anew for each width."""
    return -(-count // 8) * 8


def packed(values_BT: Tensor, keep_BT: Tensor, end: int, fill: int) -> tuple[Tensor, Tensor]:
    """The kept values moved to the left and ended by ``end``, (B, W) int64, and their mask.

    W is a multiple of 8.
    """
    ended_BT = functional.pad(values_BT, (0, 8), value=end)  # of which one is kept
    keep_BT = functional.pad(functional.pad(keep_BT, (0, 1), value=True), (0, 7))
    width = whole_width(int(keep_BT.sum(1).max()))
    order_BW = keep_BT.int().argsort(dim=1, descending=True, stable=True)[:, :width]
    mask_BW = keep_BT.gather(1, order_BW)
    return ended_BT.gather(1, order_BW).masked_fill(~mask_BW, fill), mask_BW
