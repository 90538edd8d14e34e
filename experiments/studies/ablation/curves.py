"""Learning curves of runs, read from their records, and the band that seeds make of them."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import files
from experiments.studies.jobs import Job
from experiments.tracking.keys import STEP, read_offline

POINTS = 120  # of a curve, at most
Curves = dict[str, list[list[float]]]  # steps and values by metric


def of_jobs(results: dict[Job, dict[str, Any]], at_once: int) -> dict[Job, Curves]:
    """Curves of finished runs; those that were not tracked have none."""
    with ThreadPoolExecutor(at_once) as pool:
        found = pool.map(lambda job: of_job(job, Path(results[job]["run"])), results)
        return dict(zip(results, found, strict=True))


def of_job(job: Job, run: Path) -> Curves:
    """Read once: a record takes a second to read, so what it had stays beside the run."""
    kept = job.folder / "curves.json"
    if kept.exists() and (known := json.loads(kept.read_text()))["run"] == run.name:
        return known["curves"]
    try:
        history = read_offline(run)["history"]
    except ValueError:
        return {}
    names = {key for row in history for key in row if key.startswith(("train/", "val/"))}
    curves = {}
    for name in sorted(names):
        rows = [row for row in history if _number(row.get(name)) and STEP in row]
        if rows:
            curves[name] = thinned([row[STEP] for row in rows], [row[name] for row in rows])
    files.write_json(kept, {"run": run.name, "curves": curves})
    return curves


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def thinned(steps: list[float], values: list[float]) -> list[list[float]]:
    """At most ``POINTS`` points, each the mean of as many neighbours."""
    if len(steps) <= POINTS:
        return [steps, values]
    return [[float(p.mean()) for p in np.array_split(x, POINTS)] for x in (steps, values)]


def bands(curves: list[Curves], level: float) -> dict[str, dict[str, list]]:
    """By metric: steps, mean over the runs, and the interval of the mean where there are several.

    Runs whose steps differ are interpolated, over the steps that all of them cover.
    """
    found = {}
    for name in sorted(set().union(*curves)):
        band = _band([curve[name] for curve in curves if name in curve], level)
        if band["steps"]:
            found[name] = band
    return found


def _band(curves: list[list[list[float]]], level: float) -> dict[str, list]:
    from scipy.stats import t

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
        error = values.std(axis=0, ddof=1) / math.sqrt(len(curves))
        half = t.ppf((1 + level) / 2, len(curves) - 1) * error
        band |= {"low": (mean - half).tolist(), "high": (mean + half).tolist()}
    return band
