"""Parameters that have no part in an objective's loss."""

import warnings
from typing import Any

import torch
from torch import nn

from datamodules.batches import CorpusBatch
from modules.causal_checks import probe_rows, probing


def freeze_unused(module: Any) -> list[str]:
    """Freeze the parameters of an objective that get no gradient, and name them in a warning.

    Such are a pooler that no loss reads, or the attention of a decoder to an encoder that is not
    there. Several devices would wait for their gradients. Experts stay as they are: another batch
    may choose them.

    Args:
        module: An objective.

    Returns:
        Their names.
    """
    named = [(n, p) for n, p in module.named_parameters() if p.requires_grad and "expert" not in n]
    try:
        with probing(module), torch.enable_grad():
            loss = module.losses(module.corrupt(probe_batch(module), _generator(module)))
            total = torch.stack([v for k, v in loss.items() if k.endswith("_loss")]).sum()
            grads = torch.autograd.grad(total, [p for _, p in named], allow_unused=True)
    except Exception:  # an objective of the user's own may need more of a batch: its step will say
        return []
    unused = [name for (name, _), grad in zip(named, grads, strict=True) if grad is None]
    for name in unused:
        module.get_parameter(name).requires_grad_(False)
    if unused:
        parts = sorted({name.rpartition(".")[0] for name in unused})
        shown = ", ".join(parts[:3]) + (f" and {len(parts) - 3} more" if len(parts) > 3 else "")
        warnings.warn(
            f"{len(unused)} of {len(named)} parameters have no part in the loss of "
            f"{type(module).__name__} and are frozen: {shown}",
            stacklevel=2,
        )
    return unused


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
