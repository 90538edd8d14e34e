"""The statistics of an ablation: quality and cost of each combination, and tested differences."""

import statistics
from dataclasses import dataclass, field
from typing import Any

from experiments.common.metrics import lower_is_better
from experiments.reporting import significance
from experiments.reporting.results import conditions, cost, headline, main_metric
from experiments.studies.ablation.grid import Combination
from experiments.studies.ablation.settings import Settings

Results = dict[Combination, dict[int, dict[str, Any]]]  # result.json by combination and seed
# Less is better, except for tokens_per_second.
COSTS = ("parameters", "seconds", "tokens_per_second", "peak_memory_bytes")


@dataclass(frozen=True)
class Question:
    """The question of an ablation.

    Attributes:
        name: The name of the ablation, of its folder and of its group.
        script: The file name of the experiment.
        keys: The flags that are varied.
        baseline: The combination with which all others are compared.
        metric: The metric to compare; None is the one that chose the checkpoints, on the test rows
            if there are any.
        alpha: The level of all tests; intervals have the level 1 - alpha.
        seeds: The number of runs that each combination should have.
        notes: Further facts for the reader.
    """

    name: str
    script: str
    keys: list[str]
    baseline: Combination
    metric: str | None
    alpha: float
    seeds: int
    notes: list[str] = field(default_factory=list)


@dataclass
class Difference:
    """The difference of a combination from the baseline, paired by seed.

    Attributes:
        seeds: The number of pairs.
        mean: The mean difference.
        half: Half the interval of the mean.
        p: The p of the paired t test.
        exact: The p of the sign-flip test.
        holm: The p of the t test, corrected for all comparisons of the ablation.
        verdict: One of better, worse, not shown and not tested.
        needed: The number of seeds that would show the observed difference in 80 % of cases.
    """

    seeds: int
    mean: float
    half: float | None
    p: float | None
    exact: float | None
    holm: float | None = None
    verdict: str = "not tested"
    needed: int | None = None


@dataclass
class Line:
    """The results of a combination. Spreads are sample deviations; None for one seed."""

    name: str
    settings: dict[str, str]
    values: dict[int, float]
    mean: float
    deviation: float | None
    half: float | None
    others: dict[str, tuple[float, float | None]]
    costs: dict[str, float]
    fronts: list[str] = field(default_factory=list)  # the costs on whose Pareto front it is
    difference: Difference | None = None


@dataclass
class Report:
    """The contents of a report in any format. The baseline is the line without a difference."""

    name: str
    script: str
    keys: list[str]
    metric: str
    higher: bool
    alpha: float
    seeds: int
    lines: list[Line]
    notes: list[str]
    about: str
    curves: dict[str, dict[str, dict[str, list]]] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)

    @property
    def baseline(self) -> Line:
        return next(line for line in self.lines if line.difference is None)


def analyse(asked: Question, results: Results) -> Report:
    """Computes the report of an ablation from the results of its runs.

    Raises:
        ValueError: If the results lack the metric, or if no run of the baseline has finished.
    """
    results = {combination: found for combination, found in results.items() if found}
    if asked.baseline not in results:
        raise ValueError(f"no run of the baseline, {asked.baseline.name}, has finished")
    runs = [run for found in results.values() for run in found.values()]
    shown = list(dict(headline(runs[0])))
    metric = main_metric(runs[0], asked.metric)[0]
    for run in runs:
        main_metric(run, metric)
    others = [name for name in shown if name != metric and all(name in r["metrics"] for r in runs)]
    higher = not lower_is_better(metric)
    lines = {c: _line(c, found, metric, others, asked.alpha) for c, found in results.items()}
    _mark_fronts(list(lines.values()), 1 if higher else -1)
    _compare(lines, asked, 1 if higher else -1)
    about = conditions([{"seeds": len(line.values)} for line in lines.values()], runs)
    notes = [*asked.notes, *_cautions(list(lines.values()), asked, metric)]
    return Report(
        asked.name,
        asked.script,
        asked.keys,
        metric,
        higher,
        asked.alpha,
        asked.seeds,
        list(lines.values()),
        notes,
        about,
    )


