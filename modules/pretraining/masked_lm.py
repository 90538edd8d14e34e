"""Masked language modeling."""

from typing import Any

import torch
from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor

from datamodules.batches import CorpusBatch
from modules.output_layer import lm_loss
from modules.pretraining import common_settings
from modules.pretraining.base import PretrainingModule
from modules.pretraining.examples import Example
from modules.pretraining.mask_sampler import MaskSampler, Unit
from modules.pretraining.rows import add_cls_and_sep

_STUDY = "experiments/pretrain_then_finetune.py, 2 M tokens: the best for a probe with 500 labels"


class MaskedLM(PretrainingModule):
    """Predicts masked tokens from both sides (BERT, Devlin et al. 2019), others in every step.

    Args:
        probability: The share of the tokens that is predicted. BERT's is 0.15; small networks
            learn faster from more (Wettig et al. 2023, arXiv:2202.08005).
        final_probability: The share at the last step, to which it changes linearly; validation
            masks by it. A share that falls, from 0.3 to 0.15, is of Charpentier & Samuel (2024,
            arXiv:2410.24159). None keeps ``probability``.
        unit: What is masked as one: token | word (all tokens of it) | span (SpanBERT's, up to ten
            tokens).
    """

    required_tokens, main_loss = ("mask_token", "cls_token", "sep_token"), "mlm_loss"
    tuned = common_settings.tuned_for_masks(_STUDY)

    def __init__(
        self,
        probability: ClosedUnitInterval = 0.15,
        unit: Unit = "token",
        final_probability: ClosedUnitInterval | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mask_sampler = MaskSampler(self.tokenizer, probability, unit, final_probability)

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> Example:
        ids_BT, mask_BT = add_cls_and_sep(batch, self.tokenizer)
        self.mask_sampler.advance(self)
        seen_BT, chosen_BT = self.mask_sampler(ids_BT, mask_BT, generator)
        return {
            "inputs": {"input_ids": seen_BT, "attention_mask": mask_BT.long()},
            "target_mask": chosen_BT,
            "targets": ids_BT[chosen_BT],
        }

    def losses(self, example: Example) -> dict[str, Tensor]:
        loss, accuracy, _ = lm_loss(
            self.model, example["inputs"], example["target_mask"], example["targets"]
        )
        return {"mlm_loss": loss, "accuracy": accuracy, **self.mask_sampler.logged()}
