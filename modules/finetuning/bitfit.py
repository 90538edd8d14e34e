"""Bias-only fine-tuning."""

from jsonargparse.typing import ClosedUnitInterval, PositiveFloat
from torch import nn

from modules.finetuning.base import FineTuningModule
from modules.finetuning.freezing import train_only


class BitFit(FineTuningModule):
    """The backbone's biases train, those of its norms too, and nothing else of it (Ben Zaken 2022).

    The task's head trains whole. Biases do not decay. A backbone without biases is refused: that
    norms' weights could stand in for them is not in the paper.

    Args:
        learning_rate: the highest of the schedule.
        backbone_dropout: in place of the architecture's own: none, as few weights train.
    """

    def __init__(
        self,
        learning_rate: PositiveFloat = 5e-3,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs,
    ) -> None:
        super().__init__(learning_rate=learning_rate, backbone_dropout=backbone_dropout, **kwargs)

    def adapt(self, model: nn.Module) -> nn.Module:
        if not any(_is_bias(name) for name, _ in model.base_model.named_parameters()):
            raise ValueError(
                f"--model BitFit: {model.config.model_type} has no biases to train; try LoRA"
            )
        return train_only(model, _is_bias)


def _is_bias(name: str) -> bool:
    return name.rpartition(".")[2] == "bias"
