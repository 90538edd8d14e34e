"""Losses that draw vectors of like texts together, and others apart."""

from typing import Literal

import torch
from torch import Tensor

Positives = Literal["labels", "pairs", "dropout", "scores"]  # the texts that are drawn together


def info_nce(
    anchors_QH: Tensor,
    candidates_CH: Tensor,
    positive_QC: Tensor,
    left_out_QC: Tensor,
    temperature: float,
) -> Tensor:
    """Return the mean loss over anchors with a positive, a scalar; 0 without any.

    With one positive an anchor it is InfoNCE (van den Oord et al. 2018), and over the pairs of a
    batch the ranking loss with other pairs as negatives (Henderson et al. 2017). With several it is
    the supervised contrastive loss (Khosla et al. 2020, equation 2).

    Args:
        anchors_QH: Vectors of length 1.
        candidates_CH: Vectors of length 1.
        positive_QC: Whether a candidate belongs to the anchor, bool.
        left_out_QC: Whether a candidate is neither a positive nor a negative of the anchor, bool.
        temperature: The number that cosines are divided by.
    """
    cosine_QC = anchors_QH @ candidates_CH.T / temperature
    log_p_QC = cosine_QC.masked_fill(left_out_QC, -torch.inf).log_softmax(1)
    count_Q = positive_QC.sum(1)
    mean_Q = log_p_QC.masked_fill(~positive_QC, 0.0).sum(1) / count_Q.clamp(min=1)
    return -mean_Q.sum() / (count_Q > 0).sum().clamp(min=1)


def label_loss(vectors_BH: Tensor, labels_B: Tensor, temperature: float) -> Tensor:
    """Return the loss with the texts of one label as positives of each other, a scalar."""
    self_BB = torch.eye(len(labels_B), dtype=torch.bool, device=labels_B.device)
    return info_nce(vectors_BH, vectors_BH, same_label(labels_B), self_BB, temperature)


def same_label(labels_B: Tensor) -> Tensor:
    """Tell which other rows have a row's label, (B, B) bool."""
    same_BB = labels_B[:, None] == labels_B
    return same_BB.fill_diagonal_(False)


def pair_loss(first_BH: Tensor, second_BH: Tensor, keys_B2: Tensor, temperature: float) -> Tensor:
    """Return the loss with the second text of a pair as its first one's positive, a scalar.

    The second texts of the other pairs are negatives, but not those of the same text: it would be
    pushed away from itself.

    Args:
        first_BH: Vectors of the first texts, of length 1.
        second_BH: Vectors of the second texts.
        keys_B2: Numbers that are equal for equal texts.
        temperature: The number that cosines are divided by.
    """
    one_B, two_B = keys_B2.unbind(1)
    own_BB = torch.eye(len(one_B), dtype=torch.bool, device=one_B.device)
    again_BB = (one_B[:, None] == one_B) | (two_B[:, None] == two_B) | (one_B[:, None] == two_B)
    return info_nce(first_BH, second_BH, own_BB, again_BB & ~own_BB, temperature)


def score_loss(cosine_B: Tensor, scores_B: Tensor, temperature: float) -> Tensor:
    """Return a loss of cosines that are in another order than their scores, a scalar.

    It is CoSENT's (Su 2022), log(1 + sum of exp((cosine of i - cosine of j) / temperature)) over
    all pairs of rows of which i has the lower score: no scale of the scores matters.
    """
    apart_BB = (cosine_B[:, None] - cosine_B) / temperature
    apart_N = apart_BB[scores_B[:, None] < scores_B]
    return torch.cat([apart_N.new_zeros(1), apart_N]).logsumexp(0)


def num_targets(positives: str, labels: Tensor) -> Tensor | int:
    """Return the number of rows; of labels, those that share theirs with another row."""
    return same_label(labels).any(1).sum() if positives == "labels" else len(labels)


def loss(positives: str, vectors: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Return the loss of a batch, a scalar.

    Args:
        positives: As of the task: labels, pairs, dropout or scores.
        vectors: Of length 1: (B, H), or (B, 2, H) of both texts of a row.
        labels: (B,) classes, (B, 2) keys of both texts, (B,) keys or (B,) scores.
        temperature: The number that cosines are divided by.
    """
    if positives == "labels":
        return label_loss(vectors, labels, temperature)
    first_BH, second_BH = vectors.unbind(1) if vectors.ndim == 3 else (vectors, vectors)
    if positives == "scores":
        return score_loss((first_BH * second_BH).sum(1), labels, temperature)
    keys_B2 = labels if labels.ndim == 2 else labels[:, None].expand(-1, 2)
    return pair_loss(first_BH, second_BH, keys_B2, temperature)