def _line(
    combination: Combination, runs: dict[int, dict], metric: str, others: list[str], alpha: float
) -> Line:
    values = {seed: runs[seed]["metrics"][metric] for seed in sorted(runs)}
    mean, half = significance.interval(list(values.values()), 1 - alpha)
    rest = {name: _spread([run["metrics"][name] for run in runs.values()]) for name in others}
    costs = {c: statistics.fmean(cost(run, c) for run in runs.values()) for c in COSTS}
    deviation = _spread(list(values.values()))[1]
    settings = dict(combination.settings)
    return Line(combination.name, settings, values, mean, deviation, half, rest, costs)


def _spread(values: list[float]) -> tuple[float, float | None]:
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def _mark_fronts(lines: list[Line], sign: int) -> None:
    for name in COSTS:
        less = -1 if name == "tokens_per_second" else 1
        marks = significance.pareto_front(
            [less * line.costs[name] for line in lines], [sign * line.mean for line in lines]
        )
        for line, marked in zip(lines, marks, strict=True):
            line.fronts += [name] if marked else []


def _compare(lines: dict[Combination, Line], asked: Question, sign: int) -> None:
    base = lines[asked.baseline]
    compared = [line for line in lines.values() if line is not base]
    pairs = {line.name: _differences(line, base) for line in compared}
    for line in compared:
        if found := pairs[line.name]:
            said = significance.paired(found, 1 - asked.alpha)
            line.difference = Difference(len(found), said.mean, said.half, said.p, said.exact)
        else:
            line.difference = Difference(0, line.mean - base.mean, None, None, None)
    corrected = significance.holm([line.difference.p for line in compared])
    tested = sum(p is not None for p in corrected)
    for line, p in zip(compared, corrected, strict=True):
        difference = line.difference
        difference.holm = p
        if p is None:
            continue
        if p < asked.alpha:
            difference.verdict = "better" if sign * difference.mean > 0 else "worse"
        else:
            difference.verdict = "not shown"
            level = asked.alpha / tested  # Holm's for the least of them
            difference.needed = significance.pairs_needed(pairs[line.name], level)


def _differences(line: Line, base: Line) -> list[float]:
    shared = [seed for seed in line.values if seed in base.values]
    return [line.values[seed] - base.values[seed] for seed in shared]


def _cautions(lines: list[Line], asked: Question, metric: str) -> list[str]:
    """Warnings of conclusions that the results do not allow."""
    said = []
    compared = [line.difference for line in lines if line.difference]
    tested = [difference for difference in compared if difference.p is not None]
    if compared and not tested:
        least = significance.pairs_for_exact(asked.alpha, len(compared))
        said.append(
            f"one seed gives no interval and no test, so no difference can be concluded; use "
            f"--seeds 3 or more, {least} for a test without assumptions on the distribution"
        )
    elif tested:
        seeds, count = min(difference.seeds for difference in tested), len(tested)
        least = significance.smallest_exact(seeds, count)
        if least > asked.alpha:
            enough = significance.pairs_for_exact(asked.alpha, count)
            said.append(
                f"with {seeds} seeds{f' and {count} comparisons' * (count > 1)} the exact test "
                f"cannot give less than {least:.3g}, so verdicts rest on the t test, which "
                f"assumes normal differences; the exact test could decide with {enough} seeds"
            )
        if undecided := [line for line in lines if line.difference in tested and _open(line)]:
            names = "; ".join(line.name for line in undecided)
            said.append(
                f"not shown to differ does not mean equal: {names}; the last column is the number "
                f"of seeds that would show the observed difference, if it is the true one"
            )
    missing = [line for line in lines if len(line.values) < asked.seeds]
    if missing:
        counts = "; ".join(f"{line.name}: {len(line.values)} of {asked.seeds}" for line in missing)
        said.append(f"some runs are missing, so pairs have only the seeds that both have: {counts}")
    if metric.startswith("test/"):
        said.append(
            "a choice by this table would be a choice by test rows; choose by "
            f"--metric {metric.replace('test/', 'val/')}, and test only the chosen setting"
        )
    return said


def _open(line: Line) -> bool:
    return line.difference is not None and line.difference.verdict == "not shown"
