"""A metric of several runs with its interval, and the difference of two such groups of runs."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from experiments.common.metrics import facts
from experiments.reporting import intervals, paired_rows, significance
from experiments.reporting.predicted.row_values import row_values

Runs = Mapping[int, dict[str, Any]]  # result.json by seed, with the folder as ``run``
BOTH, ROWS, SEEDS = "seeds and rows", "rows", "seeds"


class Quality(NamedTuple):
    """A metric over seeds.

    Attributes:
        mean: The mean.
        low: The lower end of its interval; None without one.
        high: The upper end.
        errors: The errors that the interval holds: ``BOTH``, ``ROWS``, ``SEEDS`` or nothing.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    errors: str = ""


@dataclass
class Change:
    """The difference of a metric between two groups of runs, paired by seed.

    Attributes:
        seeds: The number of pairs.
        mean: The mean difference.
        low: The lower end of its interval; None without one.
        high: The upper end.
        p: The p that decides, with the errors that ``errors`` names; None without a test.
        paired_t: The p of the paired t test over seeds.
        exact: The p of the sign-flip test over seeds.
        mcnemar: The p of McNemar's test on the rows of these runs.
        bootstrap: The p of the paired bootstrap over the rows of these runs.
        errors: The errors that interval and ``p`` hold.
    """

    seeds: int
    mean: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    paired_t: float | None = None
    exact: float | None = None
    mcnemar: float | None = None
    bootstrap: float | None = None
    errors: str = ""

    @property
    def rows_p(self) -> float | None:
        """The p of the test over the rows of these runs."""
        return self.bootstrap if self.mcnemar is None else self.mcnemar


def quality(runs: Runs, metric: str, level: float = 0.95) -> Quality:
    """The mean of a metric over seeds, with an interval within the metric's range.

    It holds the errors of seeds and of the measured rows where the runs keep their predictions, and
    else that of seeds alone.
    """
    found = list(runs.values())
    values = [run["metrics"][metric] for run in found]
    bounds, mean = _bounds(found, metric), statistics.fmean(values)
    if (known := row_values(found, metric)) is None:
        ends, errors = intervals.of_runs(values, bounds, level), SEEDS
    else:
        ends = intervals.of_rows(known.values, bounds, known.share, level)
        errors = BOTH if len(values) > 1 else ROWS
    return Quality(mean, *ends, errors=errors) if ends else Quality(mean)


def ends(low: float | None, high: float | None, sign: str = "") -> str:
    """Both ends of an interval, or a dash."""
    return "–" if low is None or high is None else f"{low:{sign}.4f} to {high:{sign}.4f}"


def change(ours: Runs, theirs: Runs, metric: str, level: float = 0.95) -> Change:
    """The difference of a metric between two groups of runs, paired by the seeds of both.

    Without a common seed it is that of the means, untested; so is one that is not a finite number.
    """
    seeds = [seed for seed in ours if seed in theirs]
    one, other = ([runs[seed] for seed in seeds] for runs in (ours, theirs))
    if not seeds:
        means = [statistics.fmean(r["metrics"][metric] for r in g.values()) for g in (ours, theirs)]
        return Change(0, means[0] - means[1])
    pairs = zip(one, other, strict=True)
    differences = [a["metrics"][metric] - b["metrics"][metric] for a, b in pairs]
    if not all(map(math.isfinite, differences)):
        return Change(len(seeds), statistics.fmean(differences))
    over_seeds = significance.paired(differences, level)
    low, high = _bounds([*one, *other], metric)
    tests = over_seeds.p, over_seeds.exact
    both = row_values([*one, *other], metric)
    if both is None:
        mean, half = over_seeds.mean, over_seeds.half
        if half is None:
            return Change(len(seeds), mean, None, None, tests[0], *tests)
        ends = max(low - high, mean - half), min(high - low, mean + half)
        return Change(len(seeds), mean, *ends, tests[0], *tests, errors=SEEDS)
    rows = both.values[: len(one)], both.values[len(one) :]
    found = paired_rows.difference(*rows, high - low, both.share, level)
    sampled = paired_rows.bootstrap(rows[0] - rows[1])
    errors = BOTH if len(seeds) > 1 else ROWS
    return Change(len(seeds), over_seeds.mean, *found[:3], *tests, found.mcnemar, sampled, errors)


def _bounds(runs: Sequence[dict[str, Any]], metric: str) -> tuple[float, float]:
    known = facts(metric, runs[0].get("metric_facts"))
    return known.bounds(run["metrics"][metric] for run in runs)
