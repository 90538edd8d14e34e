"""Layers of a transformer by their part in it, found by structure rather than by model."""

from typing import Any

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from modules.layout import layer_groups, layer_parameters, reached, runs

# What architectures call them. The second row makes queries as well, in one matrix.
_KEYS_AND_VALUES = "key value k v k_proj v_proj k_lin v_lin key_proj value_proj key_value"
_KEYS_AND_VALUES += " c_attn query_key_value qkv_proj Wqkv qkv in_proj"


def head_modules(model: PreTrainedModel) -> list[str]:
    """Return the names of the parts that the task adds: every strategy trains them whole.

    They are the top-level heads, and what else the backbone's files do not hold, such as a pooler:
    weights that are random at first have to be in the checkpoint. A pretrained pooler is a layer
    like any other. A language model's head trains only where it is new: its matrix is the
    embeddings' own.
    """
    new = [name for name in getattr(model, "new_parameters", []) if reached(model, name)]
    heads = _outside(model)
    if model.get_output_embeddings() is not None:
        heads = [name for head in heads for name in _all_new(model.get_submodule(head), head, new)]
    if model.base_model is not model:
        heads += _all_new(model.base_model, model.base_model_prefix, new)
    else:  # a head may stand beside encoder and decoder
        heads += [name for n, part in model.named_children() for name in _all_new(part, n, new)]
    return list(dict.fromkeys(heads))


def _outside(model: PreTrainedModel) -> list[str]:
    """Return the names of top-level parts with parameters, other than the backbone."""
    prefix, parts = model.base_model_prefix, model.named_children()
    if model.base_model is model:  # without a head, or T5's: encoder and decoder stand beside it
        layer = model.get_output_embeddings()
        return [n for n, part in parts if part is layer]
    return [n for n, part in parts if n != prefix and any(True for _ in part.parameters())]


def _all_new(module: nn.Module, path: str, new: list[str]) -> list[str]:
    """Return the largest parts below ``path`` whose parameters are all new."""
    if not (new := [name for name in new if name.startswith(f"{path}.")]):
        return []  # asked of every layer: a walk through all of them would take seconds
    names = [f"{path}.{name}" for name, _ in module.named_parameters()]
    if names and all(name in new for name in names):
        return [path]
    parts = module.named_children()
    return [found for name, part in parts for found in _all_new(part, f"{path}.{name}", new)]


def in_head(model: PreTrainedModel, name: str) -> bool:
    """Tell whether a module or parameter belongs to a head rather than to the backbone."""
    top = name.split(".")[0]
    return top in _outside(model) or f"{name}.".startswith(
        tuple(f"{h}." for h in head_modules(model))
    )


def trained_layers(module: Any) -> dict[str, list[nn.Parameter]]:
    """Return the parameters that train by depth: embeddings, layer.0, layer.1 …, head.

    Those beside the module's ``model`` count as head.
    """
    # By identity: what a second network shares has the name that it has there.
    ids = {id(p) for name, p in module.named_parameters() if name in module.trainable}
    held = {name: p for name, p in module.model.named_parameters() if id(p) in ids}
    groups = layer_groups(module.model).items()
    found = {group: [held[name] for name in names if name in held] for group, names in groups}
    inside = {id(parameter) for parameter in module.model.parameters()}
    beside = [parameter for parameter in module.parameters() if id(parameter) not in inside]
    found["head"] = [*found.get("head", []), *beside]
    return {group: parameters for group, parameters in found.items() if parameters}


def linear_layers(
    model: PreTrainedModel, targets: str | list[str], flag: str = "--model.targets"
) -> list[str]:
    """Return full names of the backbone's linear layers, GPT-2's Conv1D too.

    Args:
        model: With the task's head on it.
        targets: All-linear, attention (those inside an attention block), or last parts of names.
        flag: The flag that an error names.

    Raises:
        ValueError: If no layer has such a name.
    """
    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
        and not in_head(model, name)
        and reached(model, f"{name}.weight")
        and runs(model, name)
    ]
    if targets in ("all-linear", "attention"):
        if found := [name for name in names if targets == "all-linear" or in_attention(name)]:
            return found
        kind = getattr(getattr(model, "config", None), "model_type", type(model).__name__)
        raise ValueError(f"{flag} {targets}: {kind} has no such linear layer")
    wanted = [targets] if isinstance(targets, str) else targets
    wanted = [part for entry in wanted for part in entry.split(",")]
    for part in wanted:
        if not any(f".{name}".endswith(f".{part}") for name in names):
            known = sorted({name.rsplit(".", 1)[-1] for name in names})
            raise ValueError(
                f"{flag} {part}: no linear layer of that name; there are "
                f"{', '.join(known)}, and the words all-linear and attention"
            )
    return [n for n in names if any(f".{n}".endswith(f".{part}") for part in wanted)]


def in_attention(name: str) -> bool:
    """Tell by its name whether a layer is inside an attention block."""
    return "attention" in name.lower() or "attn" in name.lower()


def transposed(model: nn.Module, names: list[str]) -> bool:
    """Tell whether these layers' matrices are (in, out) rather than (out, in), as GPT-2's."""
    return any(isinstance(model.get_submodule(name), Conv1D) for name in names)


def norm_layers(model: PreTrainedModel) -> list[str]:
    """Return full names of the backbone's normalisation layers, of whatever kind."""
    kinds = [(n, type(m).__name__.lower()) for n, m in model.named_modules() if n]
    return [n for n, kind in kinds if kind.endswith("norm") and _trains(model, n)]


def _trains(model: PreTrainedModel, name: str) -> bool:
    parts = model.get_submodule(name).named_parameters(prefix=name)
    return not in_head(model, name) and any(reached(model, n) for n, _ in parts)


def key_value_layers(model: PreTrainedModel) -> list[str]:
    """Return full names of the linear layers in attention that make keys or values."""
    names, known = linear_layers(model, "all-linear"), _KEYS_AND_VALUES.split()
    return [n for n in names if in_attention(n) and n.rpartition(".")[2] in known]


def feedforward_outputs(model: PreTrainedModel) -> list[str]:
    """Return full names of each feed-forward block's last matrix.

    A feed-forward block is two or three matrices outside attention.
    """
    linear, found = set(linear_layers(model, "all-linear")), []
    for names in layer_parameters(model):
        layers = [name.removesuffix(".weight") for name in names]
        layers = [name for name in layers if name in linear and not in_attention(name)]
        found += layers[-1:] if len(layers) in (2, 3) else []
    return found
