"""The measures of predictions that the record of a run keeps: by class, confusions, calibration."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.reporting.predicted.table import Predicted

BINS = 15  # of confidence, as Guo et al. 2017 take
WHOLE = 30  # classes up to which the record holds the whole confusion matrix
CONFUSIONS = 20  # the largest cells beside its diagonal


def measures(found: Predicted, train: Sequence[Any] | None = None) -> dict[str, Any]:
    """The measures of a split.

    Args:
        found: The predictions of the split.
        train: The labels of the training rows as ids, numbers or lists of ids, for the baseline;
            None takes those of the split itself.

    Returns:
        ``kind`` and ``rows``; ``baseline``, the answer that is given most in training and its score
        on these rows; and

        - of classes ``accuracy``, ``f1_macro``, ``f1_micro``, ``ece``, ``classes`` (a dict for each
          with name, precision, recall, f1, support and predicted), ``confusions`` (the largest
          cells: label, prediction, rows) and, of few classes, ``confusion`` (rows are labels);
        - of several labels the same but for accuracy, which is ``exact_match``, and confusions;
        - of numbers ``mse`` and ``mae``.

        A precision without a prediction and a recall without a row are None.
    """
    known: dict[str, Any] = {"kind": found.kind, "rows": len(found)}
    if not len(found):
        return known
    if found.kind == "number":
        error = found.prediction - found.label
        mean = float(np.mean(found.label if train is None else np.asarray(train, float)))
        baseline: dict[str, Any] = {
            "prediction": mean,
            "mse": float(np.mean((found.label - mean) ** 2)),
        }
        figures = {"mse": float(np.mean(error**2)), "mae": float(np.mean(np.abs(error)))}
        return {**known, "baseline": baseline, **figures}
    if found.kind == "several":
        hits = (found.label & found.prediction).sum(0)
        support, predicted = found.label.sum(0), found.prediction.sum(0)
        exact = float((found.label == found.prediction).all(1).mean())
        known |= {"baseline": _usual_set(found, train), "exact_match": exact}
        return known | _by_class(found, hits, support, predicted)
    count = len(found.names)
    right = found.label == found.prediction
    hits = np.bincount(found.label[right], minlength=count)
    support = np.bincount(found.label, minlength=count)
    predicted = np.bincount(found.prediction, minlength=count)
    usual = support if train is None else np.bincount(np.asarray(train, int), minlength=count)
    most = int(usual.argmax())
    share = float(support[most] / len(found))
    known |= {"baseline": {"label": found.names[most], "accuracy": share}}
    known |= {"accuracy": float(right.mean())}
    known |= _by_class(found, hits, support, predicted)
    return known | _confusions(found)


def _usual_set(found: Predicted, train: Sequence[Any] | None) -> dict[str, Any]:
    """The set of labels that is the most frequent in training, and how often it is right."""
    sets = [tuple(row.nonzero()[0].tolist()) for row in found.label]
    given = sets if train is None else [tuple(sorted(row)) for row in train]
    most = Counter(given).most_common(1)[0][0]
    score = sum(one == most for one in sets) / len(sets)
    return {"label": ", ".join(found.names[n] for n in most) or "none", "exact_match": score}


def _by_class(
    found: Predicted, hits: np.ndarray, support: np.ndarray, predicted: np.ndarray
) -> dict[str, Any]:
    classes: list[dict[str, Any]] = []
    for at, name in enumerate(found.names):
        hit, rows, said = int(hits[at]), int(support[at]), int(predicted[at])
        classes.append(
            {
                "name": name,
                "precision": hit / said if said else None,
                "recall": hit / rows if rows else None,
                "f1": 2 * hit / (rows + said) if rows + said else None,
                "support": rows,
                "predicted": said,
            }
        )
    scores = [one["f1"] for one in classes if one["f1"] is not None]
    total = int(support.sum() + predicted.sum())
    return {
        "f1_macro": float(np.mean(scores)) if scores else None,
        "f1_micro": 2 * int(hits.sum()) / total if total else None,
        "ece": ece(found),
        "classes": classes,
    }


def _confusions(found: Predicted) -> dict[str, Any]:
    """The largest cells beside the diagonal, and of few classes the whole matrix."""
    count = len(found.names)
    cells, rows = np.unique(found.label * count + found.prediction, return_counts=True)
    labels, said = np.divmod(cells, count)
    wrong = np.flatnonzero(labels != said)
    wrong = wrong[np.argsort(-rows[wrong], kind="stable")][:CONFUSIONS]
    largest = [
        {
            "label": found.names[labels[at]],
            "prediction": found.names[said[at]],
            "rows": int(rows[at]),
        }
        for at in wrong
    ]
    if count > WHOLE:
        return {"confusions": largest}
    matrix = np.zeros((count, count), int)
    matrix[labels, said] = rows
    return {"confusions": largest, "confusion": matrix.tolist()}


def reliability(found: Predicted) -> list[tuple[float, float, int]]:
    """Mean confidence, share of right answers and number of answers in each bin that has some.

    Of several labels every label of a row is an answer of its own.
    """
    sure, right = _answers(found)
    bins = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    sums = np.bincount(bins, sure, BINS), np.bincount(bins, right, BINS)
    return [
        (float(sums[0][n] / count[n]), float(sums[1][n] / count[n]), int(count[n]))
        for n in np.flatnonzero(count)
    ]


def ece(found: Predicted) -> float | None:
    """The expected calibration error (Guo et al. 2017); None without probabilities to take."""
    if found.confidence is None or not len(found):
        return None
    if found.kind == "several" and found.probabilities is None:
        return None
    if not np.isfinite(found.confidence).all():
        return None
    bins = reliability(found)
    return sum(n * abs(sure - right) for sure, right, n in bins) / sum(n for *_, n in bins)


def _answers(found: Predicted) -> tuple[np.ndarray, np.ndarray]:
    """The confidence of each answer, and whether it is right, (answers,) each."""
    if found.kind == "several":
        assert found.probabilities is not None
        chances = found.probabilities.astype(float)
        sure = np.where(found.prediction, chances, 1 - chances)
        return sure.reshape(-1), (found.label == found.prediction).reshape(-1)
    assert found.confidence is not None
    return found.confidence.astype(float), found.label == found.prediction
