"""ALBERT's objective: masked tokens, and whether two segments are in their order."""

import torch
from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor, nn

from datamodules.batches import CorpusBatch
from modules.pretraining.base import PretrainingModule
from modules.pretraining.heads import PairHead, guess, pair_loss
from modules.pretraining.masks import Masks, Unit
from modules.pretraining.pairs import arranged


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
        inputs, labels_B = arranged(batch, self.tokenizer, True, generator)
        ids_BT, mask_BT = inputs["input_ids"], inputs["attention_mask"].bool()
        seen_BT, chosen_BT = self.masks(ids_BT, mask_BT, generator)
        inputs = self.accepted({**inputs, "input_ids": seen_BT})
        masked = {"inputs": inputs, "places": chosen_BT, "targets": ids_BT[chosen_BT]}
        return {"masked": masked, "labels": labels_B}

    def losses(self, example: dict[str, Tensor]) -> dict[str, Tensor]:
        loss, accuracy, hidden_BTH = guess(self.model, **example["masked"])
        pair, right = pair_loss(self.pair(hidden_BTH), example["labels"])
        return {"mlm_loss": loss, "accuracy": accuracy, "sop_loss": pair, "sop_accuracy": right}
