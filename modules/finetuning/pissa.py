"""PiSSA's update relative to the backbone's own weights: B A - B0 A0, of twice the rank."""

from typing import Any

import torch
from torch import nn


def doubled(settings: dict[str, Any]) -> dict[str, Any]:
    """Return rank and alpha of LoRA that scale an update of twice the rank as before."""
    growth = 2**0.5 if settings["use_rslora"] else 2.0
    return {"r": 2 * settings["r"], "lora_alpha": growth * settings["lora_alpha"]}


def put_difference(model: nn.Module, trained: Any, first: nn.Module) -> None:
    """Put the update of a trained module into a peft model of twice its rank.

    Args:
        model: The peft model, on a backbone of the backbone's own weights.
        trained: The module, a strategy.
        first: The module as it was before the training.
    """
    for name in trained.trainable:
        value = trained.get_parameter(name).detach()
        if "lora_A" in name:
            value = torch.cat([value, first.get_parameter(name)])
        elif "lora_B" in name:
            value = torch.cat([value, -first.get_parameter(name)], 1)
        model.get_parameter(name.removeprefix("model.")).data = value.detach().clone()
