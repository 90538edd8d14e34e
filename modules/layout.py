"""Where the parameters of a network stand, found by running it on two short rows.

Neither the order in which a network registers its parts nor their names tell which comes first:
some register the head first, or the last norm before the layers.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from modules.backbones import unwrap, without_cache
from modules.self_check import copied, neutral

Run = Callable[[Any], Tensor]  # of a model: outputs on some rows


class Layout(NamedTuple):
    """The parts of a network by depth; ``#`` stands for every number.

    Attributes:
        blocks: Paths of the layers, such as ``bert.encoder.layer.#``, from the bottom; a decoder
            behind an encoder has a second.
        places: Paths of other modules with parameters, and where they stand: embeddings, head, or
            the path of ``blocks`` behind whose layers they run.
        unreached: Names of parameters that no text reaches, such as an image encoder's.
    """

    blocks: list[str]
    places: dict[str, str]
    unreached: list[str]
    order: list[str]  # paths of modules, in the order in which they first run


def survey(model: Any, run: Run) -> Layout:
    """Run a network, and see in which order its parts run and what the outputs depend on.

    Args:
        model: A network of transformers, in eval mode.
        run: Returns its outputs on some rows.
    """
    order: dict[str, int] = {}
    hooks = [
        module.register_forward_pre_hook(_noting(order, name))
        for name, module in model.named_modules()
    ]
    model.requires_grad_(True)
    named = dict(model.named_parameters())
    try:
        total = run(model).float().sum()
    finally:
        for hook in hooks:
            hook.remove()
    grads = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    reached = {numberless(n) for n, g in zip(named, grads, strict=True) if g is not None}
    return _laid_out(model, order, sorted({numberless(name) for name in named} - reached))


def _laid_out(model: Any, order: dict[str, int], unreached: list[str]) -> Layout:
    """Return the layout of a network by the order in which its modules run."""
    paths = [path for path in _block_paths(model) if path in order]
    paths.sort(key=lambda path: order[path])
    blocks = list(dict.fromkeys(numberless(path) for path in paths))
    ran = list(dict.fromkeys(numberless(name) for name in order))
    return Layout(blocks, _places(model, order, paths), unreached, ran)


def _noting(order: dict[str, int], name: str) -> Callable[..., None]:
    def note(*call: Any) -> None:
        order.setdefault(name, len(order))

    return note


def _places(model: Any, order: dict[str, int], paths: list[str]) -> dict[str, str]:
    """Place the modules with parameters of their own that are in no block."""
    places = {}
    for name, module in model.named_modules():
        if not any(True for _ in module.parameters(recurse=False)):
            continue
        if any(f"{name}.".startswith(f"{path}.") for path in paths):
            continue
        before = [path for path in paths if order[path] < order.get(name, 0)]
        place = numberless(before[-1]) if before else "embeddings"
        above = not paths or (before and before[-1] == paths[-1])
        if above or not _inside_base(model, name):
            place = "head"
        elif isinstance(module, nn.Embedding):
            place = "embeddings"
        places[numberless(name)] = place
    return places


def _inside_base(model: Any, name: str) -> bool:
    prefix = getattr(model, "base_model_prefix", "")
    alone = getattr(model, "base_model", model) is model
    return alone or f"{name}.".startswith(f"{prefix}.") or name == ""


def _block_paths(model: Any) -> Iterator[str]:
    """Yield the paths of the entries of outermost lists that are not single layers themselves."""
    lists = {name: module for name, module in model.named_modules() if _is_list(module)}
    for name, module in lists.items():
        if any(name.startswith(f"{outer}.") and _entries(m) for outer, m in lists.items()):
            continue
        yield from (f"{name}.{number}" for number in _entries(module))


def _entries(module: nn.Module) -> list[str]:
    """Return the places of the layers in a list; none if it is a list of lists or of matrices."""
    parts = dict(module.named_children())
    whole = [n for n, part in parts.items() if any(True for _ in part.children())]
    return [] if any(_is_list(part) for part in parts.values()) else whole


def _is_list(module: nn.Module) -> bool:
    return isinstance(module, nn.ModuleList)


def numberless(name: str) -> str:
    """Return a path with ``#`` in place of each number."""
    return re.sub(r"(?<=\.)\d+(?=\.|$)", "#", name)


