"""Cells of the objectives: a family that is begun anew, or whose weights are gone on from."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from modules import CausalLM
from modules.pretraining.base import PretrainingModule
from modules.pretraining.unused import experts, probe_batch
from modules.registry import registered
from tests.backbones.cells import Cell, judged

BEGINNINGS: dict[str, Callable[[str], dict[str, str]]] = {
    "new": lambda folder: {"size": f"{folder}/config.json"},
    "from weights": lambda folder: {"backbone": folder},
}


def _try(name: str, beginning: str, folder: str, scratch: Path) -> Cell:
    def attempt() -> str | None:
        settings = BEGINNINGS[beginning](folder)
        if name == "CausalLM":
            settings["document_masking"] = True
        module = registered(PretrainingModule)[name](tokenizer=folder, row_tokens=24, **settings)
        return _fault(module, scratch)

    return judged(attempt)


COLUMNS: dict[tuple[str, str], Callable[[str, Path], Cell]] = {
    (name, beginning): functools.partial(_try, name, beginning)
    for name in registered(PretrainingModule)
    for beginning in BEGINNINGS
}


def _fault(module: Any, scratch: Path) -> str | None:
    """Take a step, compare the loss, and load the export."""
    module.setup("fit")
    batch = probe_batch(module)
    out, _ = module._step(batch, 0)
    if not all(value.isfinite() for value in out.values()):
        return "a loss is not finite"
    out["loss"].backward()
    networks = [part for part in module.children() if isinstance(part, PreTrainedModel)]
    chosen_by_batch = {one for network in networks for one in experts(network)}
    trains = {n: p for n, p in module.named_parameters() if p.requires_grad}
    if idle := [n for n, p in trains.items() if p.grad is None and id(p) not in chosen_by_batch]:
        return f"{len(idle)} trained without gradient: {idle[0]}"
    module.eval()
    with torch.no_grad():
        fault = _other_loss(module, batch) or (
            _sees_another_document(module, batch) if isinstance(module, CausalLM) else None
        )
    return fault or _exports(module, scratch)


def _other_loss(module: Any, batch: Any) -> str | None:
    """Compare the loss with that of the model's own logits, each document alone."""
    example = module.corrupt(batch, torch.Generator().manual_seed(0))
    if "inputs" not in example:
        return None
    inputs = {k: v for k, v in example["inputs"].items() if k != "position_ids"}
    logits_NV = module.model(**inputs).logits[example["target_mask"]].float()
    losses_N = functional.cross_entropy(logits_NV, example["targets"], reduction="none")
    if "causal" in example:  # each way of reading has a loss of its own
        losses_N = losses_N[~example["causal"]]
    wanted = losses_N.mean()
    found = module.losses(example)[module.main_loss]
    apart = float((found - wanted).abs() / wanted)
    return f"the loss is {apart:.2g} off" if apart > 1e-3 else None


def _sees_another_document(module: Any, batch: Any) -> str | None:
    """Join the rows two by two: the mean loss stays what it was."""
    pairs = {name: batch[name][1:].unflatten(0, (-1, 1)) for name in ("input_ids", "document_ids")}
    joined = {name: torch.cat([v[:3, 0], v[3:6, 0]], 1) for name, v in pairs.items()}
    alone = {name: v[:6, 0] for name, v in pairs.items()}
    found = [
        module._step({**part, "attention_mask": torch.ones_like(part["input_ids"])}, 0)[0]["loss"]
        for part in (alone, joined)
    ]
    apart = float((found[1] - found[0]).abs() / found[0])
    return f"documents of a row see each other: the loss is {apart:.2g} off" * (apart > 1e-3)


def _exports(module: Any, scratch: Path) -> str | None:
    model = module.export_model()
    model.save_pretrained(scratch)
    again = type(model).from_pretrained(scratch).state_dict()
    held = {name: value for name, value in model.state_dict().items() if name in again}
    wrong = [name for name, value in held.items() if not torch.equal(again[name], value)]
    return f"exported otherwise: {wrong[0]}" if wrong else None
