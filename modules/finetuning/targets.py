"""Which layers of a transformer a strategy acts on, found by structure rather than by model."""

from torch import nn


def head_modules(model: nn.Module) -> list[str]:
    """The parts that are new with the task: trained whole by every strategy.

    They are the top-level heads, and a pooler if the backbone's files hold none: what is random
    at first has to be in the checkpoint. A pretrained pooler is a layer like any other.
    """
    prefix = model.base_model_prefix
    heads = [
        name
        for name, child in model.named_children()
        if name != prefix and any(True for _ in child.parameters())
    ]
    if any(".pooler." in name for name in getattr(model, "new_parameters", [])):
        heads.append("pooler")
    return heads


def layer_groups(model: nn.Module) -> dict[str, list[str]]:
    """Names of parameters by depth: embeddings, layer.0, layer.1 …, head, from bottom to top.

    The blocks are the longest ``ModuleList`` that is in no other (as experts are); what is
    registered before them is embeddings, what comes after is head. Soft prompts enter below the
    first block, and so count as embeddings.
    """
    lists = [(name, m) for name, m in model.named_modules() if isinstance(m, nn.ModuleList)]
    if not lists:
        return {"head": [name for name, _ in model.named_parameters()]}
    outer = [entry for entry in lists if not any(entry[0].startswith(f"{n}.") for n, _ in lists)]
    path, blocks = max(outer, key=lambda entry: len(entry[1]))
    groups = {"embeddings": [], **{f"layer.{n}": [] for n in range(len(blocks))}, "head": []}
    place = "embeddings"
    for name, _ in model.named_parameters():
        if name.startswith(f"{path}."):
            number = name.removeprefix(f"{path}.").split(".")[0]
            groups[f"layer.{number}"].append(name)
            place = "head"
        else:
            groups["embeddings" if "prompt_encoder" in name else place].append(name)
    return {group: names for group, names in groups.items() if names}


def linear_layers(model: nn.Module, targets: str | list[str]) -> list[str]:
    """Full names of the backbone's linear layers that ``targets`` means.

    Args:
        targets: all-linear, attention (those inside an attention block), or last parts of names.
    """
    heads = set(head_modules(model))
    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and not heads & set(name.split("."))
    ]
    if targets in ("all-linear", "attention"):
        parts = ("attention", "attn") if targets == "attention" else ("",)
        if found := [name for name in names if any(part in name.lower() for part in parts)]:
            return found
        kind = getattr(getattr(model, "config", None), "model_type", type(model).__name__)
        raise ValueError(f"--model.targets {targets}: {kind} has no such linear layer")
    wanted = [targets] if isinstance(targets, str) else targets
    wanted = [part for entry in wanted for part in entry.split(",")]
    for part in wanted:
        if not any(f".{name}".endswith(f".{part}") for name in names):
            known = sorted({name.rsplit(".", 1)[-1] for name in names})
            raise ValueError(
                f"--model.targets {part}: no linear layer of that name; there are "
                f"{', '.join(known)}, and the words all-linear and attention"
            )
    return [n for n in names if any(f".{n}".endswith(f".{part}") for part in wanted)]
