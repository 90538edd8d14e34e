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

import modules
from modules.backbones import unwrap
from modules.exporting import export
from modules.finetuning.base import FineTuningModule
from modules.layout import reached
from modules.pretraining.unused import experts
from modules.registry import registered
from tests.backbones import rows

STRATEGIES = sorted(registered(FineTuningModule))
_CHAT = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
_WORDS = {"negative": "stupid", "positive": "clever"}
TASKS: dict[str, Callable[[], Any]] = {
    "native": lambda: modules.Classification(num_classes=3),
    "mean": lambda: modules.Classification(num_classes=3, pooling="mean"),
    "language model": modules.LanguageModeling,
    "prompt": lambda: modules.PromptedClassification("{{ text }} it is {{ mask }}", _WORDS),
    "chat": lambda: modules.InstructionFollowing(_CHAT),
    "preference": lambda: modules.Preference(_CHAT),
    "token classification": lambda: modules.TokenClassification(["O", "B-film", "I-film"]),
    "question answering": modules.QuestionAnswering,
    "multiple choice": modules.MultipleChoice,
    "embedding": modules.Embedding,
    "sequence to sequence": modules.SequenceToSequence,
    "prompted generation": modules.PromptedGeneration,
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
    for task in rows.HEADS
} | {("LoRA", task): functools.partial(_try, "LoRA", task) for task in list(TASKS)[2:]}


def _fault(module: Any, folder: str, task: str, scratch: Path) -> str | None:
    module.eval()
    batch = rows.rows_of(folder, task)
    prepared = module.task.prepare(batch, False)
    if fault := rows.reads_padding(module, task, prepared):
        return fault
    if task == "chat" and (fault := rows.other_loss(module, prepared)):
        return fault
    if fault := _step(module, batch):
        return fault
    trained = rows.outputs(module, prepared)
    if not trained.isfinite().all():
        return "logits are not finite"
    if task in rows.HEADS and trained.std(0).max() < 1e-6:
        return "all texts get the same logits"
    held: dict[str, Any] = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(held)
    if lost := {n for n, p in module.named_parameters() if p.requires_grad} - set(
        held["state_dict"]
    ):
        return f"trains and is in no checkpoint: {min(lost)}"
    export(module, scratch)
    again = modules.load(scratch)
    again_prepared = again.task.prepare(batch, False)
    apart = (rows.outputs(again, again_prepared) - trained).abs().max()
    return None if apart < 1e-4 * (1 + trained.abs().max()) else f"reloaded logits: {apart:.3g} off"


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
    chosen_by_batch = experts(unwrap(module.model))
    idle = [n for n, p in trains.items() if p.grad is None and id(p) not in chosen_by_batch]
    if idle:
        return f"{len(idle)} of {len(trains)} trained without gradient: {idle[0]}"
    after = dict(module.named_parameters())
    known = getattr(module.model, "new_parameters", [])
    new = [f".{name}" for name in known if reached(unwrap(module.model), name)]
    still = [n for n, p in after.items() if not p.requires_grad]
    random = [n for n in still if any(f".{n}".endswith(one) for one in new)]
    if random:
        return f"new and frozen: {random[0]}"
    moved = [n for n in still if not torch.equal(after[n], before[n])]
    return f"frozen and moved: {moved[0]}" if moved else None
