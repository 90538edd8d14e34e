"""What each test row adds to a metric of a run, computed from the predictions that runs keep."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.common.metrics import SPLITS
from experiments.reporting.predicted.table import FILE, Predicted, read

BLOCKS = 200  # of rows that are left out together
_SHARES = ("accuracy", "exact_match")


class RowValues(NamedTuple):
    """The values of some runs on the same rows.

    Attributes:
        values: (K, N), of N rows or of N blocks of rows; the mean of a run is its metric.
        share: Whether each value is 0 or 1, for a right answer.
    """

    values: np.ndarray
    share: bool


def row_values(runs: Sequence[dict[str, Any]], metric: str) -> RowValues | None:
    """The values of each row for some runs, each a result.json with its folder as ``run``.

    A metric that is no mean over rows has jackknife pseudo-values (Tukey 1958), of blocks of rows.

    Returns:
        None where a run keeps no predictions of its rows, where the rows differ, or where the
        metric is not one that follows from them.
    """
    stage, _, name = metric.partition("/")
    found, rows = [], None
    for run in runs:
        made = _of_run(str(run.get("run", "")), SPLITS.get(stage, ""), name)
        # A metric of the same name may be another one: the recorded value tells.
        if made is None or not math.isclose(
            made[1].mean(), run["metrics"][metric], rel_tol=1e-3, abs_tol=1e-3
        ):
            return None
        if rows is not None and made[0] != rows:
            return None
        rows = made[0]
        found.append(made[1])
    return RowValues(np.stack(found), name in _SHARES) if found else None


@lru_cache(maxsize=64)
def _of_run(folder: str, split: str, name: str) -> tuple[tuple, np.ndarray] | None:
    """The rows of a split, with the beginnings of their texts, and the values, (N,)."""
    file = Path(folder) / FILE
    if not split or not file.is_file():
        return None
    try:
        known = read(file).get(split)
    except ValueError:
        return None
    if known is None or len(known) < 2:
        return None
    values = _values(known, name)
    if values is None or not np.isfinite(values).all():
        return None
    return (*known.rows, *known.texts), values


def _values(found: Predicted, name: str) -> np.ndarray | None:
    right = found.label == found.prediction
    if found.kind == "class" and name == "accuracy":
        return right.astype(float)
    if found.kind == "several" and name == "exact_match":
        return right.all(1).astype(float)
    if name == "loss":
        return found.loss.astype(float)
    if found.kind == "number" and name == "mse":
        return (found.prediction - found.label) ** 2
    measure = _WHOLE.get((found.kind, name))
    return None if measure is None else _pseudo_values(found, measure)


def _pseudo_values(found: Predicted, measure: Callable[[np.ndarray, np.ndarray], float]) -> Any:
    label, said = found.label, found.prediction
    whole, blocks = measure(label, said), min(BLOCKS, len(found))
    block = np.arange(len(found)) % blocks
    left = np.array([measure(label[block != n], said[block != n]) for n in range(blocks)])
    values = blocks * whole - (blocks - 1) * left
    return values - values.mean() + whole  # the metric itself, without the jackknife's correction


def _f1_macro(label: np.ndarray, said: np.ndarray) -> float:
    if label.ndim == 1:
        names = np.union1d(label, said)
        label, said = label[:, None] == names, said[:, None] == names
        total = label.sum(0) + said.sum(0)
        return float(np.mean(2 * (label & said).sum(0) / total))
    total = label.sum(0) + said.sum(0)
    return float(np.mean(2 * (label & said).sum(0) / np.maximum(total, 1)))


def _f1_micro(label: np.ndarray, said: np.ndarray) -> float:
    return float(2 * (label & said).sum() / max(1, label.sum() + said.sum()))


def _correlation(label: np.ndarray, said: np.ndarray) -> float:
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.corrcoef(label, said)[0, 1])


def _rank_correlation(label: np.ndarray, said: np.ndarray) -> float:
    from scipy.stats import rankdata

    return _correlation(rankdata(label), rankdata(said))


def _matthews(label: np.ndarray, said: np.ndarray) -> float:
    names = np.union1d(label, said)
    one, other = ((values[:, None] == names).astype(float) for values in (label, said))
    one, other = one - one.mean(0), other - other.mean(0)
    scale = math.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / scale) if scale else 0.0


_WHOLE = {
    ("class", "f1"): _f1_macro,
    ("class", "f1_macro"): _f1_macro,
    ("class", "matthews"): _matthews,
    ("several", "f1"): _f1_micro,
    ("several", "f1_macro"): _f1_macro,
    ("number", "pearson"): _correlation,
    ("number", "spearman"): _rank_correlation,
}
