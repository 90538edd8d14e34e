"""Discriminative learning rates: one for each layer."""

import inspect
from typing import Any

from jsonargparse.typing import PositiveFloat
from lightning.pytorch import Callback, LightningModule, Trainer

from datamodules.argument_names import in_arguments


class DiscriminativeLearningRates(Callback):
    """Gives the head the module's learning rate, and each layer less than the one above it.

    Howard & Ruder (2018) divide by 2.6 (a decay of 0.385) for a recurrent network; for
    transformers 0.9 and the like are usual (Clark et al. 2020). Any schedule applies on top. Each
    group shows by its name, such as ``learning_rate/layer.3/decay``, where rates are logged.

    Args:
        layer_decay: Learning rate of a layer / learning rate of the layer above it.
    """

    def __init__(self, layer_decay: PositiveFloat = 0.9) -> None:
        self.layer_decay = layer_decay

    @in_arguments
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        lead, name = "--trainer.callbacks DiscriminativeLearningRates", type(pl_module).__name__
        if not inspect.ismethod(getattr(pl_module, "layers", None)):
            raise ValueError(f"{lead}: {name} does not tell its layers")
        if not hasattr(pl_module, "param_group_fn"):
            raise ValueError(f"{lead}: the optimizer of {name} does not read param_group_fn")
        pl_module.param_group_fn = lambda groups: self._split(groups, pl_module.layers())

    def _split(self, groups: list[dict[str, Any]], layers: dict[str, list]) -> list[dict[str, Any]]:
        """Split each of the optimizer's groups into one for each layer, from the head down."""
        split = []
        for depth, (layer, parameters) in enumerate(reversed(layers.items())):
            held = {id(parameter) for parameter in parameters}
            for group in groups:
                inside = [p for p in group["params"] if id(p) in held]
                name, rate = f"{layer}/{group['name']}", group["lr"] * self.layer_decay**depth
                if inside:
                    split.append({**group, "name": name, "params": inside, "lr": rate})
        return split
