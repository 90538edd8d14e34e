"""Gradual unfreezing: layers begin to train one after another, from the top."""

import inspect
import sys

from jsonargparse.typing import PositiveInt
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities import rank_zero_only
from torch import nn

from datamodules.argument_names import in_arguments


class LayerwiseUnfreezing(Callback):
    """Trains first the head, then one layer more at a time (Howard & Ruder 2018).

    The number of layers that train is a function of the epoch or the step alone, so that a resumed
    run unfreezes what the unbroken one had. The optimizer has all groups from the start: AdamW
    neither moves nor decays a parameter without a gradient and makes no state for it. That is the
    same as adding a group when it unfreezes, and a checkpoint of any step can be loaded. All groups
    follow the run's one schedule.

    Frozen layers run in eval mode (no dropout, batch norm's statistics still), and the backward
    pass ends at the lowest layer that trains.

    Args:
        every_epochs: Epochs until one more layer trains: 1 unless ``every_steps`` is given.
        every_steps: Optimizer steps until one more layer trains, instead of epochs.
        start: Layers that train from the first step; the head is one.
    """

    def __init__(
        self,
        every_epochs: PositiveInt | None = None,
        every_steps: PositiveInt | None = None,
        start: PositiveInt = 1,
    ) -> None:
        if every_epochs and every_steps:
            raise ValueError("--trainer.callbacks.every_epochs: not together with every_steps")
        self.every_epochs, self.every_steps = every_epochs, every_steps
        if not (every_epochs or every_steps):
            self.every_epochs = 1
        self.start = start

    @in_arguments
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        lead = "--trainer.callbacks LayerwiseUnfreezing"
        if not inspect.ismethod(getattr(pl_module, "layers", None)):
            raise ValueError(f"{lead}: {type(pl_module).__name__} does not tell its layers")
        strategy = trainer.strategy
        unused = getattr(strategy, "_ddp_kwargs", {}).get("find_unused_parameters")
        if stage == "fit" and isinstance(strategy, DDPStrategy) and not unused:
            raise ValueError(
                f"{lead}: frozen layers have no gradient to share between devices; use "
                f"--trainer.strategy ddp_find_unused_parameters_true"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        names = list(pl_module.layers())
        if self.every_steps:
            last = (trainer.estimated_stepping_batches - 1) // self.every_steps
        else:
            last = ((trainer.max_epochs or 1) - 1) // self.every_epochs
        if trainer.max_epochs != -1 and (left := names[: max(0, len(names) - self.start - last)]):
            self._say(f"note   LayerwiseUnfreezing: the run ends before {', '.join(left)} train")

    @staticmethod
    @rank_zero_only
    def _say(line: str) -> None:
        print(line, file=sys.stderr)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch, batch_idx: int
    ) -> None:
        # Here, and not before: devices wrap the module first, with all that will ever train.
        if self.every_steps:
            count = self.start + trainer.global_step // self.every_steps
        else:
            count = self.start + trainer.current_epoch // self.every_epochs
        layers = pl_module.layers()
        for depth, parameters in enumerate(reversed(layers.values())):
            for parameter in parameters:
                parameter.requires_grad_(depth < count)
        held = {id(p) for parameters in layers.values() for p in parameters}
        _set_modes(pl_module.model, held)
        pl_module.log("trained_layers", float(min(count, len(layers))))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for parameters in pl_module.layers().values():
            for parameter in parameters:
                parameter.requires_grad_(True)


def _set_modes(module: nn.Module, held: set[int]) -> None:
    """Set eval mode where all of a part's parameters in ``held`` are frozen, else train mode."""
    inside = [parameter for parameter in module.parameters() if id(parameter) in held]
    if inside and not any(parameter.requires_grad for parameter in inside):
        module.eval()
        return
    module.training = True
    for child in module.children():
        _set_modes(child, held)
