"""A network as it was before the training, without a second one in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

# Of LoRA: the backbone's own weights stay, so that it is itself again without the adapter.
_KEEPS_BACKBONE = (True, False, "gaussian", "eva", "orthogonal")


def keep_first_values(model: Any) -> None:
    """Keep the first values of what trains, where switching an adapter off does not give them.

    An adapter of peft is switched off, and nothing is kept, but for those that change the
    backbone's weights from the start, such as PiSSA. Of all else that trains, such as biases, or
    all weights, a copy is kept, of 4 bytes a parameter. No checkpoint holds it: a strategy makes
    these values again from the backbone.

    Args:
        model: A model as its strategy has adapted it.
    """
    import peft

    if isinstance(model, peft.PeftModel):
        made = getattr(model.active_peft_config, "init_lora_weights", True)
        if made in _KEEPS_BACKBONE:
            return
    trained = ((name, p) for name, p in model.named_parameters() if p.requires_grad)
    model.first_values = {name: p.detach().clone() for name, p in trained}


@contextmanager
def before_training(model: Any) -> Iterator[None]:
    """Run a model as it was before the training, in eval mode and without gradients.

    Args:
        model: A model of which :func:`keep_first_values` has kept what it needs.
    """
    import peft

    modes = [(module, module.training) for module in model.modules()]
    # To switch an adapter on again, peft has all of it train: a callback may have frozen some.
    trains = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    model.eval()
    try:
        with torch.no_grad():
            if first := getattr(model, "first_values", None):
                with _swapped(model, first):
                    yield
            elif isinstance(model, peft.PeftModel):
                with model.disable_adapter():
                    yield
            else:
                yield
    finally:
        for parameter, trained in trains:
            parameter.requires_grad = trained
        for module, mode in modes:
            module.training = mode


@contextmanager
def _swapped(model: Any, values: dict[str, torch.Tensor]) -> Iterator[None]:
    parameters = dict(model.named_parameters())
    now = {name: parameters[name].data for name in values}
    for name, value in now.items():
        values[name] = values[name].to(value.device)  # once, when the model has moved
        parameters[name].data = values[name]
    try:
        yield
    finally:
        for name, value in now.items():
            parameters[name].data = value
