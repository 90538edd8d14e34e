"""Masked language modeling."""

import torch
from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor

from datamodules.batches import CorpusBatch
from modules.pretraining.base import PretrainingModule
from modules.pretraining.heads import guess
from modules.pretraining.masks import Masks, Unit
from modules.pretraining.rows import framed


class MaskedLM(PretrainingModule):
    """Guesses hidden tokens from both sides (Devlin et al. 2019), others in every step.

    Args:
        probability: of a token to be guessed. BERT's is 0.15; small networks learn faster from
            more (Wettig et al. 2023, arXiv:2202.08005).
        unit: token | word (all tokens of it) | span (SpanBERT's, up to ten tokens).
    """

    needs, main_loss = ("mask_token", "cls_token", "sep_token"), "mlm_loss"

    def __init__(
        self, probability: ClosedUnitInterval = 0.15, unit: Unit = "token", **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.masks = Masks(self.tokenizer, float(probability), unit)

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> dict[str, Tensor]:
        ids_BT, mask_BT = framed(batch, self.tokenizer)
        seen_BT, chosen_BT = self.masks(ids_BT, mask_BT, generator)
        return {
            "inputs": {"input_ids": seen_BT, "attention_mask": mask_BT.long()},
            "places": chosen_BT,
            "targets": ids_BT[chosen_BT],
        }

    def losses(self, example: dict[str, Tensor]) -> dict[str, Tensor]:
        loss, accuracy, _ = guess(self.model, **example)
        return {"mlm_loss": loss, "accuracy": accuracy}
