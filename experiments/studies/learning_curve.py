"""The statistics and the files of a learning curve over the share of the labels."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from experiments.common import files
from experiments.common.metrics import lower_is_better
from experiments.common.redaction import redact
from experiments.reporting import figures, significance, tables
from experiments.reporting.results import conditions, main_metric, measured

LEVEL = 0.95
Results = dict[float, dict[int, dict[str, Any]]]  # result.json by share and seed


@dataclass
class Point:
    """The results at one share of the labels; ``half`` is None for one seed.

    Attributes:
        rows: The training rows.
        values: The metric by seed.
        half: Half the interval of the mean over seeds.
    """

    share: float
    rows: int
    values: dict[int, float]
    mean: float
    half: float | None


@dataclass
class Curve:
    """A learning curve.

    Attributes:
        verdict: A sentence on whether more labels would help.
        baseline: The score of one answer for all rows; None where the metric has none.
    """

    name: str
    metric: str
    points: list[Point]
    verdict: str
    about: str
    baseline: float | None = None
    notes: list[str] = field(default_factory=list)


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
        mean, half = significance.interval(list(values.values()), LEVEL)
        rows = next(iter(found.values()))["data"]["rows"]["train"]
        points.append(Point(share, rows, values, mean, half))
    about = conditions([{"seeds": len(point.values)} for point in points], runs)
    curve = Curve(name, metric, points, _verdict(metric, *points[-2:]), about)
    lead, _, measure = metric.partition("/")
    report = runs[0].get("report", {}).get({"val": "validation"}.get(lead, lead), {})
    curve.baseline = (report.get("baseline") or {}).get(measure)
    if metric.startswith("test/"):
        curve.notes.append("all shares were tested on the same rows; intervals are over seeds")
    curve.notes.append("a smaller share trains for as many epochs, and so for fewer steps")
    return curve


def _verdict(metric: str, before: Point, last: Point) -> str:
    shared = [seed for seed in last.values if seed in before.values]
    doublings = math.log2(last.rows / before.rows) if last.rows > before.rows else 0.0
    steps = f"from {before.rows:,} to {last.rows:,} labels"
    if not shared or not doublings:
        return f"no verdict on more labels: nothing to compare {steps}"
    found = significance.paired([last.values[s] - before.values[s] for s in shared], LEVEL)
    change = f"{steps} {metric} changed by {found.mean:+.4f}"
    if found.half is None:
        why = "one seed has no interval" if len(shared) < 2 else "all seeds changed alike"
        return f"{change}; no verdict on more labels: {why} (--seeds 3 or more)"
    low, high = found.mean - found.half, found.mean + found.half
    change += f" ({100 * LEVEL:g} % interval {low:+.4f} to {high:+.4f}, paired by seed)"
    if low <= 0 <= high:
        return f"{change}; no verdict on more labels: the interval holds 0"
    sign = -1 if lower_is_better(metric) else 1
    if sign * found.mean < 0:
        return f"{change}: more labels of this kind made it worse"
    each = found.mean / doublings
    ends = f"{low / doublings:+.4f} to {high / doublings:+.4f}"
    return f"{change}: twice the labels would help, by about {each:+.4f} ({ends}) at this slope"


def cells(curve: Curve) -> list[list[str]]:
    """The table of a curve, with its headings."""
    head = ["share", "training rows", curve.metric, f"{100 * LEVEL:g} % interval", "seeds"]
    rows = []
    for point in curve.points:
        ends = "–"
        if point.half is not None:
            ends = f"{point.mean - point.half:.4f} to {point.mean + point.half:.4f}"
        share, rows_ = f"{100 * point.share:g} %", f"{point.rows:,}"
        rows.append([share, rows_, f"{point.mean:.4f}", ends, str(len(point.values))])
    return [head, *rows]


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
        with files.atomic_write(root / name) as scratch:
            scratch.write_text(content, encoding="utf-8")
    _draw(curve, root / "curve.png")
    return said


def _draw(curve: Curve, file: Path) -> None:
    with figures.figure(file, 7, 4.5) as (_, ((axes,),)):
        rows = [point.rows for point in curve.points]
        axes.errorbar(
            rows,
            [point.mean for point in curve.points],
            yerr=[point.half or 0.0 for point in curve.points],
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
        axes.set_xscale("log")
        axes.set_xticks(rows, [f"{count:,}" for count in rows])
        axes.minorticks_off()
        axes.set_xlabel("training rows")
        axes.set_ylabel(f"{curve.metric}, mean and {100 * LEVEL:g} % interval over seeds")
