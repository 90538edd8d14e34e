"""ALBERT's objective: masked tokens, and whether two segments are in their order."""

import torch
from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor, nn

from datamodules.batches import CorpusBatch
from modules.pretraining.base import PretrainingModule
from modules.pretraining.heads import PairHead
from modules.pretraining.masks import Masks, Unit
from modules.pretraining.pairs import corrupted, judged


class SentenceOrderPrediction(PretrainingModule):
    """Masked tokens, and whether two segments of a document are in their order (Lan et al. 2020).

    Half of the pairs are swapped. Needs ``--data.rows pairs``.

    Args:
        probability: of a token to be guessed.
        unit: token | word | span, as in ``MaskedLM``.
    """

    needs, main_loss = ("mask_token", "cls_token", "sep_token"), "mlm_loss"
    rows = "pairs"

    def __init__(
        self, probability: ClosedUnitInterval = 0.15, unit: Unit = "token", **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.masks = Masks(self.tokenizer, float(probability), unit)

    def build(self) -> nn.Module:
        model = super().build()
        self.pair = PairHead(model.config.hidden_size, model.config.initializer_range)
        return model

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> dict[str, Tensor]:
        return corrupted(self, batch, True, generator)

    def losses(self, example: dict[str, Tensor]) -> dict[str, Tensor]:
        return judged(self, example, "sop")