def layer_groups(model: nn.Module) -> dict[str, list[str]]:
    """Group the names of parameters by depth, from the bottom: embeddings, layer.0 …, head.

    Soft prompts enter below the first block, and so count as embeddings.
    """
    inner = unwrap(model)
    found = layout_of(inner)
    paths = _ordered_blocks(inner, found.blocks)
    groups: dict[str, list[str]] = {
        "embeddings": [],
        **{f"layer.{n}": [] for n in range(len(paths))},
        "head": [],
    }
    numbers = {path: n for n, path in enumerate(paths)}
    last = {numberless(path): n for path, n in numbers.items()}
    for name, _ in model.named_parameters():
        groups[_group(bare_name(name), found, numbers, last)].append(name)
    return {group: names for group, names in groups.items() if names}


def layer_parameters(model: Any, count: int = 0, flag: str = "") -> list[list[str]]:
    """Return the names of the parameters of each layer, from the bottom.

    Raises:
        ValueError: If there are fewer than ``count``, the value of the flag.
    """
    groups = layer_groups(model).items()
    found = [names for group, names in groups if group.startswith("layer.")]
    if count > len(found):
        raise ValueError(f"{flag} {count}: {model.config.model_type} has {len(found)} layers")
    return found


def layout_of(model: Any) -> Layout:
    """Return the layout of a network, from a run of its own where none was surveyed."""
    if getattr(model, "layout", None) is None:
        try:
            with neutral(), torch.enable_grad():
                # What some other outputs may reach is not known from here.
                model.layout = survey(copied(model), _own_outputs)._replace(unreached=[])
        except Exception:  # a network of one's own, which may take other inputs
            order = {name: number for number, (name, _) in enumerate(model.named_modules())}
            model.layout = _laid_out(model, order, [])
    return model.layout


def _own_outputs(model: Any) -> Tensor:
    words = model.get_input_embeddings()
    ids_BT = torch.arange(3, 9, device=model.device)[None] % words.num_embeddings
    inputs = {"input_ids": ids_BT, "attention_mask": torch.ones_like(ids_BT)}
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = ids_BT
    return model(**inputs, **without_cache(model))[0]


def _group(name: str, found: Layout, numbers: dict[str, int], last: dict[str, int]) -> str:
    parts = name.split(".")
    above = [".".join(parts[:size]) for size in range(len(parts) - 1, -1, -1)]
    for path in above:
        if path in numbers:
            return f"layer.{numbers[path]}"
        if (place := found.places.get(numberless(path))) is not None:
            return place if place in ("embeddings", "head") else f"layer.{last[place]}"
    return "embeddings" if "prompt_encoder" in parts else "head"


def _ordered_blocks(model: nn.Module, patterns: list[str]) -> list[str]:
    """Return the paths of all layers, from the bottom."""
    found: dict[str, list[str]] = {pattern: [] for pattern in patterns}
    for name, _ in model.named_modules():
        name = bare_name(name)
        if (pattern := numberless(name)) in found:
            found[pattern].append(name)
    by_number = lambda name: [int(part) for part in name.split(".") if part.isdigit()]  # noqa: E731
    return [name for names in found.values() for name in sorted(names, key=by_number)]


def bare_name(name: str) -> str:
    """Return a name inside a peft model as it was in the network alone."""
    return name.removeprefix("base_model.model.")


def runs(model: Any, name: str) -> bool:
    """Tell whether a module is called, and not only its weight read."""
    found: Layout | None = getattr(model, "layout", None)
    return found is None or numberless(name) in found.order


def turn(model: Any, name: str) -> int:
    """Return the place of a module in the order in which modules run; of others the last."""
    order = layout_of(model).order
    path = numberless(name)
    return order.index(path) if path in order else len(order)


def reached(model: Any, name: str) -> bool:
    """Tell whether a text's outputs depend on a parameter."""
    found: Layout | None = getattr(model, "layout", None)
    return found is None or numberless(name) not in found.unreached
