"""Which layers of a transformer a strategy acts on, found by structure rather than by model."""

from torch import nn


def head_modules(model: nn.Module) -> list[str]:
    """The parts that the task adds or that pool for it: trained whole by every strategy."""
    prefix = model.base_model_prefix
    heads = [
        name
        for name, child in model.named_children()
        if name != prefix and any(True for _ in child.parameters())
    ]
    if getattr(model.base_model, "pooler", None) is not None:
        heads.append("pooler")
    return heads


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
