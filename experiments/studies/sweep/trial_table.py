"""Tables and figures of a sweep: the trials, best first, and the metric over each parameter."""

import math
import shlex
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

from experiments.common.shell import program
from experiments.reporting import figures, tables
from experiments.studies.sweep.sweep_file import SweepFile, flag

SHOWN = 15  # lines of the table on the screen


def ranked(rows: list[dict[str, Any]], metric: str, maximize: bool) -> list[dict[str, Any]]:
    """The trials with the best first, and those whose metric is not a number last."""
    lost = [row for row in rows if math.isnan(row[metric])]
    known = [row for row in rows if not math.isnan(row[metric])]
    return sorted(known, key=lambda row: row[metric], reverse=maximize) + lost


def table(
    plan: SweepFile, rows: list[dict[str, Any]], metric: str
) -> tuple[list[str], list[list[str]]]:
    """The headings and cells of ranked trials."""
    names = [parameter.name for parameter in plan.parameters if parameter.varies]
    others = [name for name in rows[0] if name.startswith("val/") and name != metric]
    head = ["trial", *names, metric, *others[:3], "s"]
    cells = []
    for row in rows:
        values = [_short(row[name]) for name in names]
        measured = [f"{row[name]:.4f}" if name in row else "–" for name in (metric, *others[:3])]
        cells.append([str(row["trial"]), *values, *measured, f"{row['seconds']:.0f}"])
    return head, cells


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def text(
    plan: SweepFile, rows: list[dict[str, Any]], metric: str, failed: int, tested: dict[str, float]
) -> str:
    """The text of the report: a table of ranked trials, the best one, and its command.

    Args:
        plan: The sweep's file.
        rows: The ranked trials.
        metric: The metric that ranks them.
        failed: The number of trials that failed.
        tested: The test metrics of the best trial.
    """
    head, cells = table(plan, rows, metric)
    more = f"\n… and {len(cells) - SHOWN} more in trials.csv" if len(cells) > SHOWN else ""
    best = rows[0]
    words = [flag(p.name, best[p.name]) for p in plan.parameters]
    again = shlex.join([str(plan.program), *plan.words, *words])
    known = [row[metric] for row in rows if not math.isnan(row[metric])]
    usual = statistics.median(known or [math.nan])
    said = ", ".join(f"{name} {value:.4f}" for name, value in sorted(tested.items()))
    measured = f"on the test rows: {said}\n" if tested and metric not in tested else ""
    lost = f"; {failed} failed" if failed else ""
    return (
        f"{tables.aligned([head, *cells[:SHOWN]])}{more}\n\n"
        f"best of {len(rows)} trials{lost}: trial {best['trial']}, {metric} {best[metric]:.4f} "
        f"(median {usual:.4f})\n{measured}"
        f"again: {program('python')} {again}\n"
        "note: the best of many is partly luck; `pretune ablate` measures it against others over "
        "seeds"
    )


def draw(
    plan: SweepFile,
    rows: list[dict[str, Any]],
    metric: str,
    file: Path,
    own: dict[str, Any] | None,
) -> None:
    """Draws a panel for each parameter: the metric over its values.

    Args:
        plan: The sweep's file.
        rows: The ranked trials.
        metric: The metric that ranks them.
        file: The file.
        own: The facts about metrics that the trials declare; see ``common.metrics``.
    """
    varied = [parameter for parameter in plan.parameters if parameter.varies]
    across = min(3, max(1, len(varied)))
    down = -(-max(1, len(varied)) // across)
    with figures.figure(file, 5 * across, 3.8 * down, down, across) as (drawn, panels):
        for panel in panels.flat[len(varied) :]:
            panel.axis("off")
        for panel, parameter in zip(panels.flat, varied, strict=False):
            values = [row[parameter.name] for row in rows]
            numeric = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
            places = values if numeric else [str(value) for value in values]
            counts = Counter((row[parameter.name], row[metric]) for row in rows)
            panel.scatter(places, [row[metric] for row in rows], alpha=0.7)
            for row, place in zip(rows, places, strict=True):
                if (same := counts.pop((row[parameter.name], row[metric]), 1)) > 1:
                    at = (place, row[metric])  # points that coincide are told by their number
                    panel.annotate(f"{same}×", at, (6, 4), textcoords="offset points", fontsize=8)
            panel.scatter(places[:1], [rows[0][metric]], marker="*", s=160, color="C1")
            if numeric:
                figures.scale_axis(panel, parameter.name, values, "x")
            figures.within_range(panel, metric, [row[metric] for row in rows], own)
            panel.set_xlabel(parameter.name)
        drawn.supylabel(metric)
