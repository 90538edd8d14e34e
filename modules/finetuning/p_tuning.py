"""P-tuning."""

from typing import Any, Literal

import torch
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from torch import nn
from transformers import PreTrainedModel

from modules.finetuning import soft_prompts
from modules.finetuning.base import FineTuningModule
from modules.finetuning.targets import head_modules
from modules.protocols import TextData
from modules.tuning import Tuned

_POOLING = "docs/results.md, mean pooling: validation accuracy 0.774, with native pooling 0.696"


class PTuning(FineTuningModule):
    """Trains a soft prompt before each text through a small network (Liu et al. 2021).

    Vectors and network train; the vectors that the network makes are exported. They all stand
    before the text, where Liu et al. spread them over a template. The task's head trains whole.

    Args:
        tokens: Number of vectors; they take their room in the context.
        encoder: The network: mlp has three layers; lstm has two in both directions, then an MLP of
            two.
        encoder_size: Columns inside the network; those of the vectors if not given.
        learning_rate: Highest learning rate of the schedule.
        backbone_dropout: Dropout rate in place of the architecture's own: 0, as few weights train.
    """

    tuned = (
        Tuned(
            "trainer.max_epochs", 3, "experiments/strategies.py: validation accuracy 0.775 ± 0.013"
        ),
        Tuned("model.task.pooling", "mean", _POOLING),
    )

    def __init__(
        self,
        tokens: PositiveInt = 20,
        encoder: Literal["mlp", "lstm"] = "mlp",
        encoder_size: PositiveInt | None = None,
        learning_rate: PositiveFloat = 1e-2,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs: Any,
    ) -> None:
        self._tokens, self._encoder, self._size = tokens, encoder, encoder_size
        super().__init__(learning_rate=learning_rate, backbone_dropout=backbone_dropout, **kwargs)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        import peft

        columns = soft_prompts.word_vectors(model, "PTuning").embedding_dim
        config = peft.PromptEncoderConfig(
            task_type=self.task.peft_type,
            num_virtual_tokens=self._tokens,
            token_dim=columns,
            encoder_reparameterization_type=self._encoder.upper(),
            encoder_hidden_size=self._size or columns,
            modules_to_save=head_modules(model),
        )
        prompted = soft_prompts.attach_soft_prompt(model, config, "--model.tokens")
        if self._encoder == "lstm":
            prompted.get_submodule("prompt_encoder.default.lstm_head").__class__ = _UncastLSTM
        return prompted

    def check_data(self, data: TextData) -> None:
        super().check_data(data)
        soft_prompts.check_texts_fit(self, data)


class _UncastLSTM(nn.LSTM):
    """An LSTM that computes in the precision of its weights, also under autocast.

    Autocast asks for bf16, and a processor without AVX-512 has no such kernel for it.
    """

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        with torch.autocast(self.all_weights[0][0].device.type, enabled=False):
            return super().forward(*args, **kwargs)
