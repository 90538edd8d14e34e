"""Rows for each task, and whether their outputs depend on padding or on each other."""

from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn import functional

import modules
from datamodules.packaged import load_tokenizer, pad_id
from modules.backbones import unwrap

TEXTS = ("a gripping film", "the worst film of the year, cold and stupid", "cold", "a warm tale")
HEADS = ("native", "mean")
_CLASSES = {"native": [0, 1, 2, 0], "mean": [0, 1, 2, 0], "choice": [0, 1]}


def rows_of(folder: str, task: str) -> dict[str, Any]:
    """Return rows padded on the right, as the data modules make them.

    Args:
        folder: A backbone's.
        task: A key of ``cells.TASKS``.
    """
    tokenizer = load_tokenizer(folder)
    rows = [torch.tensor(tokenizer(text)["input_ids"]) for text in TEXTS]
    wide = max(map(len, rows))
    texts = list(TEXTS)
    batch: dict[str, Any] = {
        "input_ids": _stack(rows, wide, pad_id(tokenizer)),
        "attention_mask": _stack([torch.ones_like(row) for row in rows], wide, 0),
        "index": torch.arange(len(rows)),
        "labels": torch.tensor(_CLASSES.get(task, [0, 1, 1, 0])),
        "columns": {"text": texts, "pair": texts[::-1], "answers": [[text] for text in texts]},
    }
    batch["columns"] |= {"source": texts, "target": texts[::-1], "reference": texts[::-1]}
    mask_BT = batch["attention_mask"]
    said = mask_BT.bool() & (torch.arange(wide) > 1)
    if task == "token classification":
        batch["labels"] = mask_BT.cumsum(1).remainder(3).where(mask_BT > 0, -100)
    elif task == "question answering":
        batch["labels"] = torch.ones(len(rows), 2, dtype=torch.int64)
    elif task == "multiple choice":
        batch |= {"choices": torch.tensor([2, 2]), "choice_mask": said}
        batch["labels"] = torch.tensor([0, 1])
    elif task in ("chat", "preference"):
        del batch["labels"]
        batch |= {"supervised": said, "desirable": torch.tensor([[1, 1], [0, 0]])}
    return batch


def _stack(rows: list[Tensor], wide: int, value: int) -> Tensor:
    return torch.stack([functional.pad(r, (0, wide - len(r)), value=value) for r in rows])


@torch.no_grad()
def outputs(module: Any, batch: dict[str, Any]) -> Tensor:
    """Return the logits of prepared rows, with the same random numbers each time."""
    lightning.seed_everything(0, verbose=False)
    return module(batch)


def reads_padding(module: Any, task: str, batch: dict[str, Any]) -> str | None:
    """Compare the outputs of prepared rows with those of wider rows, and of each row alone.

    Returns:
        What is wrong, or None.
    """
    if task in HEADS:
        return _reads_either_side(module, batch)
    here_BT = batch["attention_mask"].bool()
    found = _real(outputs(module, batch), here_BT)
    pad = unwrap(module.model).config.get_text_config().pad_token_id
    wider = _real(outputs(module, widened(batch, here_BT.shape, pad)), here_BT)
    if fault := _apart(wider, found, "wider rows move"):
        return fault
    if task in ("preference", "multiple choice", "prompt"):  # whose rows belong together
        return None
    parts = [outputs(module, alone(module, batch, row)) for row in range(len(here_BT))]
    whole = torch.stack(parts).sum(0) if found.shape == (2,) else _joined(parts)
    return _apart(whole, found, "other rows move")


def _real(made: Tensor, here_BT: Tensor) -> Tensor:
    """Return the outputs of real tokens where there is one for each token."""
    if made.ndim < 3 or len(made) != len(here_BT):
        return made
    return made[:, : here_BT.shape[1]][here_BT]


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat([part.flatten(0, 1) if part.ndim > 2 else part for part in parts])


def _apart(ones: Tensor, others: Tensor, words: str) -> str | None:
    off = (ones - others).abs().max()
    return None if off < 1e-4 * (1 + others.abs().max()) else f"{words} the outputs by {off:.3g}"


def widened(batch: dict[str, Any], shape: torch.Size, pad: int) -> dict[str, Any]:
    """Return rows with three more places of padding."""
    fill = {"input_ids": pad, "labels": -100, "targets": -100}
    return {
        name: functional.pad(value, (0, 3), value=fill.get(name, 0))
        if isinstance(value, Tensor) and value.ndim == 2 and value.shape == shape
        else value
        for name, value in batch.items()
    }


def alone(module: Any, batch: dict[str, Any], row: int) -> dict[str, Any]:
    """Return one row of prepared rows, without its padding."""
    size, rows = int(batch["attention_mask"][row].sum()), len(batch["attention_mask"])
    names = ["input_ids", "attention_mask", "token_type_ids", "supervised"]
    # A decoder's targets have a length of their own, but for words to guess where they stand.
    own = unwrap(module.model).config.is_encoder_decoder
    if not own or isinstance(module.task, modules.LanguageModeling):
        names.append("labels")
    taken = dict(batch)
    for name, value in batch.items():
        if isinstance(value, Tensor) and len(value) == rows:
            cut = name in names and value.shape == batch["attention_mask"].shape
            taken[name] = value[row : row + 1, :size] if cut else value[row : row + 1]
    taken["columns"] = {name: values[row : row + 1] for name, values in batch["columns"].items()}
    return taken


def _reads_either_side(module: Any, batch: dict[str, Any]) -> str | None:
    """Compare with each row alone, in wider rows, and with padding before it."""
    names, sizes = ("input_ids", "attention_mask"), batch["attention_mask"].sum(1).tolist()
    fill = {"input_ids": int(batch["input_ids"][2, -1]), "attention_mask": 0}
    rows = [{n: batch[n][row, :size] for n in names} for row, size in enumerate(sizes)]
    single = [{name: values[None] for name, values in row.items()} for row in rows]
    wanted = torch.cat([outputs(module, {**batch, **one}) for one in single])
    for side in ("right", "left"):
        made = {}
        for name in names:
            gaps = [max(sizes) + 3 - size for size in sizes]
            both = [(0, gap) if side == "right" else (gap, 0) for gap in gaps]
            padded = zip(rows, both, strict=True)
            made[name] = torch.stack(
                [functional.pad(row[name], gap, value=fill[name]) for row, gap in padded]
            )
        found = outputs(module, {**batch, **made})
        if fault := _apart(found, wanted, f"padding on the {side} moves"):
            return fault
    return None


def other_loss(module: Any, batch: dict[str, Any]) -> str | None:
    """Compare the sums of next tokens with the model's own logits, and with two rows in one."""
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        logits_BTV = unwrap(module.model)(**inputs, use_cache=False).logits.float()
    own = functional.cross_entropy(logits_BTV.mT, batch["labels"], reduction="sum")
    found = outputs(module, batch)[0]
    if fault := _apart(found, own, "chunks move"):
        return fault
    sizes = batch["attention_mask"].sum(1).tolist()
    cut = {name: batch[name] for name in ("input_ids", "labels", "attention_mask")}
    packed = {
        name: torch.cat([v[row, :size] for row, size in enumerate(sizes)])[None]
        for name, v in cut.items()
    }
    packed["position_ids"] = torch.cat([torch.arange(size) for size in sizes])[None]
    return _apart(outputs(module, packed)[0], own, "texts of one row move")
