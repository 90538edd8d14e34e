"""How well replaced tokens are told from original tokens of the same id."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class WithinTokenAUC(Metric):
    """The area under the ROC curve within each token id, over all its pairs.

    It is the chance that of a replaced and an original token of the same id the replaced one has
    the higher score, where equal scores count half. How frequent a token is, which alone tells much
    of whether it was replaced, does not help: 0.5 is a guess.
    """

    full_state_update, higher_is_better = False, True
    ids: list[Tensor] | Tensor
    scores: list[Tensor] | Tensor
    replaced: list[Tensor] | Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name in ("ids", "scores", "replaced"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, ids: Tensor, scores: Tensor, replaced: Tensor) -> None:
        """Add N tokens.

        Args:
            ids: (N,) int64, the ids that the detector saw.
            scores: (N,), higher for what it thinks replaced.
            replaced: (N,) bool.
        """
        for name, value in (("ids", ids), ("scores", scores.float()), ("replaced", replaced)):
            getattr(self, name).append(value.detach())

    def compute(self) -> Tensor:
        """Return the area, a scalar; NaN where no id has tokens of both kinds."""
        return within_token_auc(*(dim_zero_cat(x) for x in (self.ids, self.scores, self.replaced)))


def within_token_auc(ids_N: Tensor, scores_N: Tensor, replaced_N: Tensor) -> Tensor:
    """Compute the area; see :class:`WithinTokenAUC`."""
    # Mann-Whitney's statistic by ranks within each id; equal scores have their mean rank.
    order = scores_N.argsort(stable=True)
    order = order[ids_N[order].argsort(stable=True)]
    ids_N, scores_N, replaced_N = ids_N[order], scores_N[order], replaced_N[order]
    same = torch.stack([ids_N.double(), scores_N.double()])
    _, tie_N, ties = same.unique_consecutive(dim=1, return_inverse=True, return_counts=True)
    last = ties.cumsum(0)
    rank_N = (last - (ties - 1) / 2)[tie_N]  # from 1, over all ids
    _, id_N, counts = ids_N.unique_consecutive(return_inverse=True, return_counts=True)
    rank_N = rank_N - (counts.cumsum(0) - counts)[id_N]
    zeros = torch.zeros(len(counts), dtype=torch.float64, device=ids_N.device)
    fakes = zeros.index_add(0, id_N, replaced_N.double())
    ranks = zeros.index_add(0, id_N, rank_N.double() * replaced_N)
    pairs = fakes * (counts - fakes)
    return ((ranks - fakes * (fakes + 1) / 2)[pairs > 0].sum() / pairs.sum()).float()
