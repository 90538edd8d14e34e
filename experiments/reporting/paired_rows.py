"""Differences of a metric between runs on the same test rows: intervals and paired tests."""

import math
from typing import NamedTuple

import numpy as np

from experiments.reporting import intervals


class Difference(NamedTuple):
    """A difference of two metrics on the same rows, with runs in pairs.

    Attributes:
        low: The lower end of its interval.
        high: The upper end.
        p: The two-sided p with the errors of seeds and rows, or of rows for one pair.
        mcnemar: The p of McNemar's test, for these runs; None where values are not 0 or 1.
    """

    low: float
    high: float
    p: float
    mcnemar: float | None


def difference(
    ours: np.ndarray, theirs: np.ndarray, width: float, share: bool = False, level: float = 0.95
) -> Difference:
    """The difference between K pairs of runs on the same N rows.

    Args:
        ours: (K, N), what each row adds to the metric of each run.
        theirs: (K, N), of the runs that they are compared with.
        width: The width of the metric's range, which no difference exceeds.
        share: Whether each value is 0 or 1.
        level: The level of the interval.
    """
    values = ours - theirs
    found = intervals.spread(values, share)
    mean, half = found.mean, intervals.half_width(found, level)
    p = intervals.tail(found, mean)
    mcnemar = None
    if share:
        mcnemar = mcnemar_test(values)
        mean, half = _bonett_price(values, mean, half, level)
        p = max(p, mcnemar)
    low, high = max(-width, mean - half), min(width, mean + half)
    return Difference(low, high, p, mcnemar)


def _bonett_price(
    values: np.ndarray, mean: float, half: float, level: float
) -> tuple[float, float]:
    """Centre and half the interval of a difference of shares (Bonett and Price 2012).

    It has two more rows, of which one counts for each side.
    """
    from scipy.special import ndtri

    score = float(ndtri((1 + level) / 2))
    differ = float(abs(values).mean())
    whole = differ - mean**2
    rows = whole * (score / half) ** 2 if half and whole > 0 else float(values.shape[1])
    centre = mean * rows / (rows + 2)
    varies = (differ * rows + 2) / (rows + 2) - centre**2
    return centre, score * math.sqrt(varies / (rows + 2))


def mcnemar_test(values: np.ndarray) -> float:
    """The p of McNemar's test on differences of -1, 0 and 1 between pairs of runs.

    One pair has the exact test. Of several, the values of a row belong together (Durkalski et al.
    2003).

    Args:
        values: (K, N).
    """
    from scipy.special import ndtr
    from scipy.stats import binomtest

    if len(values) == 1:
        more, fewer = int((values > 0).sum()), int((values < 0).sum())
        return float(binomtest(more, more + fewer).pvalue) if more + fewer else 1.0
    sums = values.sum(0)
    total = float((sums**2).sum())
    return float(2 * ndtr(-abs(float(sums.sum())) / math.sqrt(total))) if total else 1.0


def bootstrap(values: np.ndarray, draws: int = 1999) -> float:
    """The p of the paired bootstrap: rows are drawn anew, the runs stay; always the same draws.

    Args:
        values: (K, N), the differences between pairs of runs.
        draws: The number of samples.
    """
    by_row = values.mean(0)
    kinds, counts = np.unique(by_row, return_counts=True)
    random = np.random.default_rng(0)
    if len(kinds) <= 200:  # as of shares: how often each value is drawn
        means = random.multinomial(len(by_row), counts / len(by_row), draws) @ kinds / len(by_row)
    else:
        means = np.array([by_row[random.integers(0, len(by_row), len(by_row))].mean()
                          for _ in range(draws)])  # fmt: skip
    below = min(int((means <= 0).sum()), int((means >= 0).sum()))
    return min(1.0, 2 * (below + 1) / (draws + 1))
