"""Gradient checkpointing: less memory for activations, which the backward pass computes again."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from datamodules.argument_names import in_arguments
from modules.compiling import check_trains_network, has_prefix, networks_of


class GradientCheckpointing(Callback):
    """Keeps only the inputs of each layer, and computes the rest again (Chen et al. 2016).

    The training is the same, dropout included; a step takes about a third longer.

    Args:
        enabled: Whether it does so; a run has the callback in any case.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled

    @in_arguments
    def check(self, module: Any) -> None:
        """Refuse a module whose layers cannot be computed again.

        Raises:
            ValueError: If there is one.
        """
        if not self.enabled:
            return
        lead = f"--gradient_checkpointing true: {type(module).__name__}"
        check_trains_network(module, lead, networks := networks_of(module))
        for network in networks:
            if not network.supports_gradient_checkpointing:
                kind = network.config.model_type
                raise ValueError(f"{lead}: transformers does not have it for {kind}; leave it out")
        # The layers would drop the keys and values before the text without an error.
        if has_prefix(module):
            raise ValueError(
                f"{lead}: a prefix of keys and values cannot be computed again; leave it out, or "
                f"take --model PromptTuning"
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.check(pl_module)
        if self.enabled:
            for network in networks_of(pl_module):
                network.activation_checkpointing_enable({"use_reentrant": False})

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._leave(pl_module)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self._leave(pl_module)

    def _leave(self, module: Any) -> None:
        for network in networks_of(module) if self.enabled else []:
            if network.is_activation_checkpointing:
                network.activation_checkpointing_disable()
