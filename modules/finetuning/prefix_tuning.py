"""Prefix tuning."""

import inspect
from typing import Any

import torch
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from datamodules.packaged import load_tokenizer
from datamodules.unread import Unread, off
from modules.finetuning import soft_prompts
from modules.finetuning.base import FineTuningModule
from modules.finetuning.targets import head_modules
from modules.prompts.prefix_cache import cached_layers
from modules.protocols import TextData
from modules.tasks.network_inputs import trunk
from modules.tuning import Tuned

_POOLING = "docs/results.md, mean pooling: validation accuracy 0.816, with native pooling 0.810"


class PrefixTuning(FineTuningModule):
    """Trains keys and values before those of each text, in every layer (Li & Liang 2021).

    At first they are those of ordinary tokens drawn at random ("real words" there, section 7.4),
    or, with a projection, what a random network makes. The task's head trains whole.

    Args:
        tokens: Number of keys and values for each layer; they take their room in the context.
        projection: Whether a network of two layers makes them; it trains, and its output is
            exported.
        projection_size: Columns inside the network.
        learning_rate: Highest learning rate of the schedule.
        weight_decay: Decay of keys and values: 0, as it would pull them from those of words.
        backbone_dropout: Dropout rate in place of the architecture's own: 0, as few weights train.
    """

    tuned = (
        Tuned(
            "trainer.max_epochs", 3, "experiments/strategies.py: validation accuracy 0.809 ± 0.007"
        ),
        Tuned("model.task.pooling", "mean", _POOLING),
    )
    unread = (Unread(("projection_size",), "projection", off),)

    def __init__(
        self,
        tokens: PositiveInt = 20,
        projection: bool = False,
        projection_size: PositiveInt = 512,
        learning_rate: PositiveFloat = 1e-2,
        weight_decay: NonNegativeFloat = 0.0,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs: Any,
    ) -> None:
        self._tokens, self._projection, self._size = tokens, projection, projection_size
        kwargs |= {"weight_decay": weight_decay, "backbone_dropout": backbone_dropout}
        super().__init__(learning_rate=learning_rate, **kwargs)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        import peft

        kind = model.config.model_type
        if self.task.peft_type == "SEQ_2_SEQ_LM":
            raise ValueError(
                f"--model PrefixTuning: stands before one text, and {kind} writes with a decoder "
                f"behind its encoder; try PromptTuning or LoRA"
            )
        if "past_key_values" not in inspect.signature(trunk(model).forward).parameters:
            raise ValueError(f"--model PrefixTuning: {kind} takes no keys and values from outside")
        config = peft.PrefixTuningConfig(
            task_type=self.task.peft_type,
            num_virtual_tokens=self._tokens,
            prefix_projection=self._projection,
            encoder_hidden_size=self._size,
            modules_to_save=head_modules(model),
        )
        ids = soft_prompts.random_token_ids(load_tokenizer(self.hparams["backbone"]), self._tokens)
        prompted = soft_prompts.attach_soft_prompt(model, config, "--model.tokens")
        start = _of_words(model, ids)
        if start.shape[1] != 2 * (config.num_layers or 0) * (config.token_dim or 0):
            raise ValueError(f"--model PrefixTuning: peft does not know the shape of {kind}'s keys")
        if not self._projection:
            soft_prompts.embedding(prompted).data = start
        return prompted

    def check_data(self, data: TextData) -> None:
        super().check_data(data)
        soft_prompts.check_texts_fit(self, data)


@torch.no_grad()
def _of_words(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """Return keys and values of ``ids`` in the backbone: (tokens, layers * 2 * heads * columns)."""
    kind, cache = model.config.model_type, DynamicCache()
    try:
        trunk(model)(ids[None], past_key_values=cache, use_cache=True)
    except Exception as error:  # a cache of its own kind
        raise ValueError(
            f"--model PrefixTuning: {kind} takes no keys and values from outside"
        ) from error
    if any(getattr(layer, "keys", None) is None for layer in cache.layers) or not cache.layers:
        raise ValueError(f"--model PrefixTuning: not every layer of {kind} has keys and values")
    # Each layer's are (1, heads, tokens, columns).
    pairs = [(keys[0], values[0]) for keys, values in cached_layers(cache)]
    if len({part.shape for pair in pairs for part in pair}) > 1:
        raise ValueError(
            f"--model PrefixTuning: keys and values of {kind} differ in shape, and those of a "
            f"prefix are alike; try PromptTuning"
        )
    return torch.stack([part.transpose(0, 1) for pair in pairs for part in pair], 1).flatten(1)
