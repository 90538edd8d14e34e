"""The statistics and the files of a learning curve over the share of the labels."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from experiments.common import files
from experiments.common.metrics import SPLITS, facts
from experiments.common.redaction import redact
from experiments.reporting import comparable, figures, tables
from experiments.reporting.quality import SEEDS, change, ends, quality
from experiments.reporting.results import conditions, main_metric, measured

LEVEL = 0.95
Runs = dict[int, dict[str, Any]]
Results = dict[float, Runs]  # result.json by share and seed


@dataclass
class Point:
    """The results at one share of the labels.

    Attributes:
        rows: The training rows.
        values: The metric by seed.
        low: The lower end of the interval of the mean; None without one.
        high: The upper end.
        errors: The errors that the interval holds: seeds, rows or both.
    """

    share: float
    rows: int
    values: dict[int, float]
    mean: float
    low: float | None
    high: float | None
    errors: str


@dataclass
class Curve:
    """A learning curve.

    Attributes:
        verdict: A sentence on whether more labels would help.
        baseline: The score of one answer for all rows; None where the metric has none.
        metric_facts: The facts about metrics that the runs declare; see ``common.metrics``.
    """

    name: str
    metric: str
    points: list[Point]
    verdict: str
    about: str
    baseline: float | None = None
    notes: list[str] = field(default_factory=list)
    metric_facts: dict[str, Any] = field(default_factory=dict)


def analyse(name: str, results: Results, metric: str | None) -> Curve:
    """Computes the curve of the runs that have finished.

    Raises:
        ValueError: If fewer than two shares have a finished run, or a run lacks the metric.
    """
    results = {share: runs for share, runs in sorted(results.items()) if runs}
    if len(results) < 2:
        raise ValueError("runs of one share only have finished, and a curve needs two")
    runs = [run for found in results.values() for run in found.values()]
    metric = main_metric(runs[0], metric)[0]
    points = []
    for share, found in results.items():
        values = {seed: main_metric(found[seed], metric)[1] for seed in sorted(found)}
        known = quality({seed: found[seed] for seed in sorted(found)}, metric, LEVEL)
        rows = next(iter(found.values()))["data"]["rows"]["train"]
        points.append(Point(share, rows, values, *known))
    about = conditions([{"seeds": len(point.values)} for point in points], runs)
    why = comparable.mismatch(runs, metric)
    verdict = _verdict(metric, *points[-2:], *list(results.values())[-2:])
    verdict = f"no verdict on more labels: {why}" if why else verdict
    own = runs[0].get("metric_facts") or {}
    curve = Curve(name, metric, points, verdict, about, metric_facts=own)
    lead, _, measure = metric.partition("/")
    report = runs[0].get("report", {}).get(SPLITS.get(lead, ""), {})
    curve.baseline = (report.get("baseline") or {}).get(measure)
    curve.notes += comparable.cautions(runs, metric)
    if held := sorted({point.errors for point in points if point.errors}):
        same = "all shares were tested on the same rows; " * (metric[:5] == "test/" and not why)
        curve.notes.append(f"{same}intervals hold the errors of {' or '.join(held)}")
    curve.notes.append("a smaller share trains for as many epochs, and so for fewer steps")
    return curve


def _verdict(metric: str, before: Point, last: Point, fewer: Runs, more: Runs) -> str:
    shared = [seed for seed in last.values if seed in before.values]
    doublings = math.log2(last.rows / before.rows) if last.rows > before.rows else 0.0
    steps = f"from {before.rows:,} to {last.rows:,} labels"
    if not shared or not doublings:
        return f"no verdict on more labels: nothing to compare {steps}"
    found = change(more, fewer, metric, LEVEL)
    said = f"{steps} {metric} changed by {found.mean:+.4f}"
    if not math.isfinite(found.mean):
        return f"no verdict on more labels: {metric} of a run is not a finite number"
    if found.low is None or found.high is None or len(shared) < 2:
        why = "one seed has no interval" if len(shared) < 2 else "all seeds changed alike"
        return f"{said}; no verdict on more labels: {why} (--seeds 3 or more)"
    low, high = found.low, found.high
    paired = "seed" if found.errors == SEEDS else "seed and row"
    said += f" ({100 * LEVEL:g} % interval {ends(low, high, '+')}, paired by {paired})"
    if low <= 0 <= high:
        return f"{said}; no verdict on more labels: the interval holds 0"
    known = facts(metric, next(iter(more.values())).get("metric_facts"))
    if known.higher is None:
        return f"{said}; no verdict on more labels: nobody has said which direction is better"
    if known.sign() * found.mean < 0:
        return f"{said}: more labels of this kind made it worse"
    each = found.mean / doublings
    slope = f"{each:+.4f} ({ends(low / doublings, high / doublings, '+')})"
    return f"{said}: twice the labels would help, by about {slope} at this slope"


def cells(curve: Curve) -> list[list[str]]:
    """The table of a curve, with its headings."""
    head = ["share", "training rows", curve.metric, f"{100 * LEVEL:g} % interval", "seeds"]
    rows = []
    for point in curve.points:
        share, count = f"{100 * point.share:g} %", f"{point.rows:,}"
        told = f"{point.mean:.4f}", ends(point.low, point.high)
        rows.append([share, count, *told, str(len(point.values))])
    return [head, *rows]


def csv(curve: Curve) -> str:
    """The table of a curve as CSV, with the figures in full."""
    return tables.csv_of(
        [
            {"share": point.share, "training_rows": point.rows, curve.metric: point.mean}
            | {"low": point.low, "high": point.high, "errors": point.errors}
            | {"seeds": len(point.values)}
            for point in curve.points
        ]
    )


def markdown(curve: Curve) -> str:
    """The curve in Markdown: table, verdict and notes."""
    notes = "\n".join(f"note: {note}" for note in curve.notes)
    return "\n\n".join([tables.aligned(cells(curve)), curve.verdict, f"{curve.about}.", notes])


def write(curve: Curve, results: Results, root: Path) -> str:
    """Writes the files of a curve; returns the text that identifies it."""
    rows = [
        {"share": share, "seed": seed, **measured(run)}
        for share, runs in results.items()
        for seed, run in runs.items()
    ]
    said = json.dumps(files.finite(redact(asdict(curve))), indent=1) + "\n"
    texts = {
        "table.md": markdown(curve) + "\n",
        "runs.csv": tables.csv_of(rows),
        "report.json": said,
    }
    for name, content in texts.items():
        files.write_text(root / name, content)
    draw(curve, root / "curve.png")
    return said


def draw(curve: Curve, file: Path) -> None:
    """Draws the metric over the training rows; the ending of the file chooses its format."""
    with figures.figure(file, 7, 4.5) as (_, ((axes,),)):
        rows = [point.rows for point in curve.points]
        reach = [figures.reach(point.mean, point.low, point.high) for point in curve.points]
        axes.errorbar(
            rows,
            [point.mean for point in curve.points],
            yerr=[*zip(*reach, strict=True)],
            marker="o",
            capsize=3,
        )
        for point in curve.points:
            axes.plot(
                [point.rows] * len(point.values), list(point.values.values()), "k_", alpha=0.4
            )
        if curve.baseline is not None:
            axes.axhline(
                curve.baseline, color="grey", linestyle="--", linewidth=1, label="baseline"
            )
            axes.legend(fontsize=8)
        every = [value for point in curve.points for value in point.values.values()]
        figures.within_range(axes, curve.metric, every, curve.metric_facts)
        axes.set_xscale("log")
        axes.set_xticks(rows, [f"{count:,}" for count in rows])
        axes.minorticks_off()
        axes.set_xlabel("training rows")
        axes.set_ylabel(f"{curve.metric}, mean and {100 * LEVEL:g} % interval")
