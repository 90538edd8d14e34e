"""The scores of choices: a new head's, or the likelihood of a language model."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from modules.output_layer import run_at
from modules.tasks.network_inputs import model_inputs
from modules.tasks.token_sums import IGNORED, next_tokens


def mean_log_likelihood(model: Any, batch: Mapping[str, Any]) -> Tensor:
    """Return the mean log-likelihood of the tokens of each row's choice, (R,).

    The mean makes choices of different lengths comparable (Brown et al. 2020, arXiv:2005.14165).

    Args:
        model: A decoder with its language modeling head.
        batch: A ``ChoiceBatch``, padded on the right; a row without ``choice_mask`` counts whole.
    """
    ids_RT = batch["input_ids"]
    mask_RT = batch.get("choice_mask", batch["attention_mask"]).bool()
    targets_RT = next_tokens(ids_RT, mask_RT)
    here_RT = targets_RT != IGNORED
    targets_N = targets_RT[here_RT]
    logits_NV = run_at(model, here_RT, **model_inputs(batch)).logits().float()
    likelihoods_N = logits_NV.log_softmax(-1).gather(1, targets_N[:, None])[:, 0]
    rows_N = here_RT.nonzero()[:, 0]
    sums_R = likelihoods_N.new_zeros(len(ids_RT)).index_add(0, rows_N, likelihoods_N)
    return sums_R / here_RT.sum(1).clamp(min=1)


def by_question(scores_R: Tensor, choices_B: Tensor | None) -> Tensor:
    """Put the scores of each question's choices into a row, (B, most choices).

    Where a question has fewer choices than others, the rest is the lowest number there is: its
    probability is 0. Without numbers of choices, each score has a row.
    """
    if choices_B is None:
        return scores_R[:, None]
    most = torch.arange(int(choices_B.max()), device=scores_R.device)
    there_BC = most < choices_B[:, None]
    lowest = torch.finfo(torch.float32).min
    empty_BC = scores_R.new_full(there_BC.shape, lowest, dtype=torch.float32)
    return empty_BC.masked_scatter(there_BC, scores_R.float())
