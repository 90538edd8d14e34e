"""Prompt tuning."""

from typing import Any, Literal

import torch
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from transformers import PreTrainedModel

from datamodules.packaged import load_tokenizer
from modules.finetuning import soft_prompts
from modules.finetuning.base import FineTuningModule
from modules.finetuning.targets import head_modules
from modules.protocols import TextData
from modules.tuning import Tuned

_POOLING = "docs/results.md, mean pooling: validation accuracy 0.804, with native pooling 0.775"


class PromptTuning(FineTuningModule):
    """Trains vectors before the words of each text, a soft prompt (Lester et al. 2021).

    They take ``tokens`` of the context. The task's head trains whole.

    Args:
        tokens: Number of vectors.
        initialization: vocabulary copies the vectors of ordinary tokens drawn at random, text those
            of a text, random draws numbers of the vocabulary's own standard deviation.
        text: Text for that initialization; repeated or truncated to the number of tokens.
        learning_rate: Highest learning rate of the schedule.
        weight_decay: Decay of the vectors: 0, as it would pull them from those of words.
        backbone_dropout: Dropout rate in place of the architecture's own: 0, as few weights train.
    """

    tuned = (
        Tuned(
            "trainer.max_epochs", 4, "experiments/strategies.py: validation accuracy 0.801 ± 0.007"
        ),
        Tuned("model.task.pooling", "mean", _POOLING),
        Tuned(
            "model.learning_rate",
            1e-2,
            "experiments/prompting_sst2.py, a soft prompt of SmolLM2: validation accuracy 0.838",
            backbone="decoder",
            task="PromptedClassification",
        ),
    )

    def __init__(
        self,
        tokens: PositiveInt = 20,
        initialization: Literal["vocabulary", "text", "random"] = "vocabulary",
        text: str | None = None,
        learning_rate: PositiveFloat = 1e-1,
        weight_decay: NonNegativeFloat = 0.0,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs: Any,
    ) -> None:
        if (initialization == "text") != bool(text):
            raise ValueError("--model.text: goes with --model.initialization text and no other")
        self._tokens, self._initialization, self._text = tokens, initialization, text
        kwargs |= {"weight_decay": weight_decay, "backbone_dropout": backbone_dropout}
        super().__init__(learning_rate=learning_rate, **kwargs)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        import peft

        vectors = soft_prompts.word_vectors(model, "PromptTuning")
        config = peft.PromptTuningConfig(
            task_type=self.task.peft_type,
            num_virtual_tokens=self._tokens,
            token_dim=vectors.embedding_dim,  # not always the hidden size: ALBERT, ELECTRA
            prompt_tuning_init="RANDOM",  # peft's own ways leave a path in what is exported
            modules_to_save=head_modules(model),
        )
        start = self._start(vectors, load_tokenizer(self.hparams["backbone"]))
        prompted = soft_prompts.attach_soft_prompt(model, config, "--model.tokens")
        soft_prompts.embedding(prompted).data = start
        return prompted

    @torch.no_grad()
    def _start(self, vectors: nn.Embedding, tokenizer: Any) -> Tensor:
        """Return the prompt at first, (tokens, columns)."""
        if self._initialization == "random":
            # Lester et al. draw from [-0.5, 0.5], for T5's much longer vectors.
            return torch.randn(self._tokens, vectors.embedding_dim) * vectors.weight.std()
        if self._initialization == "text":
            ids = tokenizer(self._text, add_special_tokens=False)["input_ids"]
            if not ids:
                raise ValueError(f"--model.text {self._text!r}: no tokens")
            return vectors(torch.tensor((ids * self._tokens)[: self._tokens]))
        return vectors(soft_prompts.random_token_ids(tokenizer, self._tokens))

    def check_data(self, data: TextData) -> None:
        super().check_data(data)
        soft_prompts.check_texts_fit(self, data)
