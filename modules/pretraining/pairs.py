"""Pairs of segments for next sentence and sentence order prediction, and their loss."""

from typing import Any

import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from datamodules.batches import CorpusBatch
from modules.pretraining.rows import join_segments

_MOST_CUT = 8  # tokens


def split_segments(batch: CorpusBatch, ends: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Split each row into two segments.

    The token that ends a document is left out: it would tell which segment was the last. A row of
    one sentence has a second segment of length 0.

    Args:
        batch: Rows with their ``boundary``.
        ends: Ids of the tokens that end documents.

    Returns:
        The second segments moved to the left, (B, T), and the lengths of both, (B,) each.
    """
    ids_BT, first_B = batch["input_ids"], batch["boundary"]
    length_B = batch["attention_mask"].sum(1)
    last_B = ids_BT.gather(1, length_B[:, None] - 1)[:, 0]
    whole_B = length_B - torch.isin(last_B, ends).long()
    first_B = torch.where(first_B > 0, first_B.minimum(whole_B), whole_B)
    place_T = torch.arange(ids_BT.shape[1], device=ids_BT.device)
    second_BT = ids_BT.gather(1, (place_T + first_B[:, None]).clamp(max=ids_BT.shape[1] - 1))
    return second_BT, first_B, whole_B - first_B


def sample_negatives(documents_B: Tensor, usable_B: Tensor, generator: torch.Generator) -> Tensor:
    """Draw for each row a usable one of another document: (B,) int64, -1 where there is none."""
    size, device = (len(documents_B),) * 2, documents_B.device
    draws_BB = torch.rand(size, generator=generator, device=device)
    allowed_BB = (documents_B[:, None] != documents_B) & usable_B
    score_B, row_B = draws_BB.where(allowed_BB, -1.0).max(1)
    return row_B.where(score_B >= 0, -1)


def make_pairs(
    batch: CorpusBatch, tokenizer: Any, generator: torch.Generator, swap: bool
) -> tuple[dict[str, Tensor], Tensor]:
    """Make pairs of segments, half of them wrong.

    A label must not be told by anything but the texts. Swapped segments are as long as before. A
    segment of another document is not: each row draws one before its label, and whichever of the
    two it takes is cut to the shorter one, and a little more: both end inside of a sentence.

    Args:
        batch: Rows with their ``boundary``.
        tokenizer: The rows' tokenizer.
        generator: The generator of the draws, on the rows' device.
        swap: Make a wrong pair by swapping its segments (ALBERT); otherwise by the second segment
            of another document (BERT).

    Returns:
        The model's inputs, and the labels, (B,) int64: 0 for a pair as it was, 1 for a wrong one,
        -100 for a row without a pair: of one sentence, or with no other document beside it.
    """
    ids_BT = batch["input_ids"]
    ends = [t for t in (tokenizer.eos_token_id, tokenizer.sep_token_id) if t is not None]
    second_BT, first_B, second_B = split_segments(batch, torch.tensor(ends, device=ids_BT.device))
    pair_B = second_B > 0
    draw_B = torch.rand(len(ids_BT), generator=generator, device=ids_BT.device)
    false_B = (draw_B < 0.5) & pair_B
    if swap:
        wrong = (second_BT, second_B, ids_BT, first_B)
    else:
        other_B = sample_negatives(batch["document_ids"][:, 0], pair_B, generator)
        pair_B &= other_B >= 0
        false_B &= pair_B
        other_B = other_B.clamp(min=0)
        common_B = second_B.minimum(second_B[other_B])
        most_B = (common_B // 4).clamp(1, _MOST_CUT)
        cut_B = 1 + (torch.rand(draw_B.shape, generator=generator, device=draw_B.device) * most_B)
        second_B = torch.where(pair_B, (common_B - cut_B.long()).clamp(min=1), second_B)
        wrong = (ids_BT, first_B, second_BT[other_B], second_B)
    parts = [
        torch.where(false_B[:, None] if no.ndim == 2 else false_B, no, yes)
        for no, yes in zip(wrong, (ids_BT, first_B, second_BT, second_B), strict=True)
    ]
    first, first_B, second, second_B = parts
    ids, mask, types = join_segments(first, first_B, second, second_B, tokenizer)
    inputs = {"input_ids": ids, "attention_mask": mask.long(), "token_type_ids": types}
    return inputs, false_B.long().where(pair_B, -100)


class PairHead(nn.Module):
    """BERT's pooler and its two-way classifier (Devlin et al. 2019), on the first token."""

    def __init__(self, width: int, deviation: float) -> None:
        super().__init__()
        self.dense, self.classifier = nn.Linear(width, width), nn.Linear(width, 2)
        for layer in (self.dense, self.classifier):
            nn.init.normal_(layer.weight, std=deviation)
            nn.init.zeros_(layer.bias)

    def forward(self, hidden_BTH: Tensor) -> Tensor:
        """Return the logits of both classes, (B, 2)."""
        return self.classifier(torch.tanh(self.dense(hidden_BTH[:, 0])))


# The names of both layers in the families that have a network for such pairs.
_POOLERS = {
    "bert": ("bert.pooler.dense", "cls.seq_relationship"),
    "albert": ("albert.pooler", "sop_classifier.classifier"),
}


def with_pooler(model: PreTrainedModel, head: PairHead) -> PreTrainedModel:
    """Return the network with the head's pooler, which BERT's and ALBERT's classifiers begin from.

    Other families have no pooler of this form: they are returned as they are.
    """
    names = _POOLERS.get(model.config.model_type)
    if names is None:
        return model
    whole = transformers.AutoModelForPreTraining.from_config(model.config).to(model.device)
    layers = zip(names, (head.dense, head.classifier), strict=True)
    held = {
        f"{name}.{part}": value
        for name, layer in layers
        for part, value in layer.state_dict().items()
    }
    whole.load_state_dict(model.state_dict() | held)
    return whole.train(model.training)


def pair_cross_entropy(logits_B2: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor]:
    """Compute mean cross-entropy and accuracy of the rows that are a pair (label 0 or 1).

    Both are scalars; a row with label -100 is left out.
    """
    count = (labels_B >= 0).sum().clamp(min=1)
    total = functional.cross_entropy(logits_B2.float(), labels_B, reduction="sum")
    return total / count, (logits_B2.argmax(-1) == labels_B).sum() / count
