"""Learning curves of runs, read from their records, and their mean and interval over seeds."""

from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.metrics import Metric, facts
from experiments.reporting import intervals
from experiments.studies.jobs import Job
from experiments.tracking import run_reader

POINTS = 120  # of a curve, at most
Curves = dict[str, list[list[float]]]  # steps and values by metric


def of_jobs(results: dict[Job, dict[str, Any]]) -> dict[Job, Curves]:
    """The curves of finished runs, thinned; a run that was not tracked has none."""
    return {job: of_run(Path(result["run"])) for job, result in results.items()}


def of_run(folder: Path) -> Curves:
    """The thinned curves of one run: steps and values of each training and validation metric."""
    try:
        (run,) = run_reader.local(folder)
    except ValueError:
        return {}
    found = {}
    for name in sorted(run.curves):
        if name.startswith(("train/", "val/")):
            steps, values = run.curves[name]
            finite = np.isfinite(values)
            if finite.any():
                found[name] = thinned(steps[finite].tolist(), values[finite].tolist())
    return found


def thinned(steps: list[float], values: list[float]) -> list[list[float]]:
    """Thins a curve to at most ``POINTS`` points, each the mean of its neighbours."""
    if len(steps) <= POINTS:
        return [steps, values]
    return [[float(p.mean()) for p in np.array_split(x, POINTS)] for x in (steps, values)]


def bands(
    curves: list[Curves], level: float, own: dict[str, Any] | None = None
) -> dict[str, dict[str, list]]:
    """Steps, mean over the runs, and interval of the mean if there are several runs, by metric.

    Runs with different steps are interpolated, over the steps that all of them cover. The interval
    is that of seeds, by Student's t, and stays within the metric's range.

    Args:
        curves: The curves of each run.
        level: The level of the interval.
        own: The facts on metrics that the runs declare; see ``common.metrics``.
    """
    found = {}
    for name in sorted(set().union(*curves)):
        known = facts(name, own)
        band = _band([curve[name] for curve in curves if name in curve], level, known)
        if band["steps"]:
            found[name] = band
    return found


def _band(curves: list[list[list[float]]], level: float, known: Metric) -> dict[str, list]:
    first, last = max(steps[0] for steps, _ in curves), min(steps[-1] for steps, _ in curves)
    steps = sorted({step for of, _ in curves for step in of if first <= step <= last})
    if len(steps) > 2 * POINTS:
        steps = list(np.linspace(first, last, POINTS))
    if not steps:
        return {"steps": []}
    values = np.array([np.interp(steps, *curve) for curve in curves])
    mean = values.mean(axis=0)
    band = {"steps": steps, "mean": mean.tolist(), "low": [], "high": []}
    if len(curves) > 1:
        bounds = known.bounds(values.ravel().tolist())
        found = [
            intervals.of_runs(at.tolist(), bounds, level) or (middle, middle)
            for at, middle in zip(values.T, mean, strict=True)
        ]
        band |= {"low": [float(low) for low, _ in found], "high": [float(h) for _, h in found]}
    return band
