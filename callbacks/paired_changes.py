"""Changes of scores on the same questions, with 95 % intervals that are paired by question.

Scores are W wordings of N questions each, from 0 to 1.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_DRAWS = 2_000
Scores = Sequence[Sequence[float]]


class Change(NamedTuple):
    """A value before and after, and the ends of the interval of its change."""

    before: float
    after: float
    low: float
    high: float

    @property
    def change(self) -> float:
        """The value after less the one before."""
        return self.after - self.before

    @property
    def interval(self) -> str:
        """The interval in words."""
        verdict = "holds 0" if self.low <= 0 <= self.high else "does not hold 0"
        return f"{self.low:+.3f} to {self.high:+.3f}, {verdict}"


def mean_change(before: Scores, after: Scores) -> Change:
    """Compare the means over all wordings and questions.

    The interval is that of two more questions, one better and one worse, which for right and wrong
    answers is Bonett and Price's (2012). Of other scores it is a little wider than it need be.
    """
    then, now = np.asarray(before, float), np.asarray(after, float)
    differences = np.append((now - then).mean(0), [1.0, -1.0])
    half = 1.96 * math.sqrt(differences.var() / len(differences))
    middle = float(differences.mean())
    ends = max(-1.0, middle - half), min(1.0, middle + half)
    return Change(float(then.mean()), float(now.mean()), *ends)


def spread_change(before: Scores, after: Scores) -> Change:
    """Compare the standard deviations over wordings of their mean scores.

    The interval is of a bootstrap over the questions (Efron 1979), the same in both.
    """
    pair = np.stack([np.asarray(before, float), np.asarray(after, float)])  # (2, W, N)
    whole = pair.mean(2).std(1, ddof=1)
    random, count, drawn = np.random.default_rng(0), pair.shape[2], []
    for _ in range(_DRAWS):
        times = np.bincount(random.integers(count, size=count), minlength=count)
        spreads = (pair @ times / count).std(1, ddof=1)
        drawn.append(spreads[1] - spreads[0])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Change(float(whole[0]), float(whole[1]), float(low), float(high))
