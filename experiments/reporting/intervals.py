"""Intervals that hold the errors of seeds and of test rows, and stay within a metric's range.

K runs are tested on the same N rows. What a row adds to the metric of a run varies between runs
(variance a), between rows (b) and beyond both (e), so the variance of the mean is
a/K + b/N + e/(KN). Its parts come from the mean squares of the table of K x N values. With few runs
the part of the runs is uncertain itself. Of two usual answers, Satterthwaite's (1946) degrees of
freedom give too narrow intervals and the generalized interval (Weerahandi 1993) too wide ones; the
geometric mean of their tails is close to its level (``benchmarks/interval_coverage.py``).
All functions are pure. They import scipy when they run, which takes a second.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

_GRID = 800  # quantiles of the variance between runs
_SHARED = 0.5  # wrong rows that are taken to be shared by all runs, beside those that are seen
WHOLE = (-math.inf, math.inf)


class Spread(NamedTuple):
    """The squared standard errors of a mean over K runs and N rows.

    Attributes:
        mean: The mean over runs and rows.
        rows: The square of the error that other rows would bring to these runs.
        runs: The mean square between runs over KN; None for one run.
        error: The mean square beyond runs and rows over KN.
        seeds: K.
        degrees: The degrees of freedom of ``rows``; infinite where it follows from the mean.
    """

    mean: float
    rows: float
    runs: float | None
    error: float
    seeds: int
    degrees: float


def spread(values: np.ndarray, share: bool = False) -> Spread:
    """Splits the variance of K x N values.

    Args:
        values: (K, N), what each row adds to the metric of each run.
        share: Whether each value is 0 or 1, or for differences -1, 0 or 1.
    """
    count, rows = values.shape
    mean, by_row, by_run = float(values.mean()), values.mean(0), values.mean(1)
    of_rows = float(by_row.var(ddof=1)) if rows > 1 else 0.0
    degrees = max(1.0, rows - 1.0)
    if share:
        whole = float((values**2).mean()) - mean**2
        if whole > 0:
            # Few wrong rows tell little of how much the runs share them: none at all, to be safe,
            # is half a row.
            part = min(1.0, of_rows * (rows - 1) / rows / whole)
            wrong = rows * (whole if mean > 0.5 or values.min() >= 0 else float(abs(values).mean()))
            part = 1.0 if count == 1 else (wrong * part + _SHARED) / (wrong + _SHARED)
            of_rows = part * whole
        degrees = math.inf
    if count == 1:
        return Spread(mean, of_rows / rows, None, 0.0, 1, degrees)
    runs = rows * float(by_run.var(ddof=1))
    rest = values - by_row[None] - by_run[:, None] + mean
    error = float((rest**2).sum()) / max(1, (count - 1) * (rows - 1))
    size = count * rows
    return Spread(mean, of_rows / rows, runs / size, error / size, count, degrees)


def _variances(found: Spread) -> np.ndarray:
    """Equally likely squares of the standard error, (quantiles,); one for one run."""
    if found.runs is None:
        return np.array([found.rows])
    scaled = found.runs * (found.seeds - 1) / _chi_squares(found.seeds - 1)
    return found.rows + np.maximum(scaled - found.error, 0)


@cache
def _chi_squares(degrees: int) -> np.ndarray:
    from scipy.special import chdtri

    return chdtri(degrees, (np.arange(_GRID) + 0.5) / _GRID)


def tail(found: Spread, distance: float) -> float:
    """The probability that the mean is so far from its true value or farther: a two-sided p."""
    from scipy.special import ndtr, stdtr

    if distance == 0:
        return 1.0
    with np.errstate(divide="ignore"):
        scores = -abs(distance) / np.sqrt(_variances(found))
    each = ndtr(scores) if math.isinf(found.degrees) else stdtr(found.degrees, scores)
    general = min(1.0, 2 * float(each.mean()))
    if found.runs is None:
        return general
    whole = found.rows + max(found.runs - found.error, 0.0)
    if not whole:
        return 0.0
    squares = found.runs**2 / (found.seeds - 1) + found.rows**2 / found.degrees
    degrees = max(whole**2 / squares, found.seeds - 1) if squares else math.inf
    score = -abs(distance) / math.sqrt(whole)
    approximate = 2 * float(ndtr(score) if math.isinf(degrees) else stdtr(degrees, score))
    return math.sqrt(general * approximate)


def half_width(found: Spread, level: float = 0.95) -> float:
    """Half the interval of the mean, before it is fitted into a range."""
    from scipy.optimize import brentq

    most = math.sqrt(float(_variances(found).max()))
    if most == 0:
        return 0.0
    high = most
    while tail(found, high) > 1 - level:
        high *= 2
    if tail(found, 1e-9 * high) <= 1 - level:  # the error beyond runs and rows explains it all
        return 0.0
    return float(brentq(lambda h: tail(found, h) - (1 - level), 1e-9 * high, high, xtol=1e-7))


def within(
    mean: float,
    half: float,
    bounds: tuple[float, float] = WHOLE,
    rows: float | None = None,
    level: float = 0.95,
) -> tuple[float, float] | None:
    """Fits the interval of a mean into the metric's range.

    Between two bounds it is Wilson's (1927) with the number of rows that would have the same
    variance; above or below one bound it is symmetric in the logarithm.

    Args:
        mean: The mean.
        half: Half the interval, symmetric.
        bounds: The range.
        rows: The number of rows where the mean is at a bound or half is 0, which show no variance.
        level: The level of the interval.

    Returns:
        Both ends; None if the mean is at a bound and the number of rows is unknown.
    """
    from scipy.special import ndtri

    low, high = bounds
    if math.isinf(low) and math.isinf(high):
        return mean - half, mean + half
    if math.isinf(low) or math.isinf(high):
        start, sign = (low, 1) if math.isinf(high) else (high, -1)
        reach = abs(mean - start)
        if not reach:
            return None
        factor = math.exp(min(half / reach, 50.0))
        ends = start + sign * reach / factor, start + sign * reach * factor
        return min(ends), max(ends)
    share = (mean - low) / (high - low)
    score = float(ndtri((1 + level) / 2))
    if 0 < share < 1 and half > 0:
        rows = share * (1 - share) * (score * (high - low) / half) ** 2
    if rows is None or not 0 <= share <= 1:
        return None
    scale = 1 + score**2 / rows
    middle = (share + score**2 / (2 * rows)) / scale
    reach = score / scale * math.sqrt(share * (1 - share) / rows + (score / (2 * rows)) ** 2)
    ends = middle - reach, middle + reach
    return low + max(0.0, ends[0]) * (high - low), low + min(1.0, ends[1]) * (high - low)


def of_share(share: float, rows: int) -> tuple[float, float] | None:
    """The 95 % interval (Wilson 1927) of a share of so many rows; None of what is no share."""
    return within(share, 0.0, (0.0, 1.0), rows)


def of_rows(
    values: np.ndarray,
    bounds: tuple[float, float] = WHOLE,
    share: bool = False,
    level: float = 0.95,
) -> tuple[float, float] | None:
    """The interval of a metric, of runs whose rows are known; see ``spread`` and ``within``."""
    found = spread(values, share)
    return within(found.mean, half_width(found, level), bounds, values.shape[1], level)


def of_runs(
    values: Sequence[float], bounds: tuple[float, float] = WHOLE, level: float = 0.95
) -> tuple[float, float] | None:
    """The interval of a mean over runs by Student's t, fitted into the range; without rows' error.

    None for fewer than two runs, or where all have one value at a bound.
    """
    from scipy.special import stdtrit

    if len(values) < 2:
        return None
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(stdtrit(len(values) - 1, (1 + level) / 2)) * error
    return within(float(np.mean(values)), half, bounds, None, level) if half else None
