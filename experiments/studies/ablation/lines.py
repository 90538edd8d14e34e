"""The results of a combination of an ablation, and its difference from the baseline."""

from dataclasses import dataclass, field

from experiments.reporting.quality import Change


@dataclass
class Difference(Change):
    """The difference of a combination from the baseline, paired by seed, and what it says.

    Attributes:
        mean: The mean difference; None where the two are not comparable.
        holm: ``p``, corrected for all comparisons of the ablation.
        verdict: One of better, worse, not shown, not tested and not comparable.
        needed: The number of seeds that would show the observed difference in 80 % of cases.
        why: The reason for which the two are not comparable; else empty.
        by_rows: Whether the rows are too few to show it, whatever the number of seeds.
    """

    mean: float | None  # type: ignore[assignment]  # only here may it be missing
    holm: float | None = None
    verdict: str = "not tested"
    needed: int | None = None
    why: str = ""
    by_rows: bool = False


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
