"""Checkpoints of fine-tuned modules, which hold the parameters that train and no others."""

from typing import Any, Protocol

from torch import Tensor, nn

from modules.user_classes import reference

# The second is what Lightning's WeightAveraging trains on, beside the averages in the first.
_STATES = ("state_dict", "current_model_state")


class TrainableModule(Protocol):
    """A module that names the parameters that train."""

    trainable: frozenset[str]

    def state_dict(self) -> dict[str, Tensor]:
        """Return all weights by name."""

    def get_parameter(self, target: str) -> nn.Parameter:
        """Return the parameter of this name."""


def keep_trained(checkpoint: dict[str, Any], module: TrainableModule) -> None:
    """Keep only the weights of ``module.trainable``, and note the class of the module."""
    for state in checkpoint.keys() & _STATES:
        weights = checkpoint[state].items()
        checkpoint[state] = {name: w for name, w in weights if name in module.trainable}
    checkpoint["module"] = reference(type(module))


def add_frozen(checkpoint: dict[str, Any], module: TrainableModule) -> None:
    """Add the module's own frozen weights to the checkpoint's.

    Raises:
        ValueError: If the checkpoint has other parameters than the module trains. Nothing is
            taken from it in part.
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
