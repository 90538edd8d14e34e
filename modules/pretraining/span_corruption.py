"""Span corruption."""

import warnings
from typing import Any

import torch
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from datamodules.batches import CorpusBatch
from datamodules.packaged import load_tokenizer
from modules.characters import Characters
from modules.masking import noise_spans
from modules.output_layer import lm_loss
from modules.pretraining.base import PretrainingModule
from modules.pretraining.examples import Example
from modules.pretraining.rows import left_align
from modules.tuning import Tuned

# T5 adds to its embeddings without a norm between: at higher rates its layers soon outweigh them.
_RATE = "1 M tokens of reviews, size tiny: validation loss 4.852 in place of 5.073 at 2e-3"
_FACTOR = "that run: the embeddings stay at 2e-3"


class SpanCorruption(PretrainingModule):
    """Replaces spans by sentinels and has a decoder write them (T5, Raffel et al. 2020).

    Args:
        noise_density: The share of the tokens that is in spans.
        mean_noise_span_length: The mean length of a span, in tokens.
    """

    default_family, auto_class = "t5", "AutoModelForSeq2SeqLM"
    required_tokens, main_loss, add_special_tokens = ("eos_token",), "span_loss", False
    tuned = (
        Tuned("model.learning_rate", 5e-4, _RATE, backbone="new"),
        Tuned("model.embedding_lr_multiplier", 4.0, _FACTOR, backbone="new"),
    )

    sentinels: Tensor

    def __init__(
        self,
        noise_density: ClosedUnitInterval = 0.15,
        mean_noise_span_length: PositiveFloat = 3.0,
        **kwargs: Any,
    ) -> None:
        self._density, self._mean_length = float(noise_density), float(mean_noise_span_length)
        super().__init__(**kwargs)

    def build(self) -> PreTrainedModel:
        """Build the network, with as many sentinels as the longest row can have spans."""
        if backbone := self.hparams["backbone"]:
            self.tokenizer = load_tokenizer(backbone)  # which may have sentinels already
        most = 1 + round(self.hparams["row_tokens"] * self._density / self._mean_length)
        names = [f"<extra_id_{number}>" for number in range(most)]
        self.tokenizer.add_tokens(names, special_tokens=True)
        ids = torch.tensor(self.tokenizer.convert_tokens_to_ids(names))
        self.register_buffer("sentinels", ids, persistent=False)
        self._pad = 0 if self.tokenizer.pad_token_id is None else self.tokenizer.pad_token_id
        self.characters = Characters(self.tokenizer)
        model: Any = super().build()
        rows = len(model.get_input_embeddings().weight)
        if rows < len(self.tokenizer):
            model.resize_token_embeddings(len(self.tokenizer), mean_resizing=False)
            table, new = model.get_input_embeddings().weight, len(self.tokenizer) - rows
            model.new_parameters += [n for n, p in model.named_parameters() if p is table]
            warnings.warn(
                f"{new} embeddings of sentinels are new: {backbone} has none", stacklevel=2
            )
        return model

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> Example:
        ids_BT, mask_BT = batch["input_ids"], batch["attention_mask"].bool()
        settings = ids_BT.shape[1], self._density, self._mean_length, generator
        (noise_BT,) = self.characters(ids_BT, noise_spans(mask_BT.sum(1), *settings))
        noise_BT = noise_BT & mask_BT
        begins_BT = noise_BT & ~functional.pad(noise_BT, (1, 0))[:, :-1]
        number_BT = (begins_BT.long().cumsum(1) - 1).clamp(0, len(self.sentinels) - 1)
        sentinel_BT, end = self.sentinels[number_BT], self.tokenizer.eos_token_id
        seen_BT = torch.where(begins_BT, sentinel_BT, ids_BT)
        inputs, inputs_mask = left_align(seen_BT, mask_BT & (~noise_BT | begins_BT), end, self._pad)
        both_B2T = torch.stack([sentinel_BT, ids_BT], 2).flatten(1)
        keep_B2T = torch.stack([begins_BT, noise_BT], 2).flatten(1)
        targets, targets_mask = left_align(both_B2T, keep_B2T, end, self._pad)
        # The decoder is told each token after it had to write it; it begins with the padding token.
        shifted = functional.pad(targets, (1, 0), value=self._pad)[:, :-1]
        named = {"input_ids": inputs, "attention_mask": inputs_mask.long()}
        return {
            "inputs": {**named, "decoder_input_ids": shifted, "use_cache": False},
            "target_mask": targets_mask,
            "targets": targets[targets_mask],
        }

    def losses(self, example: Example) -> dict[str, Tensor]:
        loss, accuracy, _ = lm_loss(
            self.model, example["inputs"], example["target_mask"], example["targets"]
        )
        return {"span_loss": loss, "accuracy": accuracy}
