"""The results of a combination of an ablation, and its difference from the baseline."""

from dataclasses import dataclass, field


@dataclass
class Difference:
    """The difference of a combination from the baseline, paired by seed.

    Attributes:
        seeds: The number of pairs.
        mean: The mean difference; None where the two are not comparable.
        low: The lower end of its interval; None without one.
        high: The upper end.
        p: The p that decides, with the errors that ``errors`` names.
        paired_t: The p of the paired t test over seeds.
        exact: The p of the sign-flip test over seeds.
        mcnemar: The p of McNemar's test on the rows of these runs.
        bootstrap: The p of the paired bootstrap over the rows of these runs.
        errors: The errors that the interval and ``p`` hold: seeds, rows or both.
        holm: ``p``, corrected for all comparisons of the ablation.
        verdict: One of better, worse, not shown, not tested and not comparable.
        needed: The number of seeds that would show the observed difference in 80 % of cases.
        why: The reason for which the two are not comparable; else empty.
        by_rows: Whether the rows are too few to show it, whatever the number of seeds.
    """

    seeds: int
    mean: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    paired_t: float | None = None
    exact: float | None = None
    mcnemar: float | None = None
    bootstrap: float | None = None
    errors: str = ""
    holm: float | None = None
    verdict: str = "not tested"
    needed: int | None = None
    why: str = ""
    by_rows: bool = False

    @property
    def rows_p(self) -> float | None:
        """The p of the test over the rows of these runs."""
        return self.bootstrap if self.mcnemar is None else self.mcnemar


@dataclass
class Line:
    """The results of a combination.

    Attributes:
        deviation: The standard deviation over seeds, with n - 1; None for one seed.
        low: The lower end of the interval of the mean; None without one.
        high: The upper end.
        errors: The errors that the interval holds: seeds, rows or both.
        others: Mean and deviation of the other metrics.
        fronts: The costs on whose Pareto front it is, if the front leaves out another.
    """

    name: str
    settings: dict[str, str]
    values: dict[int, float]
    mean: float
    deviation: float | None
    low: float | None
    high: float | None
    errors: str
    others: dict[str, tuple[float, float | None]]
    costs: dict[str, float]
    fronts: list[str] = field(default_factory=list)
    difference: Difference | None = None
