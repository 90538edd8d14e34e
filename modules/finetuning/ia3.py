"""Rescaled activations."""

from typing import Any

from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat
from torch import nn
from transformers import PreTrainedModel

from modules.finetuning.base import FineTuningModule
from modules.finetuning.targets import (
    feedforward_outputs,
    head_modules,
    key_value_layers,
    linear_layers,
    transposed,
)
from modules.tuning import Tuned

_POOLING = "docs/results.md, mean pooling: validation accuracy 0.817, with native pooling 0.800"


class IA3(FineTuningModule):
    """Trains a factor for each column of keys, values and feed-forward activations (Liu 2022).

    The factors are 1 at first. The activations enter a block's last matrix. (peft's own table
    rescales the input of BERT's attention output too, which the paper does not.) The task's head
    trains whole.

    Args:
        targets: Names of linear layers whose outputs are rescaled, such as key,value; those of
            keys and values if not given.
        feedforward: Names of linear layers whose inputs are rescaled; the last matrix of each
            feed-forward block if not given, none at all for []. A layer in both counts here.
        learning_rate: Highest learning rate of the schedule.
        weight_decay: Decay of the factors: 0, as it would pull them from 1 to 0.
        backbone_dropout: Dropout rate in place of the architecture's own: 0, as few weights train.
    """

    tuned = (
        Tuned(
            "trainer.max_epochs", 3, "experiments/strategies.py: validation accuracy 0.817 ± 0.001"
        ),
        Tuned("model.task.pooling", "mean", _POOLING),
    )

    def __init__(
        self,
        targets: str | list[str] | None = None,
        feedforward: str | list[str] | None = None,
        learning_rate: PositiveFloat = 3e-2,
        weight_decay: NonNegativeFloat = 0.0,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs: Any,
    ) -> None:
        self._targets, self._feedforward = targets, feedforward
        kwargs |= {"weight_decay": weight_decay, "backbone_dropout": backbone_dropout}
        super().__init__(learning_rate=learning_rate, **kwargs)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        import peft

        outputs = self._named(model, "targets", self._targets, key_value_layers)
        inputs = self._named(model, "feedforward", self._feedforward, feedforward_outputs)
        config = peft.IA3Config(
            task_type=self.task.peft_type,
            target_modules=outputs + inputs,
            feedforward_modules=inputs,
            modules_to_save=head_modules(model),
            fan_in_fan_out=transposed(model, outputs + inputs),
        )
        return peft.get_peft_model(model, config)

    @staticmethod
    def _named(model: PreTrainedModel, flag: str, typed: str | list[str] | None, find) -> list[str]:
        if typed is not None:
            return linear_layers(model, typed, f"--model.{flag}")
        if found := find(model):
            return found
        known = sorted({name.rsplit(".", 1)[-1] for name in linear_layers(model, "all-linear")})
        raise ValueError(
            f"--model.{flag}: not found in {model.config.model_type} by structure; name its "
            f"layers, of which there are {', '.join(known)}"
        )
