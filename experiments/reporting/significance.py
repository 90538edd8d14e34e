"""Is a difference real? Intervals, paired tests, multiple comparisons, and Pareto fronts.

All functions are pure. They import scipy when they run: the import takes a second, which `--help`
does without.
"""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

EXACT_SEEDS = 15  # up to so many pairs, all 2^n signs are tried


class Paired(NamedTuple):
    """The result of paired tests.

    Attributes:
        mean: The mean of the differences.
        half: Half the interval of the mean; None for one pair, or if all differences are equal.
        p: The two-sided p of Student's paired t test; the p of the sign-flip test if all
            differences are equal, where t is undefined; None for one pair.
        exact: The two-sided p of the sign-flip test, which assumes only that without an effect both
            signs are equally likely; None for one pair.
    """

    mean: float
    half: float | None
    p: float | None
    exact: float | None


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float | None]:
    """The mean and half its interval by Student's t.

    The half is None for fewer than two values, or where one is not a finite number.
    """
    from scipy.stats import t

    if len(values) < 2 or not all(map(math.isfinite, values)):
        return statistics.fmean(values), None
    error = statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values), float(t.ppf((1 + level) / 2, len(values) - 1)) * error


def paired(differences: Sequence[float], level: float = 0.95) -> Paired:
    """Tests whether paired differences, such as those of each seed, have a mean other than 0."""
    from scipy.stats import t

    mean, half = interval(differences, level)
    count = len(differences)
    if count < 2:
        return Paired(mean, None, None, None)
    exact = sign_flip(differences)
    if _alike(differences):
        return Paired(mean, None, exact, exact)
    statistic = mean / (statistics.stdev(differences) / math.sqrt(count))
    return Paired(mean, half, float(2 * t.sf(abs(statistic), count - 1)), exact)


def _alike(values: Sequence[float]) -> bool:
    """Tells whether the values differ by rounding only, so that no test can use their spread."""
    return float(np.ptp(values)) <= 1e-12 * max(1.0, float(np.max(np.abs(values))))


def sign_flip(differences: Sequence[float]) -> float:
    """The two-sided p of the mean among the means under all choices of signs (Fisher 1935).

    Beyond ``EXACT_SEEDS`` pairs it takes 9,999 random choices of signs, always the same.
    """
    from scipy.stats import permutation_test

    most = math.inf if len(differences) <= EXACT_SEEDS else 9999
    values = (np.asarray(differences, dtype=float),)
    settings = {"permutation_type": "samples", "n_resamples": most, "vectorized": True}
    found = permutation_test(values, lambda x, axis: x.mean(axis), rng=0, **settings)
    return float(found.pvalue)


def smallest_exact(count: int, comparisons: int = 1) -> float:
    """The least p that the sign-flip test can give for so many pairs, after Holm's correction."""
    return min(1.0, comparisons * 2 / 2**count)


def pairs_for_exact(alpha: float, comparisons: int = 1) -> int:
    """The fewest pairs with which the sign-flip test can reach alpha."""
    return math.ceil(math.log2(2 * comparisons / alpha))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Corrects p values for the number of comparisons (Holm 1979).

    The chance of one false alarm among all of them is then at most the level, whatever the tests
    have in common, such as a baseline. None stays None and is not counted.
    """
    corrected: list[float | None] = [None] * len(values)
    known = sorted((p, place) for place, p in enumerate(values) if p is not None)
    before = 0.0
    for rank, (p, place) in enumerate(known):
        before = corrected[place] = min(1.0, max(before, (len(known) - rank) * p))
    return corrected


def pairs_needed(
    differences: Sequence[float], alpha: float, power: float = 0.8, most: int = 1000
) -> int | None:
    """The number of pairs with which a t test would find the observed effect, if it is true.

    None if the differences are all equal or if more than ``most`` pairs are needed. The figure is
    as rough as the deviation of the given pairs.
    """
    from scipy.stats import nct, t

    if len(differences) < 2 or _alike(differences):
        return None
    effect = abs(statistics.fmean(differences)) / statistics.stdev(differences)
    counts = np.arange(2, most + 1)
    shifts, edges = effect * np.sqrt(counts), t.ppf(1 - alpha / 2, counts - 1)
    # Of large effects scipy has the far tail, which is below 1e-15 then, as NaN.
    far = np.nan_to_num(nct.cdf(-edges, counts - 1, shifts))
    enough = counts[nct.sf(edges, counts - 1, shifts) + far >= power]
    return int(enough[0]) if len(enough) else None


def pareto_front(costs: Sequence[float], qualities: Sequence[float]) -> list[bool]:
    """Marks the points of the Pareto front: no other is as good for less, or better for as much."""
    points = list(zip(costs, qualities, strict=True))
    return [
        not any(
            other <= cost and better >= quality and (other, better) != (cost, quality)
            for other, better in points
        )
        for cost, quality in points
    ]
