"""The statistics of an ablation: quality and cost of each combination, and tested differences."""

import math
import statistics
from dataclasses import dataclass, field
from typing import Any

from experiments.common.metrics import facts
from experiments.reporting import comparable, significance
from experiments.reporting.quality import change, quality
from experiments.reporting.results import conditions, cost, headline, main_metric, spread
from experiments.studies.ablation.cautions import cautions
from experiments.studies.ablation.grid import Combination
from experiments.studies.ablation.lines import Difference, Line
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
class Report:
    """The contents of a report in any format. The baseline is the line without a difference.

    Attributes:
        metric_facts: The facts about metrics that the runs declare; see ``common.metrics``.
    """

    name: str
    script: str
    keys: list[str]
    metric: str
    higher: bool | None
    alpha: float
    seeds: int
    lines: list[Line]
    notes: list[str]
    about: str
    curves: dict[str, dict[str, dict[str, list]]] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    metric_facts: dict[str, Any] = field(default_factory=dict)

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
    own = runs[0].get("metric_facts") or {}
    known = facts(metric, own)
    lines = {c: _line(c, found, metric, others, asked.alpha) for c, found in results.items()}
    _compare(lines, results, asked, metric, known.sign() if known.higher is not None else 0)
    if known.higher is not None and not any(_unlike(line) for line in lines.values()):
        _mark_fronts(list(lines.values()), known.sign())
    about = conditions([{"seeds": len(line.values)} for line in lines.values()], runs)
    notes = [*asked.notes, *comparable.cautions(runs, metric)]
    notes += cautions(list(lines.values()), asked.alpha, asked.seeds, metric, known.higher)
    given = asked.name, asked.script, asked.keys, metric, known.higher, asked.alpha, asked.seeds
    return Report(*given, list(lines.values()), notes, about, metric_facts=own)


def _line(
    combination: Combination, runs: dict[int, dict], metric: str, others: list[str], alpha: float
) -> Line:
    values = {seed: runs[seed]["metrics"][metric] for seed in sorted(runs)}
    found = quality(runs, metric, 1 - alpha)
    rest = {name: spread([run["metrics"][name] for run in runs.values()]) for name in others}
    costs = {c: statistics.fmean(cost(run, c) for run in runs.values()) for c in COSTS}
    deviation = spread(list(values.values()))[1]
    settings = dict(combination.settings)
    ends = found.low, found.high, found.errors
    return Line(combination.name, settings, values, found.mean, deviation, *ends, rest, costs)


def _mark_fronts(lines: list[Line], sign: int) -> None:
    for name in COSTS:
        less = -1 if name == "tokens_per_second" else 1
        marks = significance.pareto_front(
            [less * line.costs[name] for line in lines], [sign * line.mean for line in lines]
        )
        if all(marks):
            continue  # it tells none apart
        for line, marked in zip(lines, marks, strict=True):
            line.fronts += [name] if marked else []


def _unlike(line: Line) -> bool:
    return line.difference is not None and bool(line.difference.why)


def _compare(
    lines: dict[Combination, Line], results: Results, asked: Question, metric: str, sign: int
) -> None:
    """Sets the differences from the baseline; ``sign`` is 0 where no direction is known."""
    base = results[asked.baseline]
    compared = [combination for combination in lines if combination != asked.baseline]
    for combination in compared:
        runs = results[combination]
        both = [*base.values(), *runs.values()]
        why = comparable.mismatch(both, metric)
        if not all(math.isfinite(run["metrics"][metric]) for run in both):
            why = f"{metric} of a run is not a finite number"
        if why:
            found = Difference(0, None, verdict="not comparable", why=why)
        else:
            found = Difference(**vars(change(runs, base, metric, 1 - asked.alpha)))
        lines[combination].difference = found
    found_all = [lines[one].difference for one in compared]
    # One pair of runs tells of these two models, not of their settings.
    tested = [d.p if d is not None and d.seeds > 1 else None for d in found_all]
    corrected = significance.holm(tested)
    level = asked.alpha / max(1, sum(p is not None for p in corrected))  # Holm's for the least
    for combination, p in zip(compared, corrected, strict=True):
        difference = lines[combination].difference
        assert difference is not None
        difference.holm = p
        if p is None or difference.mean is None:
            continue
        if p >= asked.alpha:
            difference.verdict = "not shown"
            rows_p = difference.rows_p
            difference.by_rows = rows_p is not None and rows_p >= level
            if not difference.by_rows:
                pairs = _differences(lines[combination], lines[asked.baseline])
                difference.needed = significance.pairs_needed(pairs, level)
        elif sign:
            difference.verdict = "better" if sign * difference.mean > 0 else "worse"
        else:
            difference.verdict = "different"


def _differences(line: Line, base: Line) -> list[float]:
    shared = [seed for seed in line.values if seed in base.values]
    return [line.values[seed] - base.values[seed] for seed in shared]
