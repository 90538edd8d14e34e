"""Full fine-tuning."""

from typing import Any

import torch
from jsonargparse.typing import NonNegativeInt, PositiveFloat
from torch import nn
from transformers import PreTrainedModel

from modules.finetuning.base import FineTuningModule
from modules.layout import layer_parameters
from modules.tuning import Tuned


class FullFineTuning(FineTuningModule):
    """Trains every weight (Devlin et al. 2019, section 3.2).

    Args:
        reinitialized_layers: Number of layers from the top whose pretrained weights give way to
            random ones: those may know little but what they were pre-trained for (Zhang et al.
            2021, arXiv:2006.05987).
        learning_rate: Highest learning rate of the schedule.
    """

    tuned = (
        Tuned(
            "trainer.max_epochs", 2, "experiments/strategies.py: validation accuracy 0.838 ± 0.009"
        ),
        Tuned(
            "model.learning_rate",
            2e-4,
            "experiments/ner_wnut.py: test F1 0.55",
            task="TokenClassification",
        ),
        Tuned(
            "model.learning_rate",
            3e-4,
            "experiments/squad.py: test F1 0.55 after one epoch",
            task="QuestionAnswering",
        ),
    )

    def __init__(
        self,
        learning_rate: PositiveFloat = 1e-4,
        reinitialized_layers: NonNegativeInt = 0,
        **kwargs: Any,
    ) -> None:
        self._reinitialized = reinitialized_layers
        super().__init__(learning_rate=learning_rate, **kwargs)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        if count := self._reinitialized:
            layers = layer_parameters(model, count, "--model.reinitialized_layers")
            for names in layers[-count:]:
                reinitialize(model, names)
        return model.requires_grad_(True)


def reinitialize(model: Any, names: list[str]) -> None:
    """Draw these parameters of a network anew, as its family does.

    Raises:
        ValueError: If the family draws none for one of them.
    """
    held = {name: model.get_parameter(name) for name in names}
    before = {name: value.detach().clone() for name, value in held.items() if value.ndim > 1}
    ids = {id(value) for value in held.values()}
    for value in held.values():
        value._is_hf_initialized = False  # what a file held is spared
    # Some families draw the matrices of a part, and others those of its layers.
    for part in reversed([*model.modules()]):
        if (parameters := [*part.parameters()]) and all(id(p) in ids for p in parameters):
            model._init_weights(part)
    for name, value in before.items():
        if torch.equal(value, held[name]):
            kind = model.config.model_type
            raise ValueError(f"--model.reinitialized_layers: {kind} draws no new {name}")
