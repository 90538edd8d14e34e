"""P-tuning."""

from typing import Any, Literal

import peft
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from torch import nn

from modules.finetuning import prompts
from modules.finetuning.base import FineTuningModule
from modules.finetuning.targets import head_modules


class PTuning(FineTuningModule):
    """A small network makes the vectors that stand before the words of each text (Liu 2021).

    Vectors and network train, and what is exported is the vectors that come out of it. They all
    stand before the text, where Liu et al. spread them over a template. The task's head trains
    whole.

    Args:
        tokens: how many vectors; they take their room in the context.
        encoder: mlp has three layers; lstm has two in both directions, then an MLP of two.
        encoder_size: columns inside the network; those of the vectors if not given.
        learning_rate: the highest of the schedule.
        backbone_dropout: in place of the architecture's own: none, as few weights train.
    """

    def __init__(
        self,
        tokens: PositiveInt = 20,
        encoder: Literal["mlp", "lstm"] = "mlp",
        encoder_size: PositiveInt | None = None,
        learning_rate: PositiveFloat = 1e-2,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs,
    ) -> None:
        self._tokens, self._encoder, self._size = tokens, encoder, encoder_size
        super().__init__(learning_rate=learning_rate, backbone_dropout=backbone_dropout, **kwargs)

    def adapt(self, model: nn.Module) -> nn.Module:
        columns = model.get_input_embeddings().embedding_dim
        config = peft.PromptEncoderConfig(
            task_type=self.task.peft_type,
            num_virtual_tokens=self._tokens,
            token_dim=columns,
            encoder_reparameterization_type=self._encoder.upper(),
            encoder_hidden_size=self._size or columns,
            modules_to_save=head_modules(model),
        )
        return prompts.put_before(model, config, "--model.tokens")

    def check_data(self, data: Any) -> None:
        super().check_data(data)
        prompts.check_texts_fit(self, data)
