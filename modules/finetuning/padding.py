"""Whether the outputs of a network with a task depend on the padding of a batch."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from modules.backbones import unwrap
from modules.tasks.token_sums import IGNORED
from modules.text_rows import pad

# What rounding makes of logits when the shape of a batch changes, as a share of them.
_TOLERANCE = 1e-3
WIDER = 3  # padding of the longest row


def sides(subject: Any) -> list[str]:
    """Return the sides on which a batch may have its padding; see ``checks.Subject``."""
    found = []
    for side in ("right", "left") if hasattr(subject.task, "head") else ("right",):
        unwrap(subject.model).padding_side = side
        if reads_padding(subject) is None:
            found.append(side)
    return found


@torch.no_grad()
def reads_padding(subject: Any) -> str | None:
    """Compare the outputs of padded rows with those of rows that are padded less.

    A task with a head for each text takes padding on either side, and each row is compared with
    itself alone. Other tasks have theirs behind the rows, and three more places are added.
    """
    if not hasattr(subject.task, "head"):
        return (
            None if _same_when_wider(subject) else "its outputs depend on padding behind the text"
        )
    ids_BT, mask_BT = subject.batch["input_ids"], subject.batch["attention_mask"]
    rows = [ids[:size] for ids, size in zip(ids_BT, mask_BT.sum(1).tolist(), strict=True)]
    alone = torch.cat([_logits(subject, [row]) for row in rows])
    for left in (False, True):
        if not _close(_logits(subject, rows, left, more=WIDER), alone):
            return f"its logits depend on padding {'before' if left else 'behind'} the text"
    return None


def _close(found: Tensor, wanted: Tensor, tolerance: float = _TOLERANCE) -> bool:
    return bool((found - wanted).abs().max() <= tolerance * wanted.abs().max())


def _logits(subject: Any, rows: list[Tensor], left: bool = False, more: int = 0) -> Tensor:
    tensors = {
        "input_ids": pad(rows, _fill(subject.model), left, more),
        "attention_mask": pad([[1] * len(row) for row in rows], 0, left, more),
    }
    return subject.task.logits(subject.model, tensors)


def _fill(model: Any) -> int:
    return model.config.get_text_config().pad_token_id or 0


def _same_when_wider(subject: Any) -> bool:
    batch = subject.task.prepare(subject.batch, False)
    there_BT = batch["attention_mask"].bool()
    fill = {"input_ids": _fill(subject.model), "labels": IGNORED, "targets": IGNORED}
    wider = {
        name: functional.pad(value, (0, WIDER), value=fill.get(name, 0))
        if isinstance(value, Tensor) and value.shape == there_BT.shape
        else value
        for name, value in batch.items()
    }
    kept, found = (subject.task.logits(subject.model, one) for one in (batch, wider))
    _run_one_row(unwrap(subject.model), subject.batch["input_ids"][:1])
    if kept.ndim > 2 and kept.shape[:2] == there_BT.shape:  # outputs for each token
        kept, found = kept[there_BT], found[:, : there_BT.shape[1]][there_BT]
    # Sums over many tokens hide more: these rows differ in nothing but the padding.
    return _close(found, kept, _TOLERANCE / 10)


def _run_one_row(model: Any, ids_1T: Tensor) -> None:
    """Run a batch of another size: a few networks keep a state for each row of the last one."""
    inputs = {"input_ids": ids_1T, "attention_mask": torch.ones_like(ids_1T)}
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = ids_1T
    model(**inputs)
