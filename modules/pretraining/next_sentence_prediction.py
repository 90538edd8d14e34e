"""BERT's objective: masked tokens, and whether one segment follows the other."""

from typing import Any

import torch
from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor
from transformers import PreTrainedModel

from datamodules.batches import CorpusBatch
from modules.pretraining.base import PretrainingModule
from modules.pretraining.mask_sampler import MaskSampler, Unit
from modules.pretraining.pairs import PairHead, corrupt_pairs, pair_losses


class NextSentencePrediction(PretrainingModule):
    """Predicts masked tokens, and whether one segment follows the other (Devlin et al. 2019).

    Half of the second segments are of another document of the batch. Rows are those of
    ``--data.rows pairs``.

    Args:
        probability: The share of the tokens that is predicted.
        unit: What is masked as one: token | word | span, as in ``MaskedLM``.
    """

    required_tokens, main_loss = ("mask_token", "cls_token", "sep_token"), "mlm_loss"
    row_kind = "pairs"
    batch_keys = ("input_ids", "attention_mask", "boundary", "document_ids")

    def __init__(
        self, probability: ClosedUnitInterval = 0.15, unit: Unit = "token", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.mask_sampler = MaskSampler(self.tokenizer, float(probability), unit)

    def build(self) -> PreTrainedModel:
        model = super().build()
        self.pair_head = PairHead(model.config.hidden_size, model.config.initializer_range)
        return model

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> dict[str, Any]:
        return corrupt_pairs(self, batch, generator, swap=False)

    def losses(self, example: dict[str, Any]) -> dict[str, Tensor]:
        return pair_losses(self, example, "nsp")
