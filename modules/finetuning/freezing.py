"""Which of a backbone's own parameters train."""

from collections.abc import Callable

from torch import nn

from modules.finetuning.targets import head_modules


def train_only(model: nn.Module, wanted: Callable[[str], bool] = lambda name: False) -> nn.Module:
    """Freeze all but the task's head and the parameters whose names are ``wanted``."""
    heads = head_modules(model)
    for name, parameter in model.named_parameters():
        whole = any(f".{head}." in f".{name}." for head in heads)
        parameter.requires_grad_(whole or wanted(name))
    return model
