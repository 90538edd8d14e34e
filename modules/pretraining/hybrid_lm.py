"""Causal and masked language modeling in one network."""

from typing import Any

import torch
from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from datamodules.batches import CorpusBatch
from modules.output_layer import run_at
from modules.pretraining import common_settings
from modules.pretraining.attention_masks import attention_mask, check_attention
from modules.pretraining.base import PretrainingModule
from modules.pretraining.examples import Example
from modules.pretraining.mask_sampler import MaskSampler, Unit
from modules.pretraining.rows import add_cls_and_sep


def draw_rows(count: int, share: float, generator: torch.Generator) -> Tensor:
    """Draw a share of the rows, rounded up or down at random so that it holds on average.

    Two rows or more of a share of one half are never all of one kind, whose loss would be missing.

    Returns:
        (count,) bool, on the generator's device.
    """
    draws = torch.rand(count + 1, generator=generator, device=generator.device)
    chosen = (count * share + draws[-1]).floor()
    return draws[:-1].argsort().argsort() < chosen


class HybridExample(Example):
    """An example of rows that are read in two ways."""

    causal: Tensor  # (N,) bool, the targets of the rows that are read from left to right


class HybridLM(PretrainingModule):
    """Predicts the next token in some rows and masked tokens in the others (GPT-BERT).

    Charpentier & Samuel 2024, arXiv:2410.24159: a masked token is predicted one place before it,
    as the next token is, so that both are one task for the output layer; rows differ in what
    attention may see. The network is an encoder, and is fine-tuned as one.

    Args:
        causal_share: The share of the rows of a batch that are read from left to right, and the
            weight of their loss; the masked rows have the rest of both.
        probability: The share of the tokens of the other rows that is predicted.
        final_probability: The share at the last step, to which it changes linearly; validation
            masks by it. A share that falls, from 0.3 to 0.15, is of Charpentier & Samuel (2024,
            arXiv:2410.24159). None keeps ``probability``.
        unit: What is masked as one: token | word | span, as in ``MaskedLM``.
    """

    required_tokens, main_loss = ("mask_token", "cls_token", "sep_token"), "mlm_loss"
    tuned = common_settings.tuned_for_masks()

    def __init__(
        self,
        causal_share: ClosedUnitInterval = 0.5,
        probability: ClosedUnitInterval = 0.15,
        unit: Unit = "token",
        final_probability: ClosedUnitInterval | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        share = self._share = float(causal_share)
        self.loss_weights = {"causal_loss": share, "mlm_loss": 1 - share}
        if share == 1:
            self.main_loss = "causal_loss"  # type: ignore[misc]  # no row is masked
        self.mask_sampler = MaskSampler(self.tokenizer, probability, unit, final_probability)

    def build(self) -> PreTrainedModel:
        model = super().build()
        check_attention(model, self.hparams, type(self).__name__)
        return model

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> HybridExample:
        ids_BT, mask_BT = add_cls_and_sep(batch, self.tokenizer)
        causal_B1 = draw_rows(len(ids_BT), self._share, generator)[:, None]
        self.mask_sampler.advance(self)
        seen_BT, chosen_BT = self.mask_sampler(ids_BT, mask_BT, generator)
        seen_BT = torch.where(causal_B1, ids_BT, seen_BT)
        predicted_BT = torch.where(causal_B1, mask_BT, chosen_BT)
        before_BT = functional.pad(predicted_BT[:, 1:], (0, 1))  # one place before each
        mask_B1TT = attention_mask(self.model, mask_BT, causal_B1[:, 0])
        next_BT = functional.pad(ids_BT[:, 1:], (0, 1))
        return {
            "inputs": {"input_ids": seen_BT, "attention_mask": mask_B1TT},
            "target_mask": before_BT,
            "targets": next_BT[before_BT],
            "causal": causal_B1.expand_as(before_BT)[before_BT],
        }

    def losses(self, example: HybridExample) -> dict[str, Tensor]:
        outputs = run_at(self.model, example["target_mask"], **example["inputs"])
        found: dict[str, Tensor] = {}
        for name, chosen_N in (("causal", example["causal"]), ("mlm", ~example["causal"])):
            if not self.loss_weights[f"{name}_loss"]:
                continue  # no row is ever read so
            total, right = outputs.part(chosen_N).nll(example["targets"][chosen_N])
            count = chosen_N.sum().clamp(min=1)
            found |= {f"{name}_loss": total / count, f"{name}_accuracy": right / count}
        return found | self.mask_sampler.logged()
