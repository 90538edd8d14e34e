"""Full fine-tuning."""

from jsonargparse.typing import PositiveFloat
from torch import nn

from modules.finetuning.base import FineTuningModule


class FullFineTuning(FineTuningModule):
    """Every weight trains (Devlin et al. 2019, section 3.2).

    Args:
        learning_rate: the highest of the schedule.
    """

    def __init__(self, learning_rate: PositiveFloat = 1e-4, **kwargs) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)

    def adapt(self, model: nn.Module) -> nn.Module:
        return model.requires_grad_(True)
