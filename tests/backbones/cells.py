"""One cell of the table: a family under a strategy and a task, against what is claimed of it."""

import contextlib
import functools
import io
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import lightning
import torch
from torch import Tensor

import modules
from datamodules.packaged import load_tokenizer, pad_id
from modules.exporting import export
from modules.finetuning.base import FineTuningModule
from modules.registry import registered

TEXTS = ("a gripping film", "the worst film of the year, cold and stupid", "cold", "a warm tale")
STRATEGIES = sorted(registered(FineTuningModule))
_CHAT = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
_WORDS = {"negative": "stupid", "positive": "clever"}
TASKS: dict[str, Callable[[], Any]] = {
    "native": lambda: modules.Classification(num_classes=3),
    "mean": lambda: modules.Classification(num_classes=3, pooling="mean"),
    "language model": modules.LanguageModeling,
    "prompt": lambda: modules.PromptedClassification("{{ text }} it is {{ mask }}", _WORDS),
    "chat": lambda: modules.InstructionFollowing(_CHAT),
}


class Cell(NamedTuple):
    """What came of it: works, refused, traceback or wrong; and why."""

    verdict: str
    reason: str = ""


def judged(attempt: Callable[[], str | None]) -> Cell:
    """Say what comes of an attempt that returns what is wrong, or None.

    A refusal is a ValueError of one line that begins with a flag.
    """
    lightning.seed_everything(0, verbose=False)
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            fault = attempt()
        except Exception as error:  # the table says which
            text = str(error)
            if isinstance(error, ValueError) and text.startswith("--") and "\n" not in text:
                return Cell("refused", text)
            return Cell("traceback", f"{type(error).__name__}: {' '.join(text.split())[:160]}")
    return Cell("wrong", fault) if fault else Cell("works")


def _try(strategy: str, task: str, folder: str, scratch: Path) -> Cell:
    """Train two steps, export and reload."""

    def attempt() -> str | None:
        module = registered(FineTuningModule)[strategy](backbone=folder, task=TASKS[task]())
        return _fault(module, folder, task, scratch)

    try:
        return judged(attempt)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


# Columns of the table, each a function of a backbone's folder and a folder for the export. Every
# strategy on a text's head, and LoRA on a task of each other kind.
COLUMNS: dict[tuple[str, str], Callable[[str, Path], Cell]] = {
    (strategy, task): functools.partial(_try, strategy, task)
    for strategy in STRATEGIES
    for task in ("native", "mean")
} | {("LoRA", task): functools.partial(_try, "LoRA", task) for task in list(TASKS)[2:]}


def _fault(module: Any, folder: str, task: str, scratch: Path) -> str | None:
    batch = rows_of(folder, task)
    heads = task in ("native", "mean")
    module.eval()
    if heads and (fault := _reads_padding(module, batch)):
        return fault
    if fault := _step(module, batch):
        return fault
    trained = _outputs(module, batch)
    if not trained.isfinite().all():
        return "logits are not finite"
    if heads and trained.std(0).max() < 1e-6:
        return "all texts get the same logits"
    export(module, scratch)
    again = modules.load(scratch)
    apart = (_outputs(again, batch) - trained).abs().max()
    return None if apart < 1e-4 * (1 + trained.abs().max()) else f"reloaded logits: {apart:.3g} off"


def rows_of(folder: str, task: str) -> dict[str, Any]:
    """Rows padded on the right, as the data modules make them."""
    tokenizer = load_tokenizer(folder)
    rows = [torch.tensor(tokenizer(text)["input_ids"]) for text in TEXTS]
    wide = max(map(len, rows))
    batch: dict[str, Any] = {
        "input_ids": _stack(rows, wide, pad_id(tokenizer)),
        "attention_mask": _stack([torch.ones_like(row) for row in rows], wide, 0),
        "index": torch.arange(len(rows)),
        "labels": torch.tensor([0, 1, 2, 0] if task in ("native", "mean") else [0, 1, 1, 0]),
        "columns": {"text": list(TEXTS)},
    }
    if task == "chat":
        del batch["labels"]
        batch["supervised"] = batch["attention_mask"].bool() & (torch.arange(wide) > 1)
    return batch


def _stack(rows: list[Tensor], wide: int, value: int) -> Tensor:
    return torch.stack([torch.nn.functional.pad(r, (0, wide - len(r)), value=value) for r in rows])


@torch.no_grad()
def _outputs(module: Any, batch: dict[str, Any]) -> Tensor:
    lightning.seed_everything(0, verbose=False)
    return module(module.task.prepare(batch, False))


def _reads_padding(module: Any, batch: dict[str, Any]) -> str | None:
    """Compare with each row alone, in wider rows, and with padding before it."""
    names, sizes = ("input_ids", "attention_mask"), batch["attention_mask"].sum(1).tolist()
    fill = {"input_ids": int(batch["input_ids"][2, -1]), "attention_mask": 0}
    alone = torch.cat(
        [
            _outputs(module, {**batch, **{n: batch[n][row : row + 1, :size] for n in names}})
            for row, size in enumerate(sizes)
        ]
    )
    for side in ("right", "left"):
        made = {}
        for name in names:
            rows = []
            for row, size in enumerate(sizes):
                more = max(sizes) + 3 - size
                both = (0, more) if side == "right" else (more, 0)
                kept = batch[name][row, :size]
                rows.append(torch.nn.functional.pad(kept, both, value=fill[name]))
            made[name] = torch.stack(rows)
        off = (_outputs(module, {**batch, **made}) - alone).abs().max()
        if not off < 1e-4 * (1 + alone.abs().max()):
            return f"padding on the {side} moves logits by {off:.3g}"
    return None


def _step(module: Any, batch: dict[str, Any]) -> str | None:
    """Take a step; say what should have moved and has not, or the other way round."""
    trains = {n: p for n, p in module.named_parameters() if p.requires_grad}
    before = {n: p.detach().clone() for n, p in module.named_parameters()}
    prepared = module.task.prepare(batch, True)
    optimizer = torch.optim.AdamW(trains.values(), lr=1e-3)
    for _ in range(2):  # LoRA's A has a gradient of 0 in the first
        optimizer.zero_grad()
        loss = module.task.loss(module(prepared), prepared)
        if not loss.isfinite():
            return "the loss is not finite"
        loss.backward()
        optimizer.step()
    idle = [n for n, p in trains.items() if p.grad is None and ".experts." not in n]
    if idle:
        return f"{len(idle)} of {len(trains)} trained without gradient: {idle[0]}"
    after = dict(module.named_parameters())
    new = [f".{name}" for name in getattr(module.model, "new_parameters", [])]
    still = [n for n, p in after.items() if not p.requires_grad]
    random = [n for n in still if any(f".{n}".endswith(one) for one in new)]
    if random:
        return f"new and frozen: {random[0]}"
    moved = [n for n in still if not torch.equal(after[n], before[n])]
    return f"frozen and moved: {moved[0]}" if moved else None
