"""Features of texts from a frozen encoder, the same whatever other texts share the batch."""

import contextlib
import hashlib
import math
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions as Output

from datamodules.batches import LabelledBatch
from modules.backbones import context_length
from modules.tasks.network_inputs import align

Place = Literal["first", "last", "mean", "pooler"]
Row = dict[str, Tensor]  # input_ids and, for pairs, token_type_ids: (T,) without padding


def unpadded_rows(batch: LabelledBatch) -> list[Row]:
    """Return the batch's rows on the CPU, each without its padding."""
    names: tuple[Literal["input_ids", "token_type_ids"], ...] = ("input_ids", "token_type_ids")
    ids = {name: batch[name].cpu() for name in names if name in batch}
    kept = batch["attention_mask"].bool().cpu()
    return [{n: i[row, there] for n, i in ids.items()} for row, there in enumerate(kept)]


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


def batches(
    model: Any, rows: dict[bytes, Row], device: torch.device
) -> Iterator[tuple[list[bytes], LabelledBatch]]:
    """Yield the :func:`chunks` of rows as a model reads them, on a device."""
    pad = model.config.get_text_config().pad_token_id or 0
    for keys, padded in chunks(rows, context_length(model) or 1 << 30, pad):
        on_device = {name: value.to(device) for name, value in padded.items()}
        yield keys, cast(LabelledBatch, align(on_device, model.padding_side))


def run(
    forward: Callable[[LabelledBatch], Tensor], encoder: nn.Module, batch: LabelledBatch
) -> tuple[Any, Tensor]:
    """Return what an encoder returns inside of a forward pass, and the logits."""
    seen: list[Any] = []
    hook = encoder.register_forward_hook(lambda *call: seen.append(call[2]))
    logits = forward(batch)
    hook.remove()
    return seen[-1], logits


def pool(encoded: Any, mask_BT: Tensor, place: Place) -> Tensor:
    """Return one vector a row of what an encoder returns, (B, H).

    Args:
        encoded: Its output; the first part is the hidden states, (B, T, H).
        mask_BT: 1 for a token and 0 for padding, on either side.
        place: The first or last token, the mean of all, or the pooler's own vector.
    """
    if place == "pooler":
        return encoded.pooler_output
    hidden_BTH = encoded[0]
    rows = torch.arange(len(mask_BT), device=mask_BT.device)
    if place == "first":
        return hidden_BTH[rows, mask_BT.argmax(1)]
    if place == "last":
        return hidden_BTH[rows, mask_BT.shape[1] - 1 - mask_BT.flip(1).argmax(1)]
    mask_BT1 = mask_BT[..., None].to(hidden_BTH.dtype)
    return (hidden_BTH * mask_BT1).sum(1) / mask_BT1.sum(1)


def readable_places(pooling: str, encoder: Any, encoded: Any, mask_BT: Tensor) -> list[Place]:
    """Return what a head on one vector a text may read of a frozen encoder.

    There is nothing where the encoder's output has no vector for each token.
    """
    if encoded[0].ndim != 3 or encoded[0].shape[:2] != mask_BT.shape:
        return []
    if pooling == "mean":
        return ["mean"]
    pooler = getattr(encoder, "pooler", None)
    frozen = pooler is not None and not any(p.requires_grad for p in pooler.parameters())
    places: tuple[Place, ...] = ("first", "last", "mean", "pooler")
    return list(places if frozen else places[:3])


def find_place(
    places: list[Place], error: Callable[[Place], float], largest: float
) -> Place | None:
    """Return what a head reads of a text: the first place that gives its logits, or the nearest.

    Args:
        places: The places to try.
        error: The error of the logits where the head reads a place.
        largest: The largest logit.

    Returns:
        The place; None where none comes near, as for a head that reads more than one vector.
    """
    off: dict[Place, float] = {}
    for place in places:
        off[place] = error(place)
        if off[place] < 1e-5 * largest:
            return place
    nearest = min(off, key=lambda place: off[place], default=None)
    return None if nearest is None or off[nearest] > 0.05 * largest else nearest


def error(found_BC: Tensor | None, logits_BC: Tensor) -> float:
    """Return the largest error of logits; infinity where a head made none of what it was given."""
    return math.inf if found_BC is None else float((found_BC - logits_BC).abs().max())


def first_tokens(batch: LabelledBatch) -> LabelledBatch:
    """Return a batch with the first token of each row alone."""
    names = ("input_ids", "attention_mask", "token_type_ids")
    tensors: dict[str, Any] = dict(batch)
    first = {name: held[:, :1] for name, held in tensors.items() if name in names}
    first["attention_mask"] = torch.ones_like(first["attention_mask"])
    return cast(LabelledBatch, {**tensors, **first})


class _Encoded(Output):
    """What an encoder returns, without what only some families' do."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("_"):
            raise AttributeError(name)


@contextlib.contextmanager
def replace_encoder_output(encoder: Any, features_BH: Tensor, place: Place) -> Iterator[None]:
    """Have the encoder return these features as its one token, whatever it is given."""
    hidden_BTH = features_BH[:, None]
    pooler = getattr(encoder, "pooler", None) or (lambda hidden_BTH: None)
    pooled = features_BH if place == "pooler" else None
    encoder.forward = lambda *_, **__: _Encoded(
        hidden_BTH, pooler(hidden_BTH) if pooled is None else pooled, hidden_states=(hidden_BTH,)
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
