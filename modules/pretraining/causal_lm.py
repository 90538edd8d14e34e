"""Next-token prediction."""

from typing import Any

import torch
from torch import Tensor

from datamodules.batches import CorpusBatch
from modules.pretraining.base import PretrainingModule
from modules.pretraining.heads import guess


def next_tokens(
    ids_BT: Tensor, mask_BT: Tensor, documents_BT: Tensor, isolate: bool
) -> tuple[Tensor, Tensor]:
    """What each place predicts, and where there is something to predict, (B, T) int64 and bool.

    With ``isolate`` a document's first token is not predicted from another document.
    """
    there = mask_BT.roll(-1, 1) & mask_BT
    there[:, -1] = False
    if isolate:
        there &= documents_BT.roll(-1, 1) == documents_BT
    return ids_BT.roll(-1, 1), there


def positions_in_documents(documents_BT: Tensor) -> Tensor:
    """0, 1, 2 … from the start of each document in a row, (B, T) int64."""
    place_T = torch.arange(documents_BT.shape[1], device=documents_BT.device)
    begins = torch.ones_like(documents_BT, dtype=torch.bool)
    begins[:, 1:] = documents_BT[:, 1:] != documents_BT[:, :-1]
    return place_T - torch.where(begins, place_T, 0).cummax(1).values


class CausalLM(PretrainingModule):
    """Predicts each token from those before it (Radford et al. 2018).

    Args:
        isolate: documents that share a row do not see each other: attention and positions begin
            anew with each.
    """

    family_of_objective, auto_class = "modernbert-decoder", "AutoModelForCausalLM"
    framed, main_loss = False, "causal_loss"

    def __init__(self, isolate: bool = False, **kwargs) -> None:
        self._isolate = isolate
        super().__init__(**kwargs)

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> dict[str, Any]:
        ids_BT, mask_BT = batch["input_ids"], batch["attention_mask"].bool()
        targets_BT, there_BT = next_tokens(ids_BT, mask_BT, batch["document_ids"], self._isolate)
        # No mask: padding comes after all that counts. Without a mask and a cache, positions that
        # begin anew make transformers keep documents apart in every kind of attention.
        inputs = {"input_ids": ids_BT, "use_cache": False}
        if self._isolate:
            inputs["position_ids"] = positions_in_documents(batch["document_ids"])
        return {"inputs": inputs, "places": there_BT, "targets": targets_BT[there_BT]}

    def losses(self, example: dict[str, Tensor]) -> dict[str, Tensor]:
        loss, accuracy, _ = guess(self.model, **example)
        return {"causal_loss": loss, "accuracy": accuracy}
