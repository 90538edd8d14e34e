"""Metrics of the implied rewards of answers: beta times the log-ratio to the reference."""

from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.utilities import dim_zero_cat

Value = Literal["chosen", "rejected", "margin", "accuracy"]
VALUES: tuple[Value, ...] = ("chosen", "rejected", "margin", "accuracy")


class Reward(Metric):
    """Computes a value of the rewards of all answers.

    Args:
        value: The mean reward of chosen (or good) answers, that of rejected (or bad) ones, the
            difference of both, or the share of couples in which the chosen answer has the higher
            reward; a tie counts half. Where answers come alone, a couple is any good one with any
            bad one.
        beta: The factor of the log-ratios.
    """

    full_state_update = False
    couples: list[Tensor]  # (B, 2) log-ratios: chosen and rejected
    ratios: list[Tensor]  # (R,) log-ratios of answers that come alone
    good: list[Tensor]  # (R,) 1 or 0

    def __init__(self, value: Value, beta: float) -> None:
        super().__init__()
        self.value, self.beta = value, beta
        for name in ("couples", "ratios", "good"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, likelihoods: Tensor, labels: Tensor) -> None:
        """Add a batch.

        Args:
            likelihoods: Columns of ``Likelihoods``, (2, B, 4) of couples or (R, 4).
            labels: 1 for a good answer and 0 for a bad one, (2, B) or (R,).
        """
        ratios = likelihoods[..., 0] - likelihoods[..., 1]
        if labels.ndim == 2:
            self.couples.append(ratios.T)
        else:
            self.ratios.append(ratios)
            self.good.append(labels)

    def compute(self) -> Tensor:
        """Return the value, a scalar; NaN where there are no such answers."""
        chosen, rejected = self._rewards()
        if self.value == "chosen":
            return chosen.mean()
        if self.value == "rejected":
            return rejected.mean()
        if self.value == "margin":
            return chosen.mean() - rejected.mean()
        if len(self.couples):  # one tensor where several processes have been joined
            return ((chosen > rejected).float() + 0.5 * (chosen == rejected)).mean()
        ordered = rejected.sort().values
        below = torch.searchsorted(ordered, chosen)
        not_above = torch.searchsorted(ordered, chosen, right=True)
        return (below + not_above).float().mean() / (2 * len(rejected))

    def _rewards(self) -> tuple[Tensor, Tensor]:
        if len(self.couples):
            chosen, rejected = (self.beta * dim_zero_cat(self.couples)).unbind(1)
            return chosen, rejected
        rewards, good = self.beta * dim_zero_cat(self.ratios), dim_zero_cat(self.good).bool()
        return rewards[good], rewards[~good]


def reward_metrics(stage: str, beta: float) -> MetricCollection:
    """Return the metrics of validation and test; none of training."""
    if stage == "train":
        return MetricCollection({})
    return MetricCollection({f"reward_{value}": Reward(value, beta) for value in VALUES})
