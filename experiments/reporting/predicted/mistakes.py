"""The rows that a model gets wrong: the most confident mistakes, and where they gather."""

import re
from collections import Counter
from typing import Any

import numpy as np

from experiments.reporting.predicted.table import Predicted

_WORD = re.compile(r"[\u2e80-\u9fff]|\w+")  # a Chinese character counts as a word
_PARTS = 4  # of the rows by their length, and by their rare words


def badness(found: Predicted) -> np.ndarray:
    """The badness of each row's prediction, (N,): a row with 0 or less is right.

    Of classes it is the probability of the prediction less that of the label, of several labels
    the largest distance of a probability from the truth less 0.5, of numbers the size of the error.
    """
    if found.kind == "number":
        return np.abs(found.prediction - found.label)
    if found.kind == "several":
        if found.probabilities is None:
            return (found.label != found.prediction).sum(1).astype(float)
        return np.abs(found.probabilities - found.label).max(1) - 0.5
    assert found.confidence is not None
    return np.where(found.prediction == found.label, 0.0, found.confidence - np.exp(-found.loss))


def worst(found: Predicted, most: int) -> list[int]:
    """The places of the most confident mistakes, or of the largest errors, the worst first.

    A label that is wrong in the data is likely among the first: the model has learned from all
    other rows what the label should be.
    """
    bad = np.nan_to_num(badness(found), nan=np.inf)
    order = np.argsort(-bad, kind="stable")[:most]
    return [int(at) for at in order if bad[at] > 0]


def is_right(found: Predicted) -> np.ndarray:
    """Whether each row is right, (N,) bool; of several labels if all are. None of numbers."""
    equal = found.label == found.prediction
    return equal.all(1) if equal.ndim == 2 else equal


def row(found: Predicted, at: int) -> dict[str, Any]:
    """One row for a table: its number, label, prediction, confidence or error, and text."""
    number = found.kind == "number"
    known: dict[str, Any] = {
        "row": found.rows[at],
        "label": found.named(found.label, at),
        "prediction": found.named(found.prediction, at),
    }
    if number:
        known["error"] = round(float(found.prediction[at] - found.label[at]), 4)
    elif found.confidence is not None:
        known["confidence"] = round(float(found.confidence[at]), 4)
    known |= {"loss": round(float(found.loss[at]), 4), "text": found.texts[at]}
    return known if found.pairs is None else {**known, "pair": found.pairs[at]}


def rarity(found: Predicted) -> np.ndarray:
    """The share of each text's words that are in no other text of the split, (N,)."""
    seen: Counter[str] = Counter()
    for text in found.texts:
        seen.update(set(_words(text)))
    shares = []
    for text in found.texts:
        words = set(_words(text))
        shares.append(sum(seen[word] < 2 for word in words) / len(words) if words else 0.0)
    return np.array(shares)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def slices(found: Predicted, rare: np.ndarray) -> list[dict[str, Any]]:
    """The share of right rows, or the mean squared error, by quarters of length and of rare words.

    Rows with the same value are in the same part, so that there can be fewer than four.
    """
    number = found.kind == "number"
    score = found.loss if number else is_right(found).astype(float)
    name = "mse" if number else "right"
    lines = []
    for title, values, form in (
        ("characters", found.lengths.astype(float), "{:,.0f}"),
        ("share of words in no other text", rare, "{:.2f}"),
    ):
        edges = np.unique(np.quantile(values, np.linspace(0, 1, _PARTS + 1)[1:]))
        part = np.searchsorted(edges, values)
        for one in np.unique(part):
            chosen = part == one
            low, high = values[chosen].min(), values[chosen].max()
            lines.append(
                {
                    "by": title,
                    "from": form.format(low),
                    "to": form.format(high),
                    "rows": int(chosen.sum()),
                    name: round(float(score[chosen].mean()), 4),
                }
            )
    return lines
