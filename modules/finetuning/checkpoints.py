"""What a checkpoint of a fine-tuned module holds: the parameters that train, and no others."""

from typing import Any

from lightning.pytorch import LightningModule

# The second is what Lightning's WeightAveraging trains on, beside the averages in the first.
_STATES = ("state_dict", "current_model_state")


def reduce(checkpoint: dict[str, Any], module: LightningModule) -> None:
    """Leave ``module.trainable`` in it, and note whose they are."""
    for state in checkpoint.keys() & _STATES:
        weights = checkpoint[state].items()
        checkpoint[state] = {name: w for name, w in weights if name in module.trainable}
    checkpoint["module"] = type(module).__name__


def complete(checkpoint: dict[str, Any], module: LightningModule) -> None:
    """Put the module's own frozen weights beside them.

    Raises:
        ValueError: of other parameters than the module trains. Nothing is taken from it in part.
    """
    made = checkpoint.get("module", "another program")
    held = {name: tuple(value.shape) for name, value in checkpoint["state_dict"].items()}
    wanted = {name: tuple(module.get_parameter(name).shape) for name in module.trainable}
    if held != wanted:
        names = held.keys() | wanted.keys()
        other = sorted(name for name in names if held.get(name) != wanted.get(name))
        raise ValueError(
            f"the checkpoint is of {made} with {len(held)} tensors and does not fit this "
            f"{type(module).__name__} with {len(wanted)}: {other[0]} is "
            f"{held.get(other[0], 'missing')} there and {wanted.get(other[0], 'absent')} here"
        )
    frozen = module.state_dict()
    for state in checkpoint.keys() & _STATES:
        checkpoint[state] = frozen | checkpoint[state]
