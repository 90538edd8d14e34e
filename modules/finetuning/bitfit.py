"""Bias-only fine-tuning."""

from typing import Any

from jsonargparse.typing import ClosedUnitInterval, PositiveFloat
from torch import nn
from transformers import PreTrainedModel

from modules.finetuning.base import FineTuningModule
from modules.finetuning.freezing import train_only
from modules.tuning import Tuned

_POOLING = "docs/results.md, mean pooling: validation accuracy 0.809, with native pooling 0.801"


class BitFit(FineTuningModule):
    """Trains the backbone's biases, those of its norms too, and no other weights (Ben Zaken 2022).

    The task's head trains whole. Biases do not decay. A backbone without biases is refused: the
    paper does not say that norms' weights could replace them.

    Args:
        learning_rate: Highest learning rate of the schedule.
        backbone_dropout: Dropout rate in place of the architecture's own: 0, as few weights train.
    """

    tuned = (
        Tuned(
            "trainer.max_epochs", 3, "experiments/strategies.py: validation accuracy 0.808 ± 0.004"
        ),
        Tuned("model.task.pooling", "mean", _POOLING),
    )

    def __init__(
        self,
        learning_rate: PositiveFloat = 5e-3,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, backbone_dropout=backbone_dropout, **kwargs)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        if not any(_is_bias(name) for name, _ in model.base_model.named_parameters()):
            raise ValueError(
                f"--model BitFit: {model.config.model_type} has no biases to train; try LoRA"
            )
        return train_only(model, _is_bias)


def _is_bias(name: str) -> bool:
    return name.rpartition(".")[2] == "bias"
