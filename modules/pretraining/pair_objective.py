"""What next sentence and sentence order prediction have in common."""

import inspect
from typing import Any, ClassVar

import torch
from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor
from transformers import PreTrainedModel

from datamodules.batches import CorpusBatch
from modules.output_layer import lm_loss
from modules.pretraining import common_settings
from modules.pretraining.base import PretrainingModule
from modules.pretraining.examples import Example
from modules.pretraining.mask_sampler import MaskSampler, Unit
from modules.pretraining.network_checks import network_flag
from modules.pretraining.pairs import PairHead, make_pairs, pair_cross_entropy, with_pooler


class PairExample(Example):
    """An example of masked pairs: ``labels`` are 0 for a pair as it was, 1 for a wrong one."""

    labels: Tensor  # (B,) int64, -100 for a row without a pair


class PairObjective(PretrainingModule, abstract=True):
    """Predicts masked tokens, and which pairs of segments are wrong. A subclass says how they are.

    Args:
        probability: The share of the tokens that is predicted.
        final_probability: The share at the last step, to which it changes linearly; validation
            masks by it. A share that falls, from 0.3 to 0.15, is of Charpentier & Samuel (2024,
            arXiv:2410.24159). None keeps ``probability``.
        unit: What is masked as one: token | word | span, as in ``MaskedLM``.
    """

    required_tokens, main_loss = ("mask_token", "cls_token", "sep_token"), "mlm_loss"
    row_kind = "pairs"
    batch_keys = ("input_ids", "attention_mask", "boundary", "document_ids")
    swap: ClassVar[bool]  # a wrong pair is swapped, or else has a segment of another document
    name: ClassVar[str]  # of the pairs' loss
    tuned = common_settings.tuned_for_masks()

    def __init__(
        self,
        probability: ClosedUnitInterval = 0.15,
        unit: Unit = "token",
        final_probability: ClosedUnitInterval | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mask_sampler = MaskSampler(self.tokenizer, probability, unit, final_probability)

    def build(self) -> PreTrainedModel:
        model = super().build()
        deviation = getattr(model.config, "initializer_range", 0.02)  # BERT's where it has none
        self.pair_head = PairHead(model.config.hidden_size, deviation)
        return model

    def export_model(self) -> PreTrainedModel:
        return with_pooler(super().export_model(), self.pair_head)

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> PairExample:
        inputs, labels_B = make_pairs(batch, self.tokenizer, generator, self.swap)
        ids_BT, mask_BT = inputs["input_ids"], inputs["attention_mask"].bool()
        self.mask_sampler.advance(self)
        seen_BT, chosen_BT = self.mask_sampler(ids_BT, mask_BT, generator)
        inputs = with_known_types({**inputs, "input_ids": seen_BT}, self.model)
        return {
            "inputs": inputs,
            "target_mask": chosen_BT,
            "targets": ids_BT[chosen_BT],
            "labels": labels_B,
        }

    def losses(self, example: PairExample) -> dict[str, Tensor]:
        masked = example["inputs"], example["target_mask"], example["targets"]
        first_BT = torch.zeros_like(masked[1])
        first_BT[:, 0] = True  # the token that the pair's head reads
        loss, accuracy, hidden_BTH = lm_loss(self.model, *masked, first_BT)
        if hidden_BTH is None:
            flag = network_flag(self.hparams, self.model.config)
            raise ValueError(f"{flag}: does not show the states that pairs need")
        pair, right = pair_cross_entropy(self.pair_head(hidden_BTH), example["labels"])
        named = {f"{self.name}_loss": pair, f"{self.name}_accuracy": right}
        return {"mlm_loss": loss, "accuracy": accuracy, **named, **self.mask_sampler.logged()}


def with_known_types(inputs: dict[str, Tensor], model: PreTrainedModel) -> dict[str, Tensor]:
    """Leave out the token types where the network has not two: separators tell segments apart.

    So it is with RoBERTa (Liu et al. 2019), whose only type is 0.
    """
    known = "token_type_ids" in inspect.signature(model.forward).parameters
    if known and getattr(model.config, "type_vocab_size", 0) >= 2:
        return inputs
    return {name: value for name, value in inputs.items() if name != "token_type_ids"}
