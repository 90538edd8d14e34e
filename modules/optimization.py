"""Which parameters decay, which optimizer steps them, and how the learning rate moves."""

from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from torch import nn

Schedule = Literal["linear", "cosine", "constant", "slanted_triangular"]


def configure(module: LightningModule) -> dict[str, Any]:
    """What ``configure_optimizers`` returns, from the module's hyperparameters.

    ``module.regroup``, where a callback has set it, takes the optimizer's parameter groups and
    gives others, such as a group with its own rate for each layer.
    """
    settings, steps = module.hparams, module.trainer.estimated_stepping_batches
    if steps == float("inf"):
        raise ValueError("--trainer.max_epochs -1 needs --trainer.max_steps: rates fall to 0")
    groups = parameter_groups(module, settings["weight_decay"])
    groups = [{**group, "lr": settings["learning_rate"]} for group in groups]
    if (factor := settings.get("embedding_rate", 1.0)) != 1.0:
        groups = apart(groups, module.model.get_input_embeddings().weight, factor)
    if module.regroup is not None:
        groups = module.regroup(groups)
    optimizer = adamw(groups, settings["learning_rate"])
    rates = learning_rates(optimizer, settings["schedule"], settings["warmup"], steps)
    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": rates, "interval": "step", "name": "learning_rate"},
    }


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Matrices decay; biases, norms and other vectors do not (as in BERT and GPT-2 training)."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {
            "name": "decay",
            "params": [parameter for parameter in trained if parameter.ndim >= 2],
            "weight_decay": weight_decay,
        },
        {
            "name": "no_decay",
            "params": [parameter for parameter in trained if parameter.ndim < 2],
            "weight_decay": 0.0,
        },
    ]
    return [group for group in groups if group["params"]]


def apart(groups: list[dict], embeddings: nn.Parameter, factor: float) -> list[dict]:
    """The groups with the embeddings in one of their own, at ``factor`` times the rate."""
    split = []
    for group in groups:
        rest = [p for p in group["params"] if p is not embeddings]
        split += [{**group, "params": rest}] if rest else []
        if len(rest) < len(group["params"]):
            own = {"name": "embeddings", "params": [embeddings], "lr": factor * group["lr"]}
            split.append({**group, **own})
    return split


def adamw(groups: list[dict], learning_rate: float) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) with all parameters stepped in one kernel."""
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.999), fused=True)
    # Lightning refuses to clip gradients that the optimizer could unscale by itself. Ours are
    # unscaled by Lightning before (fp16) or never scaled (bf16, fp32).
    optimizer._step_supports_amp_scaling = False
    return optimizer


def learning_rates(
    optimizer: torch.optim.Optimizer, schedule: Schedule, warmup: float, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Rise linearly over the first ``warmup`` share of ``steps``, then fall to 0 or stay.

    The slanted triangular one rises from 1/32 and falls back to it (Howard & Ruder 2018, with
    ``warmup`` for their cut_frac).
    """
    from transformers import get_scheduler

    rise = round(warmup * steps)
    if schedule == "slanted_triangular":
        return torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: (1 + 31 * _triangle(step, rise, steps)) / 32
        )
    name = "constant_with_warmup" if schedule == "constant" else schedule
    return get_scheduler(name, optimizer, num_warmup_steps=rise, num_training_steps=steps)


def _triangle(step: int, rise: int, steps: int) -> float:
    """From 0 to 1 over ``rise`` steps, and back to 0 at ``steps``."""
    return step / rise if step < rise else max(0.0, 1 - (step - rise) / max(1, steps - rise))
