"""Entities in tagged sentences, and how many of them are found."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from datamodules.words import entity_types

Score = Literal["precision", "recall", "f1"]


def spans(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return the entities of a sentence in BIO: the first word, one past the last, and the type.

    An I- that goes on with no entity of its type begins one, as in the evaluation of CoNLL-2000
    (Tjong Kim Sang & Buchholz 2000, arXiv:cs/0009008).
    """
    found: list[tuple[int, int, str]] = []
    start, kind = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if kind and (prefix != "I" or name != kind):
            found.append((start, place, kind))
            kind = ""
        if prefix != "O" and not kind:
            start, kind = place, name
    return found


class EntityScores(Metric):
    """Precision, recall or F1 over entities: one counts if its words and its type are right.

    Args:
        labels: The tags in BIO, in the order of their ids.
        score: The value that ``compute`` returns.
    """

    full_state_update = False
    found: Tensor  # (types,) entities that are predicted, in the data, and right
    wanted: Tensor
    right: Tensor

    def __init__(self, labels: Sequence[str], score: Score = "f1") -> None:
        super().__init__()
        self.names, self.types, self.score = list(labels), entity_types(labels), score
        for name in ("found", "wanted", "right"):
            zeros = torch.zeros(len(self.types), dtype=torch.long)
            self.add_state(name, zeros, dist_reduce_fx="sum")

    def update(self, logits_BTC: Tensor, labels_BT: Tensor) -> None:
        """Count the entities of a batch; words have a label of 0 or more, other tokens -100."""
        place = {kind: number for number, kind in enumerate(self.types)}
        counts = torch.zeros(3, len(self.types), dtype=torch.long)
        for best, labels in zip(logits_BTC.argmax(-1).tolist(), labels_BT.tolist(), strict=True):
            words = [(b, label) for b, label in zip(best, labels, strict=True) if label >= 0]
            said = set(spans([self.names[b] for b, _ in words]))
            true = set(spans([self.names[label] for _, label in words]))
            for row, entities in enumerate((said, true, said & true)):
                for *_, kind in entities:
                    counts[row, place[kind]] += 1
        counts = counts.to(self.found.device)
        self.found, self.wanted, self.right = (
            self.found + counts[0],
            self.wanted + counts[1],
            self.right + counts[2],
        )

    def compute(self) -> Tensor:
        """Return the score over the entities of all types, a scalar; 0 where there are none."""
        return _scores(self.found.sum(), self.wanted.sum(), self.right.sum())[self.score]

    def by_type(self) -> dict[str, dict[str, float]]:
        """Return precision, recall, f1 and support of each type."""
        counts = zip(self.found, self.wanted, self.right, strict=True)
        return {
            kind: {name: float(value) for name, value in _scores(*of_kind).items()}
            | {"support": int(of_kind[1])}
            for kind, of_kind in zip(self.types, counts, strict=True)
        }


class WordAccuracy(Metric):
    """The share of the words with the right tag."""

    full_state_update = False
    right: Tensor
    words: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("right", "words"):
            self.add_state(name, torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, logits_BTC: Tensor, labels_BT: Tensor) -> None:
        """Add a batch; words have a label of 0 or more, other tokens -100."""
        self.right = self.right + (logits_BTC.argmax(-1) == labels_BT).sum()
        self.words = self.words + (labels_BT >= 0).sum()

    def compute(self) -> Tensor:
        """Return the accuracy by word, a scalar."""
        return self.right / self.words.clamp(min=1)


def _scores(found: Tensor, wanted: Tensor, right: Tensor) -> dict[str, Tensor]:
    precision, recall = right / found.clamp(min=1), right / wanted.clamp(min=1)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * right / (found + wanted).clamp(min=1),
    }
