"""Draws a report as one figure: quality with intervals, learning curves, cost."""

from pathlib import Path
from typing import Any

from experiments.reporting import figures
from experiments.studies.ablation import text
from experiments.studies.ablation.analysis import Report
from experiments.studies.ablation.lines import Line


def draw(report: Report, file: Path, cost: str = "parameters") -> None:
    """Draws three panels: quality with intervals, learning curves, quality against cost."""
    curves = chosen_curve(report)
    height = max(4.0, 0.32 * len(report.lines) + 1.5)
    width, columns = (17, 3) if curves else (12, 2)
    palette = figures.colours(len(report.lines))
    with figures.figure(file, width, height, columns=columns) as (drawn, (panels,)):
        _intervals(panels[0], report, palette)
        if curves:
            _curves(panels[1], report, curves, palette)
        _costs(panels[-1], report, cost, palette)
        drawn.suptitle(text.heading(report), fontsize=11)


def chosen_curve(report: Report) -> str | None:
    """The curve to draw: the metric on validation rows, else another one on them, else any."""
    wanted = report.metric.replace("test/", "val/")
    names = sorted(report.curves, key=lambda name: (name != wanted, name[:4] != "val/", name))
    return names[0] if names else None


def _intervals(axes: Any, report: Report, colours: Any) -> None:
    for place, line in enumerate(report.lines):
        colour = colours[place % len(colours)]
        axes.errorbar(line.mean, place, xerr=_reach(line), fmt="o", capsize=3, color=colour)
        axes.plot(list(line.values.values()), [place] * len(line.values), "|", color=colour)
    names = [f"{n.name}{' (baseline)' * (n.difference is None)}" for n in report.lines]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.axvline(report.baseline.mean, color="grey", linestyle="--", linewidth=1)
    axes.invert_yaxis()
    figures.within_range(axes, report.metric, _values(report), report.metric_facts, "x")
    axes.set_xlabel(f"{report.metric}: mean, {text.percent(report)} interval, seeds")


def _reach(line: Line) -> list[list[float]] | None:
    """The parts of the interval below and above the mean, (2, 1); None without one: no bar."""
    parts = figures.reach(line.mean, line.low, line.high)
    return None if line.low is None else [[part] for part in parts]


def _curves(axes: Any, report: Report, metric: str, colours: Any) -> None:
    for place, line in enumerate(report.lines):
        band = report.curves[metric].get(line.name)
        if band is None:
            continue
        colour = colours[place % len(colours)]
        style = {"color": colour, "linewidth": 1.5}
        style |= figures.points(band["mean"], place, len(report.lines))
        axes.plot(band["steps"], band["mean"], label=line.name, **style)
        if band["low"]:
            axes.fill_between(band["steps"], band["low"], band["high"], color=colour, alpha=0.15)
    means = [mean for band in report.curves[metric].values() for mean in band["mean"]]
    figures.by_step(axes, metric, means, report.metric_facts)
    axes.set_ylabel(f"{metric}, mean and {text.percent(report)} interval")
    axes.legend(fontsize=7)


def _costs(axes: Any, report: Report, cost: str, colours: Any) -> None:
    for place, line in enumerate(report.lines):
        fill = {} if cost in line.fronts else {"markerfacecolor": "none"}
        colour = colours[place % len(colours)]
        axes.errorbar(
            line.costs[cost], line.mean, yerr=_reach(line), fmt="o", capsize=3, color=colour, **fill
        )
    front = sorted((n for n in report.lines if cost in n.fronts), key=lambda n: n.costs[cost])
    axes.plot([n.costs[cost] for n in front], [n.mean for n in front], color="grey", linewidth=1)
    if len({line.costs[cost] for line in report.lines}) > 1:
        axes.set_xscale("log" if all(line.costs[cost] for line in report.lines) else "symlog")
    axes.set_xlabel(f"{text.COSTS[cost][0]} (filled: Pareto front)")
    axes.set_ylabel(report.metric)
    axes.margins(x=0.12)
    figures.within_range(axes, report.metric, _values(report), report.metric_facts)
    points: dict[tuple[float, float], list[int]] = {}
    for place, line in enumerate(report.lines, 1):
        points.setdefault((line.costs[cost], line.mean), []).append(place)
    for at, places in points.items():
        if len(places) > 1:  # one covers the others
            said = f"rows {', '.join(map(str, places))}"
            axes.annotate(said, at, (7, 5), textcoords="offset points", fontsize=8)


def _values(report: Report) -> list[float]:
    return [value for line in report.lines for value in line.values.values()]
