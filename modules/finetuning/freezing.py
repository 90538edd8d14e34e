"""Freezing a backbone's own parameters, and the precision of those that are frozen."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from modules.backbones import unwrap
from modules.finetuning.targets import head_modules
from modules.layout import bare_name, reached


def train_only(
    model: PreTrainedModel, wanted: Callable[[str], bool] = lambda name: False
) -> PreTrainedModel:
    """Freeze all but the task's head and the parameters whose names are ``wanted``.

    Returns:
        The same model.
    """
    heads = head_modules(model)
    for name, parameter in model.named_parameters():
        whole = name.startswith(tuple(f"{head}." for head in heads))
        parameter.requires_grad_(whole or wanted(name))
    return model


def free_inner_classifiers(model: nn.Module, heads: list[str]) -> nn.Module:
    """Take out of a peft model the copies of layers in the network that are named as a head.

    peft trains whole whatever is named classifier or score, and so are routers of experts.

    Args:
        model: A model.
        heads: The names of the task's heads in the network.

    Returns:
        The same model.
    """
    if unwrap(model) is model:
        return model
    from peft.utils.other import ModulesToSaveWrapper

    for name, part in list(model.named_modules()):
        bare = bare_name(name).removeprefix("base_model.")
        parent, _, last = name.rpartition(".")
        if not isinstance(part, ModulesToSaveWrapper) or last not in ("classifier", "score"):
            continue
        # One beside the layers is the head of a network that names no part as its backbone.
        if "." in bare and not f"{bare}.".startswith(tuple(f"{head}." for head in heads)):
            setattr(model.get_submodule(parent), last, part.original_module.requires_grad_(False))
    return model


def freeze_unreached(model: nn.Module) -> nn.Module:
    """Freeze what no text reaches, such as an image encoder: it would be counted, and never move.

    Returns:
        The same model.
    """
    for name, parameter in model.named_parameters():
        if not reached(unwrap(model), bare_name(name)):
            parameter.requires_grad_(False)
    return model


def frozen_matrices(model: nn.Module) -> Iterator[nn.Parameter]:
    """Yield the frozen parameters of linear layers and embeddings, biases too."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            yield from (p for p in module.parameters(recurse=False) if not p.requires_grad)


def cast_frozen_to_bf16(model: nn.Module) -> None:
    """Cast the frozen matrices to bf16, which spares their conversion at every step."""
    for parameter in frozen_matrices(model):
        parameter.data = parameter.data.bfloat16()
    for module in model.modules():
        if hasattr(module, "cast_input_dtype_enabled"):  # peft's, to fp32: autocast takes it back
            # nn.Module declares every attribute as a tensor or a module.
            module.cast_input_dtype_enabled = False  # type: ignore[assignment]


def in_full_precision(module: Any) -> Any:
    """Return a fine-tuned module, or a copy with unrounded weights where a trainer rounded them."""
    if all(parameter.dtype == torch.float32 for parameter in module.model.parameters()):
        return module
    fresh = type(module)(**module.hparams)
    weights = module.state_dict()
    fresh.load_state_dict({name: weights[name] for name in module.trainable}, strict=False)
    return fresh.eval()


def autocast(model: nn.Module, device: torch.device) -> contextlib.AbstractContextManager:
    """Autocast where frozen matrices have been left in bf16, also without a trainer."""
    half = any(parameter.dtype == torch.bfloat16 for parameter in model.parameters())
    return torch.autocast(device.type, torch.bfloat16) if half else contextlib.nullcontext()
