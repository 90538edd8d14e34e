"""Losses of preferences, as functions of log-likelihoods."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

Loss = Literal["dpo", "ipo", "kto", "sft"]


class Likelihoods(NamedTuple):
    """Log-likelihoods of R answers, each of shape (R,).

    Attributes:
        own: The sum over an answer's tokens by the network that trains.
        reference: The sum by the network before the training.
        tokens: The number of the answer's tokens.
        drift: ``own`` less ``reference`` of an answer to another prompt, which KTO reads.
    """

    own: Tensor
    reference: Tensor
    tokens: Tensor
    drift: Tensor

    @property
    def ratios(self) -> Tensor:
        """Log of the ratio of both likelihoods, (R,): the implied reward is ``beta`` times it."""
        return self.own - self.reference

    def take(self, rows: Tensor) -> "Likelihoods":
        """Return the answers that a mask, or places, choose."""
        return Likelihoods(*(column[rows] for column in self))


def preference_loss(
    kind: Loss, found: Likelihoods, good_R: Tensor, beta: float, label_smoothing: float = 0.0
) -> Tensor:
    """Return the mean loss, a scalar.

    Args:
        kind: The loss. dpo (Rafailov et al. 2023, equation 7) and ipo (Azar et al. 2023, equation
            17, on means over tokens) compare couples, kto (Ethayarajh et al. 2024, equation 8)
            takes each answer by itself, and sft is the negative log-likelihood of good answers.
        found: Of R answers; of couples the first half are the chosen ones, and the second half the
            rejected ones in the same order.
        good_R: Whether an answer is a good one, bool.
        beta: The weight of what keeps the network near the reference.
        label_smoothing: Of dpo, the share of couples that are labelled the wrong way round.
    """
    if kind == "sft":
        # 0, with a gradient, where no answer is good.
        return -(found.own * good_R).sum() / (found.tokens * good_R).sum().clamp(min=1)
    if kind == "kto":
        # The point from which gains and losses count: it has no gradient, and is not below 0.
        point = found.drift.detach().mean().clamp(min=0)
        sign_R = torch.where(good_R, 1.0, -1.0)
        return (1 - torch.sigmoid(beta * sign_R * (found.ratios - point))).mean()
    if kind == "ipo":
        chosen, rejected = (found.ratios / found.tokens.clamp(min=1)).chunk(2)
        return (chosen - rejected - 1 / (2 * beta)).square().mean()
    chosen, rejected = (beta * found.ratios).chunk(2)
    right, wrong = logsigmoid(chosen - rejected), logsigmoid(rejected - chosen)
    return -((1 - label_smoothing) * right + label_smoothing * wrong).mean()


def check_smoothing(label_smoothing: float, loss: Loss) -> None:
    """Refuse a label smoothing that the loss does not read, or that turns the labels round.

    Raises:
        ValueError: If it is one.
    """
    if label_smoothing and (loss != "dpo" or label_smoothing >= 0.5):
        why = "only dpo has it" if loss != "dpo" else "has to be below 0.5"
        raise ValueError(f"--model.task.label_smoothing {label_smoothing:g}: {why}")
