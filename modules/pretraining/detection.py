"""The detection of replaced tokens: its examples, and the losses and shares of the detector."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from modules.output_layer import run_at
from modules.pretraining.examples import Example


class DetectionExample(Example):
    """An example of B rows of T tokens, of which ``target_mask`` chooses N."""

    original: Tensor  # (B, T) int64
    seen: Tensor  # (B, T) int64, by the generator
    draws: Tensor  # (N,) uniform, for the generator's guesses


def example(
    ids_BT: Tensor, seen_BT: Tensor, mask_BT: Tensor, chosen_BT: Tensor, draws_BT: Tensor
) -> DetectionExample:
    """Return the example of rows of tokens, (B, T) int64, which the generator sees as ``seen_BT``.

    ``mask_BT`` is true for tokens, ``chosen_BT`` for those that it guesses by ``draws_BT``.
    """
    return {
        "original": ids_BT,
        "seen": seen_BT,
        "attention_mask": mask_BT.long(),
        "target_mask": chosen_BT,
        "draws": draws_BT[chosen_BT],
    }


def sample_tokens(logits_NV: Tensor, draws_N: Tensor) -> Tensor:
    """Sample a token for each row by inverse transform sampling.

    The distribution is that of Gumbel-max sampling, which needs a draw and two logarithms for each
    entry of the vocabulary where this needs one draw.

    Args:
        logits_NV: Logits of N tokens.
        draws_N: Uniform draws from [0, 1).

    Returns:
        Token ids, (N,) int64.
    """
    cumulative_NV = logits_NV.float().softmax(-1).cumsum(-1)
    below_N1 = draws_N[:, None] * cumulative_NV[:, -1:]  # the sum is 1 but for rounding
    ids_N1 = torch.searchsorted(cumulative_NV, below_N1, right=True)
    return ids_N1[:, 0].clamp(max=logits_NV.shape[1] - 1)


def replace(generator: nn.Module, example: DetectionExample) -> tuple[Tensor, Tensor]:
    """Replace the chosen tokens by the generator's guesses, through which nothing flows.

    Returns:
        The generator's loss, a scalar, and the rows with its guesses, (B, T) int64.
    """
    ids_BT, places_BT = example["original"], example["target_mask"]
    inputs = {"input_ids": example["seen"], "attention_mask": example["attention_mask"]}
    outputs, targets_N = run_at(generator, places_BT, **inputs), ids_BT[places_BT]
    loss = outputs.nll(targets_N)[0] / max(1, len(targets_N))
    with torch.no_grad():
        logits_NV = outputs.logits()
    guesses_N = sample_tokens(logits_NV, example["draws"])
    return loss, ids_BT.masked_scatter(places_BT, guesses_N)


def values(scores_N: Tensor, replaced_N: Tensor) -> dict[str, Tensor]:
    """Return loss, precision and recall of a detector, scalars.

    Args:
        scores_N: (N,) float32, above 0 for what it thinks replaced.
        replaced_N: (N,) bool.
    """
    hits, flagged = (replaced_N & (scores_N > 0)).sum(), (scores_N > 0).sum()
    return {
        "detection_loss": functional.binary_cross_entropy_with_logits(scores_N, replaced_N.float()),
        "precision": hits / flagged.clamp(min=1),
        "recall": hits / replaced_N.sum().clamp(min=1),
    }
