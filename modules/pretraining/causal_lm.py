"""Next-token prediction."""

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from datamodules.batches import CorpusBatch
from modules import causal_checks
from modules.output_layer import lm_loss
from modules.pretraining.base import PretrainingModule
from modules.pretraining.examples import Example
from modules.pretraining.network_checks import network_flag
from modules.tuning import Tuned

_STUDY = "experiments/pretrain_then_finetune.py, 2 M tokens: MaskedLM's; +3.3 points at 500 labels"

_CONTINUED = (
    "SmolLM2 on IMDb: perplexity 65 falls to 54.5 in 20 steps; with 2e-3 it is 141 after 40"
)


def next_token_targets(
    ids_BT: Tensor, mask_BT: Tensor, documents_BT: Tensor, document_masking: bool
) -> tuple[Tensor, Tensor]:
    """Shift rows of tokens by one.

    Args:
        ids_BT: int64.
        mask_BT: bool, false for padding.
        documents_BT: int64, the document of each token.
        document_masking: Do not predict a document's first token from another document.

    Returns:
        The next token of each, (B, T) int64, and where there is one to predict, (B, T) bool.
    """
    there = mask_BT.roll(-1, 1) & mask_BT
    there[:, -1] = False
    if document_masking:
        there &= documents_BT.roll(-1, 1) == documents_BT
    return ids_BT.roll(-1, 1), there


def positions_in_documents(documents_BT: Tensor) -> Tensor:
    """Count 0, 1, 2 … from the start of each document in a row: (B, T) int64."""
    place_T = torch.arange(documents_BT.shape[1], device=documents_BT.device)
    begins = torch.ones_like(documents_BT, dtype=torch.bool)
    begins[:, 1:] = documents_BT[:, 1:] != documents_BT[:, :-1]
    return place_T - torch.where(begins, place_T, 0).cummax(1).values


class CausalLM(PretrainingModule):
    """Predicts each token from those before it (GPT, Radford et al. 2018).

    Args:
        document_masking: Keep documents that share a row apart: attention and positions begin
            anew with each.
    """

    default_family, auto_class = "modernbert-decoder", "AutoModelForCausalLM"
    add_special_tokens, main_loss = False, "causal_loss"
    tuned = (
        Tuned("model.learning_rate", 3e-3, _STUDY, backbone="new"),
        Tuned("model.learning_rate", 2e-5, _CONTINUED, backbone="pretrained"),
    )

    def __init__(self, document_masking: bool = False, **kwargs: Any) -> None:
        self._document_masking = document_masking
        super().__init__(**kwargs)

    def build(self) -> PreTrainedModel:
        model = super().build()
        if causal_checks.sees_later_tokens(model):
            raise ValueError(
                f"{network_flag(self.hparams, model.config)}: its attention sees the later tokens, "
                f"which CausalLM predicts; there are modernbert-decoder, gpt2, llama"
            )
        if self._document_masking:
            causal_checks.keeps_texts_apart(model)  # and says where it does not
        return model

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> Example:
        ids_BT, mask_BT = batch["input_ids"], batch["attention_mask"].bool()
        documents_BT = batch.get("document_ids", mask_BT.long() - 1)  # one document a row
        targets_BT, there_BT = next_token_targets(
            ids_BT, mask_BT, documents_BT, self._document_masking
        )
        # No mask: padding comes after all that counts. Without a mask and a cache, positions that
        # begin anew make transformers keep documents apart; see ``causal_checks.isolated``.
        inputs: dict[str, Any] = {"input_ids": ids_BT, "use_cache": False}
        if self._document_masking:
            inputs["position_ids"] = positions_in_documents(documents_BT)
        return {"inputs": inputs, "target_mask": there_BT, "targets": targets_BT[there_BT]}

    def losses(self, example: Example) -> dict[str, Tensor]:
        inputs, there_BT = causal_checks.isolated(
            self.model, example["inputs"], example["target_mask"]
        )
        loss, accuracy, _ = lm_loss(self.model, inputs, there_BT, example["targets"])
        return {"causal_loss": loss, "accuracy": accuracy}
