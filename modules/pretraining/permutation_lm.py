"""Permutation language modeling."""

import torch
from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor

from datamodules.batches import CorpusBatch
from modules import masking
from modules.pretraining.base import PretrainingModule
from modules.pretraining.heads import guess
from modules.pretraining.rows import framed, whole_width


def hidden_from(order_BT: Tensor, targets_BT: Tensor) -> Tensor:
    """Who must not see whom, (B, T, T) bool: row the one that looks, column the one looked at.

    A place that is not predicted is seen by all. One that is predicted is seen only by those that
    come later in the factorisation order, so not by itself.

    Args:
        order_BT: the order, any distinct numbers from 0 on.
        targets_BT: bool, the places that are predicted.
    """
    # Those that are not predicted come first: they see each other and none of the others.
    looks_BT = order_BT.masked_fill(~targets_BT, -1)
    seen_BT = order_BT.masked_fill(~targets_BT, -2)
    return seen_BT[:, None, :] >= looks_BT[:, :, None]


def mapping(targets_BT: Tensor) -> tuple[Tensor, Tensor]:
    """One query for each predicted place, one-hots (B, N, T), and which are real, (B, N).

    N is a multiple of 8.
    """
    number_BT = targets_BT.cumsum(1)  # of the predicted place, from 1 on
    most = whole_width(max(1, int(number_BT[:, -1].max())))
    row, place = targets_BT.nonzero(as_tuple=True)
    query = number_BT[row, place] - 1
    shape = len(targets_BT), most, targets_BT.shape[1]
    one_hot_BNT = torch.zeros(shape, device=targets_BT.device)
    one_hot_BNT[row, query, place] = 1.0
    real_BN = torch.arange(most, device=targets_BT.device) < number_BT[:, -1:]
    return one_hot_BNT, real_BN


class PermutationLM(PretrainingModule):
    """XLNet (Yang et al. 2019): predicts tokens in a random order, each from those before it.

    The content stream sees a token itself, the query stream only its place. Rows may have any
    length; segments are not carried over from row to row.

    Args:
        probability: of a token to be predicted: 1/K of the paper, with spans of one to five tokens.
    """

    family_of_objective, auto_class = "xlnet", "AutoModelForCausalLM"
    needs, main_loss = ("cls_token", "sep_token"), "permutation_loss"

    def __init__(self, probability: ClosedUnitInterval = 1 / 6, **kwargs) -> None:
        super().__init__(**kwargs)
        self._probability = float(probability)
        special = torch.tensor(sorted(self.tokenizer.all_special_ids))
        self.register_buffer("special", special, persistent=False)

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> dict[str, Tensor]:
        ids_BT, mask_BT = framed(batch, self.tokenizer)
        spans_BT, _ = masking.choose_spans(ids_BT, self._probability, generator, masking.UNIFORM)
        targets_BT = spans_BT & mask_BT & ~torch.isin(ids_BT, self.special)
        order_BT = torch.rand(ids_BT.shape, generator=generator, device=ids_BT.device)
        mapping_BNT, real_BN = mapping(targets_BT)
        inputs = {
            "input_ids": ids_BT,
            "attention_mask": mask_BT.float(),
            "use_cache": False,
            "perm_mask": hidden_from(order_BT, targets_BT),
            "target_mapping": mapping_BNT,
        }
        return {"inputs": inputs, "places": real_BN, "targets": ids_BT[targets_BT]}

    def losses(self, example: dict[str, Tensor]) -> dict[str, Tensor]:
        loss, accuracy, _ = guess(self.model, **example)
        return {"permutation_loss": loss, "accuracy": accuracy}
