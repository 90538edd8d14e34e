"""Frozen matrices of a backbone in 8 or 4 bits."""

import copy
from collections import Counter
from typing import Any, NamedTuple

import torch
from lightning.pytorch.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from modules.finetuning.targets import linear_layers
from modules.packed_layer import Bits, PackedLayer, Plain, library, pack, unpack

_SPLIT = (DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy)
_CURE = "take --model LoRA, or leave the flag out"


class Matrix(NamedTuple):
    """A layer to quantise: its name in the backbone, and the length of its matrix."""

    name: str
    layer: Plain
    norm: float


def matrices(model: Any, bits: Bits) -> list[Matrix]:
    """Return the layers of a backbone to quantise: its linear layers, GPT-2's Conv1D too.

    Embeddings, output layers, heads and matrices that are shared with them stay as they are.

    Raises:
        ValueError: If there are none, or the library is missing.
    """
    library()
    if not isinstance(model, PreTrainedModel):
        kind = type(model).__name__
        raise ValueError(f"--model.quantize {bits}: is for a PreTrainedModel, and this is a {kind}")
    try:
        names = linear_layers(model, "all-linear")
    except ValueError as error:
        kind = model.config.model_type
        raise ValueError(
            f"--model.quantize {bits}: {kind} has no linear layers to quantise; leave it out"
        ) from error
    held = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    found: list[Matrix] = []
    for name in names:
        layer: Any = model.get_submodule(name)
        # A subclass may do something else with its matrix.
        if type(layer) in (nn.Linear, Conv1D) and held[id(layer.weight)] == 1:
            found.append(Matrix(name, layer, _norm(layer)))
    return found


def quantize(found: list[Matrix], bits: Bits, strategy: str) -> None:
    """Quantise the matrices of a backbone in place, once a strategy has adapted it.

    Only then it is known which of them train. Adapters stand around or beside the layers, which
    stay the same objects.

    Args:
        found: What :func:`matrices` found before the strategy changed the model.
        bits: 8bit or 4bit.
        strategy: Name of the strategy, for errors.

    Raises:
        ValueError: If one of them trains, or the strategy has changed its values.
    """
    lead = f"--model.quantize {bits}: {strategy}"
    if trains := [one.name for one in found if one.layer.weight.requires_grad]:
        raise ValueError(
            f"{lead} trains {len(trains)} matrices of the backbone, such as {trains[0]}, and only "
            f"frozen ones can be quantised; {_CURE}"
        )
    for name, layer, norm in found:
        if _norm(layer) != norm:
            raise ValueError(
                f"{lead} begins by changing {name} in full precision, and an export could not read "
                f"it again; take another initialization, or leave the flag out"
            )
        pack(layer, bits)


def _norm(layer: Plain) -> float:
    return torch.linalg.vector_norm(layer.weight.detach()).item()


def check_strategy(module: Any) -> None:
    """Refuse a Trainer's strategy that splits weights among devices.

    Raises:
        ValueError: If it does.
    """
    bits = module.hparams["quantize"]
    if bits and isinstance(module.trainer.strategy, _SPLIT):
        kind = type(module.trainer.strategy).__name__.removesuffix("Strategy").lower()
        raise ValueError(
            f"--model.quantize {bits}: --trainer.strategy {kind} splits weights among devices, and "
            f"packed ones cannot be split; take ddp, or leave one of the two out"
        )


def packed_layers(model: nn.Module) -> list[PackedLayer]:
    """Return the layers of a model whose matrices are packed."""
    return [part for part in model.modules() if isinstance(part, PackedLayer)]


def dequantized(model: Any) -> Any:
    """Return a model whose matrices are fp32 numbers, those that the codes stand for.

    Returns:
        A copy, or the model itself if nothing in it is packed.
    """
    if not packed_layers(model):
        return model
    made = copy.deepcopy(model)
    for layer in packed_layers(made):
        unpack(layer)
    return made


def num_parameters(model: nn.Module) -> int:
    """Return the number of parameters of a model, the packed ones counted one by one."""
    packed = sum(layer.num_packed_weights for layer in packed_layers(model))
    return sum(p.numel() for p in model.parameters()) + packed


def described(model: nn.Module) -> str:
    """Return in words what the quantised matrices take; empty where there are none."""
    if not (layers := packed_layers(model)):
        return ""
    bits, count = layers[0].packed.bits, sum(layer.num_packed_weights for layer in layers)
    held = sum(layer.packed.nbytes() for layer in layers)
    rest = sum(p.nbytes for p in model.parameters())
    return (
        f"--model.quantize {bits}: {len(layers)} matrices take {held / 1e6:,.1f} MB in place of "
        f"{4 * count / 1e6:,.1f}; all else takes {rest / 1e6:,.1f}"
    )
