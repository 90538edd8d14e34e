"""Optimizer, parameter groups and learning rate schedule."""

from typing import Any, Literal

import torch
from jsonargparse.typing import restricted_number_type
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import nn

from modules.muon import MuonWithAdamW

# Their ``weight`` is a matrix, or a kernel, also where it has a single row.
_WITH_MATRIX = (nn.Linear, nn.Embedding, nn.Conv1d, nn.Conv2d)
Schedule = Literal["linear", "cosine", "constant", "wsd", "slanted_triangular"]
# Low-rank updates begin at zero, and take ten times the rate of the weights themselves, whatever
# the rank (Schulman et al. 2025, LoRA without regret).
UPDATES_FACTOR = 10.0
WSD_FALL = 0.2  # the share of the steps over which the rate of "wsd" falls
Optimizer = Literal["adamw", "muon"]
# How fast the averages of gradients and of their squares forget.
Beta = restricted_number_type("Beta", float, [(">=", 0), ("<", 1)])
Betas = tuple[Beta, Beta]  # type: ignore[valid-type]  # made when the file is read


def configure_optimizers(module: Any) -> OptimizerLRSchedulerConfig:
    """Configure the optimizer and its schedule by the module's hyperparameters.

    Where a callback has set ``module.param_group_fn``, it takes the optimizer's parameter groups
    and returns others, such as a group with its own learning rate for each layer.

    Returns:
        What Lightning's ``configure_optimizers`` returns.

    Raises:
        ValueError: If the run has no end, as the schedule needs one.
    """
    settings, steps = module.hparams, module.trainer.estimated_stepping_batches
    if steps == float("inf"):
        raise ValueError("--trainer.max_epochs -1 needs --trainer.max_steps: rates fall to 0")
    muon = settings.get("optimizer", "adamw") == "muon"
    groups = parameter_groups(module, settings["weight_decay"])
    if muon:
        groups = hidden_matrices_apart(groups, module)
    if not any(group["params"] for group in groups):
        raise ValueError(f"--model {type(module).__name__}: freezes all, so that nothing trains")
    groups = [{**group, "lr": settings["learning_rate"]} for group in groups]
    factor = settings.get("embedding_lr_multiplier", 1.0)
    if settings.get("lora_rank"):  # embeddings that train beside updates are new, as the head is
        updates = [p for name, p in module.named_parameters() if ".lora_" in name]
        groups = apart(groups, "updates", updates, UPDATES_FACTOR)
    elif factor != 1.0:
        groups = apart(groups, "embeddings", input_embeddings(module), factor)
    if module.param_group_fn is not None:
        groups = module.param_group_fn(groups)
    first, second = settings.get("betas", (0.9, 0.999))
    optimizer: torch.optim.Optimizer
    if muon:
        optimizer = MuonWithAdamW(groups, settings["learning_rate"], (first, second))
    else:
        optimizer = adamw(groups, settings["learning_rate"], (first, second))
    scheduler = lr_schedule(optimizer, settings["schedule"], settings["warmup_ratio"], steps)
    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": scheduler, "interval": "step", "name": "learning_rate"},
    }


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Group the parameters that train: matrices decay, vectors do not, as in BERT and GPT-2."""
    decays = {True: [], False: []}  # type: dict[bool, list[nn.Parameter]]
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decays[is_matrix(name, parameter, model)].append(parameter)
    groups = [
        {"name": "decay", "params": decays[True], "weight_decay": weight_decay},
        {"name": "no_decay", "params": decays[False], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def is_matrix(name: str, parameter: nn.Parameter, model: nn.Module) -> bool:
    """Tell whether a parameter multiplies as a matrix, whatever its shape.

    Some families store vectors in two dimensions or more: XLNet's biases (heads, width), the biases
    of experts (experts, width), factors (1, width), and the logarithms of a state space's decay
    rates, ``A_log`` (Gu & Dao 2023, arXiv:2312.00752, train them without weight decay).
    """
    if parameter.ndim < 2 or getattr(parameter, "_no_weight_decay", False):
        return False
    place, _, last = name.rpartition(".")
    if last == "weight" and isinstance(model.get_submodule(place), _WITH_MATRIX):
        return True  # also of a single row, such as a regression's
    words = last.lower().split("_")
    return (
        not {"bias", "biases"} & {*words}
        and last != "A_log"
        and sum(s > 1 for s in parameter.shape) > 1
    )


def embedding_tables(module: Any) -> list[Any]:
    """Return the embeddings of tokens of each network of a module, such as a generator's too."""
    networks = [part for part in module.children() if hasattr(part, "get_input_embeddings")]
    return [*dict.fromkeys(network.get_input_embeddings() for network in networks)]


