"""Exact match and F1 of answers, over all windows of a question."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from datamodules.answers import agreement
from modules.tasks.answer_spans import best_spans, text_of

Score = Literal["exact_match", "f1", "f1_answerable", "accuracy_unanswerable", "best_f1"]
_COLUMNS = 6  # question, score of the span, its exact match and F1, score of "no answer", answers


class AnswerScores(Metric):
    """The scores of SQuAD's own script, 0 to 1: 1.1's, or 2.0's where there may be no answer.

    A question has its best span of all windows; the score of "no answer" is the lowest of them.

    Args:
        score: The value that ``compute`` returns: exact_match or f1 over all questions,
            f1_answerable over those with an answer, accuracy_unanswerable over the others, or
            best_f1, F1 at the threshold that is best for these questions.
        longest: The most tokens of an answer.
        unanswerable: Whether there may be no answer.
        threshold: "No answer" is said if its score exceeds the best span's by more than this.
    """

    full_state_update = False
    windows: list[Tensor]  # (B, 6) each

    def __init__(
        self,
        score: Score = "f1",
        longest: int = 30,
        unanswerable: bool = False,
        threshold: float = 0.0,
    ) -> None:
        super().__init__()
        self.score, self.longest = score, longest
        self.unanswerable, self.threshold = unanswerable, threshold
        self.add_state("windows", [], dist_reduce_fx="cat")

    def update(self, logits_BT2: Tensor, batch: Mapping[str, Any]) -> None:
        """Add the windows of a batch, with ``offsets``, ``sources`` and ``columns``."""
        spans = best_spans(logits_BT2, batch["offsets"], self.longest)
        offsets, columns = batch["offsets"].tolist(), batch["columns"]
        rows = []
        for row, (first, last) in enumerate(
            zip(spans.first[:, 0].tolist(), spans.last[:, 0].tolist(), strict=True)
        ):
            right, said = columns["answers"][row], ""
            if spans.scores[row, 0] > -torch.inf:
                said, _, _ = text_of(columns["pair"][row], offsets[row], first, last)
            rows.append([*agreement(said, right, self.unanswerable), float(bool(right))])
        scores_B3 = torch.tensor(rows, device=logits_BT2.device)
        parts = [batch["sources"].float(), spans.scores[:, 0], spans.nowhere]
        ids_B, best_B, nowhere_B = (part[:, None] for part in parts)
        self.windows.append(
            torch.cat([ids_B, best_B, scores_B3[:, :2], nowhere_B, scores_B3[:, 2:]], 1)
        )

    def compute(self) -> Tensor:
        """Return the score, a scalar; 0 without questions."""
        best = by_question(dim_zero_cat(self.windows).reshape(-1, _COLUMNS))
        exact_Q, f1_Q, ahead_Q, answers_Q = best[:, 2], best[:, 3], best[:, 4], best[:, 5].bool()
        if self.score == "best_f1":
            return best_f1(f1_Q, ahead_Q, answers_Q)
        silent_Q = (ahead_Q > self.threshold) & self.unanswerable
        found_Q = torch.where(
            silent_Q, (~answers_Q).float(), exact_Q if self.score == "exact_match" else f1_Q
        )
        chosen = {"f1_answerable": answers_Q, "accuracy_unanswerable": ~answers_Q}.get(self.score)
        found_Q = found_Q if chosen is None else found_Q[chosen]
        return found_Q.sum() / max(1, len(found_Q))


def by_question(windows_W6: Tensor) -> Tensor:
    """Join the windows of each question: of the best span, with how far "no answer" is ahead.

    Returns:
        (questions, 6), whose fifth column is the lowest score of "no answer" less the best span's.
    """
    order = windows_W6[:, 1].argsort(descending=True, stable=True)
    ids, place = windows_W6[order, 0].unique(return_inverse=True)
    first = torch.full((len(ids),), len(order), device=place.device)
    first = first.scatter_reduce(0, place, torch.arange(len(order), device=place.device), "amin")
    best = windows_W6[order][first].clone()
    lowest = torch.full((len(ids),), torch.inf, device=place.device)
    lowest = lowest.scatter_reduce(0, place, windows_W6[order, 4], "amin")
    best[:, 4] = lowest - best[:, 1]
    return best


def best_f1(f1_Q: Tensor, ahead_Q: Tensor, answers_Q: Tensor) -> Tensor:
    """Return the mean F1 at the threshold that is best for these questions.

    Args:
        f1_Q: F1 of each question's span.
        ahead_Q: How far "no answer" is ahead of it.
        answers_Q: Whether the question has an answer.
    """
    order = ahead_Q.argsort(stable=True)
    gains = torch.where(answers_Q, f1_Q, -1.0)[order].cumsum(0)
    silent = (~answers_Q).sum()  # with "no answer" to every question
    # A threshold lies between two different values.
    whole = torch.ones(len(order), dtype=torch.bool, device=order.device)
    whole[:-1] = ahead_Q[order][1:] > ahead_Q[order][:-1]
    best = torch.cat([gains.new_zeros(1), gains[whole]]).max()
    return (silent + best) / max(1, len(order))


class RightShare(Metric):
    """The share of rows that are right: choices, or windows whose start and end both are."""

    full_state_update = False
    right: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("right", "count"):
            self.add_state(name, torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, logits: Tensor, targets: Tensor | Mapping[str, Any]) -> None:
        """Add a batch: logits, (B, places, ...), and labels, (B, ...), or a batch with them."""
        labels = targets if isinstance(targets, Tensor) else targets["labels"]
        hits = logits.argmax(1) == labels
        self.right = self.right + hits.reshape(len(hits), -1).all(1).sum()
        self.count = self.count + len(hits)

    def compute(self) -> Tensor:
        """Return the share, a scalar."""
        return self.right / self.count.clamp(min=1)
