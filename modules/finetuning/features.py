"""Features of texts from a frozen encoder, the same whatever other texts share the batch."""

import contextlib
import hashlib
from collections.abc import Hashable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions as Output

from datamodules.batches import LabelledBatch

Row = dict[str, Tensor]  # input_ids and, for pairs, token_type_ids: (T,) without padding


def unpadded_rows(batch: LabelledBatch) -> list[Row]:
    """Return the batch's rows on the CPU, each without its padding."""
    names: tuple[Literal["input_ids", "token_type_ids"], ...] = ("input_ids", "token_type_ids")
    ids = {name: batch[name].cpu() for name in names if name in batch}
    lengths = batch["attention_mask"].sum(1).tolist()
    return [{n: i[row, :length] for n, i in ids.items()} for row, length in enumerate(lengths)]


def row_key(row: Row, kind: Hashable) -> bytes:
    """Return a key of 16 bytes of the row's content and the ``kind`` of encoder that reads it."""
    held = repr((kind, [(name, ids.tolist()) for name, ids in row.items()]))
    return hashlib.blake2b(held.encode(), digest_size=16).digest()


def chunks(
    rows: dict[bytes, Row], longest: int, pad: int
) -> Iterator[tuple[list[bytes], dict[str, Tensor]]]:
    """Yield batches of eight rows, each with the keys of the rows that it begins with.

    The last bits of what an encoder makes of a row depend on the shape of its batch. So a batch has
    always eight rows, of a width that depends on the row's own length, up to ``longest``. Rows that
    fill it stay apart: without padding, an encoder may run without a mask.

    Args:
        rows: The rows by their key.
        longest: Tokens that the encoder can read.
        pad: Id of the padding token.
    """
    groups: dict[tuple[int, bool], list[bytes]] = {}
    for key, row in rows.items():
        length = len(row["input_ids"])
        width = max(length, min(-(-length // 8) * 8, longest))
        groups.setdefault((width, width == length), []).append(key)
    for (width, _), keys in groups.items():
        for start in range(0, len(keys), 8):
            eight = keys[start : start + 8]
            filled = eight + eight[:1] * (8 - len(eight))
            yield eight, _padded([rows[key] for key in filled], width, pad)


def pool(hidden_BTH: Tensor, mask_BT: Tensor, place: Literal["first", "last", "mean"]) -> Tensor:
    """Pool the hidden states of each row's tokens: (B, H)."""
    if place == "first":
        return hidden_BTH[:, 0]
    if place == "last":
        return hidden_BTH[torch.arange(len(mask_BT), device=mask_BT.device), mask_BT.sum(1) - 1]
    mask_BT1 = mask_BT[..., None].to(hidden_BTH.dtype)
    return (hidden_BTH * mask_BT1).sum(1) / mask_BT1.sum(1)


@contextlib.contextmanager
def replace_encoder_output(encoder: Any, hidden_BTH: Tensor) -> Iterator[None]:
    """Have the encoder return these last hidden states, whatever it is given."""
    pooler = getattr(encoder, "pooler", None) or (lambda hidden_BTH: None)
    encoder.forward = lambda *_, **__: Output(
        hidden_BTH, pooler(hidden_BTH), hidden_states=(hidden_BTH,)
    )
    try:
        yield
    finally:
        del encoder.forward


def _padded(rows: list[Row], width: int, pad: int) -> dict[str, Tensor]:
    rows = [{**row, "attention_mask": torch.ones_like(row["input_ids"])} for row in rows]
    return {
        name: torch.stack([_fitted(row[name], width, pad * (name == "input_ids")) for row in rows])
        for name in rows[0]
    }


def _fitted(ids_T: Tensor, width: int, value: int) -> Tensor:
    return nn.functional.pad(ids_T, (0, width - len(ids_T)), value=value)
