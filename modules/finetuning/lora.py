"""Low-rank adaptation."""

import peft
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from torch import nn

from modules.finetuning.base import FineTuningModule
from modules.finetuning.targets import head_modules, linear_layers


class LoRA(FineTuningModule):
    """Frozen matrices plus trained low-rank updates, W + (alpha / rank) B A (Hu et al. 2021).

    The task's head trains whole beside them.

    Args:
        rank: columns of B and rows of A.
        alpha: the update is scaled by alpha / rank.
        dropout: of the input of A.
        targets: all-linear | attention, or names of linear layers, such as query,value.
        learning_rate: the highest of the schedule.
        backbone_dropout: in place of the architecture's own: none, as few weights train.
    """

    def __init__(
        self,
        rank: PositiveInt = 8,
        alpha: PositiveFloat = 16.0,
        dropout: ClosedUnitInterval = 0.0,
        targets: str | list[str] = "all-linear",
        learning_rate: PositiveFloat = 1e-3,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs,
    ) -> None:
        # Set before the base builds the model and calls adapt; not through nn.Module's own
        # attributes, which do not exist yet.
        self._lora = {"r": rank, "lora_alpha": alpha, "lora_dropout": dropout}
        self._targets = targets
        super().__init__(learning_rate=learning_rate, backbone_dropout=backbone_dropout, **kwargs)

    def adapt(self, model: nn.Module) -> nn.Module:
        config = peft.LoraConfig(
            task_type=self.task.peft_type,
            target_modules=linear_layers(model, self._targets),
            modules_to_save=head_modules(model),
            **self._lora,
        )
        return peft.get_peft_model(model, config)
