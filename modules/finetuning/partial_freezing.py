"""Full fine-tuning of the upper layers."""

from typing import Any

from jsonargparse.typing import NonNegativeInt, PositiveFloat
from torch import nn
from transformers import PreTrainedModel

from modules.finetuning.base import FineTuningModule
from modules.layout import layer_groups, layer_parameters
from modules.tuning import Tuned


class PartialFreezing(FineTuningModule):
    """Freezes embeddings and the lowest layers, and trains the rest (Lee et al. 2019).

    No gradient goes below the lowest layer that trains, which saves time and memory. The frozen
    layers' dropout stays as configured: they are what they are in full fine-tuning, so that a
    comparison differs in nothing else. ``--model.backbone_dropout 0`` turns all of it off.

    Args:
        frozen_layers: Number of layers from the bottom; 0 freezes the embeddings only. Half of the
            layers if not given.
        learning_rate: Highest learning rate of the schedule.
    """

    tuned = (
        Tuned(
            "trainer.max_epochs", 2, "experiments/strategies.py: validation accuracy 0.816 ± 0.004"
        ),
    )

    def __init__(
        self,
        frozen_layers: NonNegativeInt | None = None,
        learning_rate: PositiveFloat = 1e-4,
        **kwargs: Any,
    ) -> None:
        self._frozen_layers = frozen_layers
        super().__init__(learning_rate=learning_rate, **kwargs)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        frozen = self._frozen_layers
        layers = layer_parameters(model, frozen or 0, "--model.frozen_layers")
        frozen = len(layers) // 2 if frozen is None else frozen
        model.requires_grad_(True)
        for names in [layer_groups(model).get("embeddings", []), *layers[:frozen]]:
            for name in names:
                model.get_parameter(name).requires_grad_(False)
        return model
