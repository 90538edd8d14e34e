"""Which parameters decay, which optimizer steps them, and how the learning rate moves."""

from typing import Literal

import torch
from torch import nn

Schedule = Literal["linear", "cosine", "constant"]


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
    """Rise linearly over the first ``warmup`` share of ``steps``, then fall to 0 or stay."""
    from transformers import get_scheduler

    name = "constant_with_warmup" if schedule == "constant" else schedule
    return get_scheduler(
        name, optimizer, num_warmup_steps=round(warmup * steps), num_training_steps=steps
    )
