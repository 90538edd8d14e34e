"""Two segments of clean rows, in their order, swapped, or of two documents."""

import torch
from torch import Tensor

from datamodules.batches import CorpusBatch
from modules.pretraining.base import PretrainingModule
from modules.pretraining.heads import guess, pair_loss
from modules.pretraining.rows import join


def segments(batch: CorpusBatch, ends: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The second segments moved to the left, (B, T), and the lengths of both, (B,) each.

    The token that ends a document is left out: it would tell which segment was the last. A row of
    one sentence has a second segment of length 0.

    Args:
        ends: ids of tokens that end documents.
    """
    ids_BT, first_B = batch["input_ids"], batch["boundary"]
    length_B = batch["attention_mask"].sum(1)
    last_B = ids_BT.gather(1, length_B[:, None] - 1)[:, 0]
    whole_B = length_B - torch.isin(last_B, ends).long()
    first_B = torch.where(first_B > 0, first_B.minimum(whole_B), whole_B)
    place_T = torch.arange(ids_BT.shape[1], device=ids_BT.device)
    second_BT = ids_BT.gather(1, (place_T + first_B[:, None]).clamp(max=ids_BT.shape[1] - 1))
    return second_BT, first_B, whole_B - first_B


def strangers(documents_B: Tensor, usable_B: Tensor, generator: torch.Generator) -> Tensor:
    """For each row a usable one of another document, (B,) int64; -1 where the batch has none."""
    size, device = (len(documents_B),) * 2, documents_B.device
    draws_BB = torch.rand(size, generator=generator, device=device)
    allowed_BB = (documents_B[:, None] != documents_B) & usable_B
    score_B, row_B = draws_BB.where(allowed_BB, -1.0).max(1)
    return row_B.where(score_B >= 0, -1)


def arranged(
    batch: CorpusBatch, tokenizer, swap: bool, generator: torch.Generator
) -> tuple[dict[str, Tensor], Tensor]:
    """Pairs with their label: half of them as they were (0), half not (1), -100 for no pair.

    Args:
        swap: the segments of a row change places (ALBERT); otherwise the second is replaced by one
            of another document (BERT), cut to the room that there is.
    """
    ids_BT = batch["input_ids"]
    ends = [t for t in (tokenizer.eos_token_id, tokenizer.sep_token_id) if t is not None]
    second_BT, first_B, second_B = segments(batch, torch.tensor(ends, device=ids_BT.device))
    pair_B = second_B > 0
    draw_B = torch.rand(len(ids_BT), generator=generator, device=ids_BT.device)
    false_B = (draw_B < 0.5) & pair_B
    if swap:
        wrong = (second_BT, second_B, ids_BT, first_B)
    else:
        other_B = strangers(batch["document_ids"][:, 0], pair_B, generator)
        false_B &= other_B >= 0
        other_B = other_B.clamp(min=0)
        wrong = (ids_BT, first_B, second_BT[other_B], second_B[other_B])
    parts = [
        torch.where(false_B[:, None] if no.ndim == 2 else false_B, no, yes)
        for no, yes in zip(wrong, (ids_BT, first_B, second_BT, second_B), strict=True)
    ]
    parts[3] = parts[3].minimum(ids_BT.shape[1] - parts[1])
    ids, mask, types = join(*parts, tokenizer)
    inputs = {"input_ids": ids, "attention_mask": mask.long(), "token_type_ids": types}
    return inputs, false_B.long().where(pair_B, -100)


def corrupted(
    module: PretrainingModule, batch: CorpusBatch, swap: bool, generator: torch.Generator
) -> dict[str, dict | Tensor]:
    """Arranged pairs with masks drawn over them by ``module.masks``."""
    inputs, labels_B = arranged(batch, module.tokenizer, swap, generator)
    ids_BT, mask_BT = inputs["input_ids"], inputs["attention_mask"].bool()
    seen_BT, chosen_BT = module.masks(ids_BT, mask_BT, generator)
    inputs = module.accepted({**inputs, "input_ids": seen_BT})
    masked = {"inputs": inputs, "places": chosen_BT, "targets": ids_BT[chosen_BT]}
    return {"masked": masked, "labels": labels_B}


def judged(module: PretrainingModule, example: dict, name: str) -> dict[str, Tensor]:
    """The losses of masked tokens and, by ``module.pair``, of the pairs, which have this name."""
    loss, accuracy, hidden_BTH = guess(module.model, **example["masked"])
    pair, right = pair_loss(module.pair(hidden_BTH), example["labels"])
    return {"mlm_loss": loss, "accuracy": accuracy, f"{name}_loss": pair, f"{name}_accuracy": right}
