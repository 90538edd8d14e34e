"""Permutation language modeling."""

import inspect
from typing import Any

import torch
from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor
from transformers import PreTrainedModel

from datamodules.batches import CorpusBatch
from modules import masking
from modules.characters import Characters
from modules.last_layer import query_stream_alone
from modules.output_layer import lm_loss
from modules.pretraining.base import PretrainingModule
from modules.pretraining.examples import Example
from modules.pretraining.network_checks import network_flag
from modules.pretraining.permutations import permutation_mask, target_mapping
from modules.pretraining.rows import add_cls_and_sep
from modules.tuning import Tuned

_STUDY = "experiments/pretrain_then_finetune.py, 2 M tokens: it learned more slowly"


class PermutationLM(PretrainingModule):
    """Predicts tokens in a random order, each from those before it (XLNet, Yang et al. 2019).

    The content stream sees a token itself, the query stream only its position. Rows may have any
    length; segments are not carried over from row to row.

    Args:
        probability: The share of the tokens that is predicted, 1/K in the paper, in spans of one
            to five tokens.
    """

    default_family, auto_class = "xlnet", "AutoModelForCausalLM"
    required_tokens, main_loss = ("cls_token", "sep_token"), "permutation_loss"
    tuned = (Tuned("model.learning_rate", 2e-3, _STUDY, backbone="new"),)

    special: Tensor

    def __init__(self, probability: ClosedUnitInterval = 1 / 6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._probability = float(probability)
        self.characters = Characters(self.tokenizer)
        special = torch.tensor(sorted(self.tokenizer.all_special_ids))
        self.register_buffer("special", special, persistent=False)

    def build(self) -> PreTrainedModel:
        model = super().build()
        if "perm_mask" not in inspect.signature(model.forward).parameters:
            raise ValueError(
                f"{network_flag(self.hparams, model.config)}: PermutationLM needs attention in any "
                f"order, which only xlnet has"
            )
        return model

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> Example:
        ids_BT, mask_BT = add_cls_and_sep(batch, self.tokenizer)
        spans_BT, _ = masking.choose_spans(ids_BT, self._probability, generator, masking.UNIFORM)
        (spans_BT,) = self.characters(ids_BT, spans_BT)
        targets_BT = spans_BT & mask_BT & ~torch.isin(ids_BT, self.special)
        order_BT = torch.rand(ids_BT.shape, generator=generator, device=ids_BT.device)
        mapping_BNT, real_BN = target_mapping(targets_BT)
        inputs = {
            "input_ids": ids_BT,
            "attention_mask": mask_BT.float(),
            "use_cache": False,
            "perm_mask": permutation_mask(order_BT, targets_BT),
            "target_mapping": mapping_BNT,
        }
        return {"inputs": inputs, "target_mask": real_BN, "targets": ids_BT[targets_BT]}

    def losses(self, example: Example) -> dict[str, Tensor]:
        with query_stream_alone(self.model):
            loss, accuracy, _ = lm_loss(
                self.model, example["inputs"], example["target_mask"], example["targets"]
            )
        return {"permutation_loss": loss, "accuracy": accuracy}