def input_embeddings(module: Any) -> list[nn.Parameter]:
    """Return the weights of :func:`embedding_tables`."""
    return [table.weight for table in embedding_tables(module)]


def apart(
    groups: list[dict], name: str, parameters: list[nn.Parameter], factor: float
) -> list[dict]:
    """Give these parameters a group of this name, at ``factor`` times the learning rate."""
    chosen = {id(parameter) for parameter in parameters}
    split = []
    for group in groups:
        rest = [p for p in group["params"] if id(p) not in chosen]
        own = [p for p in group["params"] if id(p) in chosen]
        split += [{**group, "params": rest}] if rest else []
        if own:
            split.append({**group, "name": name, "params": own, "lr": factor * group["lr"]})
    return split


def hidden_matrices_apart(groups: list[dict], module: Any) -> list[dict]:
    """Give the matrices between embeddings and head a group of their own, for Muon."""
    kept = [part for part in module.modules() if isinstance(part, nn.Embedding)]
    others = [parameter for part in kept for parameter in part.parameters()]
    others += module.layers().get("head", [])
    kept_ids = {id(parameter) for parameter in others}
    split = []
    for group in groups:
        hidden = [p for p in group["params"] if p.ndim == 2 and id(p) not in kept_ids]
        hidden = hidden if group["name"] == "decay" else []
        chosen = {id(parameter) for parameter in hidden}
        rest = [p for p in group["params"] if id(p) not in chosen]
        parts = ({"params": rest}, {"params": hidden, "name": "muon", "muon": True})
        split += [{**group, **part} for part in parts if part["params"]]
    return split


def adamw(
    groups: list[dict], learning_rate: float, betas: tuple[float, float] = (0.9, 0.999)
) -> torch.optim.AdamW:
    """Make AdamW (Loshchilov & Hutter 2019), with all parameters stepped in one kernel."""
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=betas, fused=True)
    # Lightning refuses to clip gradients that the optimizer could unscale by itself. Ours are
    # unscaled by Lightning before (fp16) or never scaled (bf16, fp32).
    optimizer._step_supports_amp_scaling = False
    return optimizer


def lr_schedule(
    optimizer: torch.optim.Optimizer, schedule: Schedule, warmup_ratio: float, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Schedule the learning rate: a linear rise, then a fall to 0 or a constant rate.

    Args:
        optimizer: The optimizer to schedule.
        schedule: Linear, cosine or constant after the rise; wsd is constant, and falls linearly
            over the last fifth of the steps (warmup-stable-decay, Hu et al. 2024,
            arXiv:2404.06395; the fall's length as in Hägele et al. 2024, arXiv:2405.18392);
            slanted_triangular rises from 1/32 and falls back to it (Howard & Ruder 2018, with
            ``warmup_ratio`` for their cut_frac).
        warmup_ratio: The share of ``steps`` over which the learning rate rises.
        steps: Optimizer steps of the run.
    """
    from transformers import get_scheduler, get_wsd_schedule

    rise = round(warmup_ratio * steps)
    if schedule == "slanted_triangular":
        return torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: (1 + 31 * _triangle(step, rise, steps)) / 32
        )
    if schedule == "wsd":
        fall = min(round(WSD_FALL * steps), steps - rise)
        return get_wsd_schedule(
            optimizer, rise, fall, steps, warmup_type="linear", decay_type="linear"
        )
    name = "constant_with_warmup" if schedule == "constant" else schedule
    return get_scheduler(name, optimizer, num_warmup_steps=rise, num_training_steps=steps)


def _triangle(step: int, rise: int, steps: int) -> float:
    """Return 0 to 1 over ``rise`` steps, and back to 0 at ``steps``."""
    return step / rise if step < rise else max(0.0, 1 - (step - rise) / max(1, steps - rise))
