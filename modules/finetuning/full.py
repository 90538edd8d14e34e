"""Full fine-tuning."""

from typing import Any

from jsonargparse.typing import PositiveFloat
from torch import nn
from transformers import PreTrainedModel

from modules.finetuning.base import FineTuningModule
from modules.tuning import Tuned


class FullFineTuning(FineTuningModule):
    """Trains every weight (Devlin et al. 2019, section 3.2).

    Args:
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

    def __init__(self, learning_rate: PositiveFloat = 1e-4, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        return model.requires_grad_(True)
