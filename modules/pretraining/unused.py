"""Parameters that have no part in an objective's loss."""

import re
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from datamodules.batches import CorpusBatch
from modules.causal_checks import probe_rows, probing
from modules.pretraining.examples import sum_losses
from modules.self_check import one_line

# A config's number of experts that a router chooses from, as num_experts or n_routed_experts.
_COUNT = re.compile(r"(moe_)?(num|n)_((local|routed)_)?experts")


def freeze_at_fit(module: Any, stage: str) -> None:
    """Freeze what the objective does not use, before the Trainer fits it."""
    if stage == "fit":
        module.trainable -= {*freeze_unused(module)}


def freeze_unused(module: Any) -> list[str]:
    """Freeze the parameters of an objective that get no gradient, and name them in a warning.

    Such are a pooler that no loss reads, or the attention of a decoder to an encoder that is not
    there. Several devices would wait for their gradients. Experts of a mixture stay as they are:
    another batch may choose them.

    Args:
        module: An objective. If it needs more of a batch than :func:`probe_batch` has, a warning
            says so, and nothing is frozen.

    Returns:
        Their names.
    """
    networks = [part for part in module.children() if isinstance(part, PreTrainedModel)]
    chosen_by_batch = {one for network in networks for one in experts(network)}
    named = [
        (name, parameter)
        for name, parameter in module.named_parameters()
        if parameter.requires_grad and id(parameter) not in chosen_by_batch
    ]
    kind = type(module).__name__
    try:
        with probing(module), torch.enable_grad():
            losses = module.losses(module.corrupt(probe_batch(module), _generator(module)))
            total = sum_losses(kind, losses, module.loss_weights)["loss"]
            if not named:
                return []
            if not total.requires_grad:
                raise ValueError(f"{kind}.losses: no parameter has a part in them, to be trained")
            grads = torch.autograd.grad(total, [p for _, p in named], allow_unused=True)
    except (KeyError, TypeError) as error:  # a user's objective may need more of a batch
        warnings.warn(
            f"{kind}: parameters without a part in the loss are not looked for, because it does "
            f"not run on rows of made-up tokens ({one_line(error)})",
            stacklevel=2,
        )
        return []
    unused = [name for (name, _), grad in zip(named, grads, strict=True) if grad is None]
    if len(unused) == len(named):
        raise ValueError(f"{kind}.losses: no parameter has a part in them, to be trained")
    for name in unused:
        module.get_parameter(name).requires_grad_(False)
    if unused:
        parts = sorted({name.rpartition(".")[0] for name in unused})
        shown = ", ".join(parts[:3]) + (f" and {len(parts) - 3} more" if len(parts) > 3 else "")
        warnings.warn(
            f"{len(unused)} of {len(named)} parameters have no part in the loss of "
            f"{kind} and are frozen: {shown}",
            stacklevel=2,
        )
    return unused


def experts(model: PreTrainedModel) -> set[int]:
    """Return the ids of the parameters of experts, of which a batch may choose none.

    They are told by the architecture: the config gives their number, and so many of one class stand
    in a list inside of a layer, or in one parameter, (experts, ...).
    """
    counts = {*_counts(model.config.to_dict())}
    if not counts:
        return set()
    lists = {name: m for name, m in model.named_modules() if isinstance(m, nn.ModuleList)}
    inner = [
        part
        for name, part in model.named_modules()
        if isinstance(part, nn.ModuleList | nn.ModuleDict)
        and len(part) in counts
        and len({type(one) for one in part.children()}) == 1
        and any(name.startswith(f"{outer}.") for outer in lists)
    ]
    one_by_one = {id(parameter) for part in inner for parameter in part.parameters()}
    stacked = {id(p) for p in model.parameters() if p.ndim > 2 and len(p) in counts}
    return one_by_one | stacked


def _counts(config: dict[str, Any]) -> Iterator[int]:
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _counts(value)
        elif _COUNT.fullmatch(str(name)):
            values = value if isinstance(value, list | tuple) else [value]
            yield from (one for one in values if isinstance(one, int) and one > 1)


def probe_batch(module: Any) -> CorpusBatch:
    """Return a batch of made-up rows, such as a corpus has, with several documents and pairs."""
    model: nn.Module = module.model
    width = min(16, module.hparams["row_tokens"])
    ids_BT = probe_rows(model, 8, width) % len(module.tokenizer)
    mask_BT = torch.ones_like(ids_BT)
    mask_BT[0, width // 2 :] = 0
    documents_BT = torch.arange(8, device=ids_BT.device)[:, None].expand(-1, width)
    return {
        "input_ids": ids_BT,
        "attention_mask": mask_BT,
        "document_ids": documents_BT.masked_fill(mask_BT == 0, -1),
        "index": torch.arange(8, device=ids_BT.device),
        "boundary": torch.full((8,), max(1, width // 4), device=ids_BT.device),
    }


def _generator(module: Any) -> torch.Generator:
    return torch.Generator(module.device).manual_seed(0)
