"""Loss and metrics of tasks that predict tokens, from two sums over them."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from modules import causal_checks
from modules.output_layer import run_at

IGNORED = -100  # the label where there is nothing to predict


def next_tokens(ids_BT: Tensor, wanted_BT: Tensor) -> Tensor:
    """Return the token that follows each one, (B, T) int64, ``IGNORED`` where it is not wanted.

    Args:
        ids_BT: Token ids, int64.
        wanted_BT: Whether a token is to be predicted, bool.
    """
    targets_BT = ids_BT.where(wanted_BT, IGNORED).roll(-1, 1)
    targets_BT[:, -1] = IGNORED
    return targets_BT


def token_sums(model: Any, inputs: dict[str, Any], labels_BT: Tensor) -> Tensor:
    """Return two sums over the predicted tokens, (2,): negative log-likelihood, and right ones.

    The logits themselves would be the largest tensor of all, and nothing reads them.

    Args:
        model: A language model of transformers, with or without a peft model around it.
        inputs: The model's inputs. With ``position_ids``, several texts share a row: each begins
            at position 0, and none sees another.
        labels_BT: int64, the token to predict, ``IGNORED`` where there is none.
    """
    there_BT = labels_BT != IGNORED
    targets_N = labels_BT[there_BT]
    inputs, there_BT = causal_checks.isolated(model, inputs, there_BT)
    total, right = run_at(model, there_BT, **inputs).nll(targets_N)
    return torch.stack([total, right.to(total.dtype)])


def mean_loss(sums: Tensor, batch: Mapping[str, Any]) -> Tensor:
    """Return the mean negative log-likelihood; 0 without a token to predict."""
    return sums[0] / num_tokens(batch).clamp(min=1)


def num_tokens(batch: Mapping[str, Any]) -> Tensor:
    """Return the number of tokens to predict."""
    return (batch["labels"] != IGNORED).sum()


def token_metrics(stage: Literal["train", "val", "test"]) -> MetricCollection:
    """Return perplexity and accuracy, of validation and test alone."""
    if stage == "train":
        return MetricCollection({})
    return MetricCollection({"perplexity": Perplexity(), "token_accuracy": TokenAccuracy()})


class _TokenMean(Metric):
    """Computes the mean over the predicted tokens of all batches."""

    place: int  # of the sum in the task's logits
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("total", "count"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, sums: Tensor, labels: Tensor) -> None:
        """Add a batch: the task's logits, (2,), and its labels, (B, T)."""
        self.total += sums[self.place]
        self.count += (labels != IGNORED).sum()

    def mean(self) -> Tensor:
        """Return the mean, a scalar."""
        return self.total / self.count.clamp(min=1)


class Perplexity(_TokenMean):
    """Computes exp of the mean negative log-likelihood of the predicted tokens."""

    place = 0

    def compute(self) -> Tensor:
        return self.mean().exp().float()


class TokenAccuracy(_TokenMean):
    """Computes the share of the predicted tokens that have the highest logit."""

    place = 1

    def compute(self) -> Tensor:
        return self.mean().float()
