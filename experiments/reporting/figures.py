"""Figures of runs and results: learning curves, and quality against cost."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from datamodules import text_tables
from experiments.common import files
from experiments.common.help_text import columns
from experiments.common.metrics import facts, from_flat
from experiments.reporting import fonts
from experiments.tracking.run_reader import RunRecord

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 40
_NAMED = 12  # runs; if there are more, a label names their group


def sparklines(runs: list[RunRecord], metric: str, labels: list[str]) -> str:
    """Draws the curves as text: a line for each run, all on one scale of steps and values."""
    curves = [run.curve(metric) for run in runs]
    values = np.concatenate([values[np.isfinite(values)] for _, values in curves])
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    last = max(steps[-1] for steps, _ in curves)
    width = max(len(run.id) for run in runs)
    spare = columns() - width - 14 - max(map(text_tables.width, labels))  # 14: figure and gaps
    blocks = max(_WIDTH // 2, min(_WIDTH, spare))
    lines = [f"{metric}, {low:.4g} to {high:.4g}, steps to {last:,.0f}"]
    for run, (steps, values), label in zip(runs, curves, labels, strict=True):
        line = spark(steps, values, float(low), float(high), float(last), blocks)
        lead = f"{run.id.ljust(width)}  {line}  {values[-1]:.4g}".rstrip()
        room = columns() - text_tables.width(lead) - 2
        lines.append(f"{lead}  {text_tables.cut(label, room)}".rstrip() if room > 8 else lead)
    return "\n".join(lines)


def spark(
    steps: np.ndarray,
    values: np.ndarray,
    low: float,
    high: float,
    last: float,
    blocks: int = _WIDTH,
) -> str:
    """A curve as blocks, each the mean over its part of the steps; a blank where none is."""
    places = np.minimum((steps / max(last, 1) * blocks).astype(int), blocks - 1)
    line = [" "] * blocks
    for place in np.unique(places):
        here = values[places == place]
        if np.isfinite(here).any():
            height = (np.nanmean(here) - low) / ((high - low) or 1)
            line[place] = _BLOCKS[int(np.clip(height * len(_BLOCKS), 0, len(_BLOCKS) - 1))]
    return "".join(line)


@contextmanager
def figure(
    file: Path, width: float = 8, height: float = 5, rows: int = 1, columns: int = 1
) -> Iterator[tuple[Any, Any]]:
    """Yields a figure and its (rows, columns) panels, and saves it when the block ends.

    The file's suffix chooses the format: PNG, SVG or PDF. The same data give the same bytes.
    """
    import matplotlib
    from matplotlib.figure import Figure  # not pyplot, which would keep it and choose a screen
    from matplotlib.text import Text

    drawn = Figure(figsize=(width, height), layout="constrained")
    panels = drawn.subplots(rows, columns, squeeze=False)
    for panel in panels.flat:
        panel.grid(alpha=0.3)
    yield drawn, panels
    texts = [one for one in drawn.findobj(Text) if fonts.needs_font(one.get_text())]
    for one in texts:  # every name in a picture comes by here
        one.set_text(fonts.drawable(one.get_text()))
    if family := fonts.font_for([one.get_text() for one in texts]):
        for one in texts:
            one.set_fontfamily(["DejaVu Sans", family])
    kind = file.suffix[1:].lower()
    unset = {"svg": {"Date": None}, "png": {"Software": None}, "pdf": {"CreationDate": None}}
    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        files.atomic_write(file) as scratch,
        matplotlib.rc_context({"svg.hashsalt": "pretune", "svg.fonttype": "none"}),
    ):
        drawn.savefig(scratch, format=kind, dpi=120, metadata=unset[kind])


def colours(count: int) -> list[Any]:
    """Colours for so many curves, all different up to 20."""
    import matplotlib

    palette = matplotlib.colormaps["tab10" if count <= 10 else "tab20"]
    return [palette(number) for number in range(palette.N)]


_RATES = ("learning_rate", "lr", "weight_decay")


def is_rate(name: str) -> bool:
    """Whether a flag or metric is a rate, whose values differ by factors."""
    return any(part in _RATES for part in name.replace("/", ".").split("."))


def scale_axis(axes: Any, name: str, values: Iterable[float], side: str = "y") -> None:
    """Makes an axis logarithmic: of rates above 0, and of values of more than one magnitude."""
    known = [value for value in values if math.isfinite(value)]
    far = bool(known) and min(known) > 0 and max(known) > (1 if is_rate(name) else 20) * min(known)
    if far:
        getattr(axes, f"set_{side}scale")("log")


def within_range(
    axes: Any,
    metric: str,
    values: Iterable[float],
    own: Mapping[str, Any] | None,
    side: str = "y",
    spare: float = 0.02,
) -> None:
    """Ends an axis at the least and the largest value that a metric can have, as 0 and 1.

    Args:
        axes: The panel.
        metric: The metric.
        values: Its values.
        own: The facts about metrics that the runs declare; see ``common.metrics``.
        side: The axis, x or y.
        spare: The share of the range that is added at each end, for a point there to be whole.
    """
    low, high = facts(metric, own).bounds(values)
    get, put = getattr(axes, f"get_{side}lim"), getattr(axes, f"set_{side}lim")
    first, last = get()
    spare = spare * (high - low) if math.isfinite(high - low) else 0.0
    put(max(first, low - spare), min(last, high + spare))


def reach(mean: float, low: float | None, high: float | None) -> tuple[float, float]:
    """The parts of an interval below and above its mean, for an error bar; zeros without one."""
    if low is None or high is None:
        return 0.0, 0.0
    return max(0.0, mean - low), max(0.0, high - mean)


def points(values: Iterable[float], place: int, count: int) -> dict[str, Any]:
    """The markers of a curve of few points, of which one validation is a whole curve.

    Those of an earlier curve are larger, so that they show around a later one's that coincide.
    """
    if sum(map(math.isfinite, values)) >= 20:
        return {}
    return {"marker": "o", "markersize": 3 + 2 * min(4, count - 1 - place)}


def by_step(axes: Any, metric: str, values: Iterable[float], own: Mapping[str, Any] | None) -> None:
    """Fits the axes of curves to whole steps and to the metric; arguments as ``within_range``."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    axes.set_xlabel("step")
    if is_rate(metric):
        scale_axis(axes, metric, values)
    else:
        within_range(axes, metric, values, own)


def plot_curves(
    runs: list[RunRecord], metric: str, labels: list[str], groups: list[str], file: Path
) -> None:
    """Draws the curves: a colour for each run, or for each group if there are many runs."""
    few = len(runs) <= _NAMED
    names = labels if few else groups
    names = [name or run.id for name, run in zip(names, runs, strict=True)]
    order = list(dict.fromkeys(names))
    palette = colours(len(order))
    with figure(file) as (_, ((axes,),)):
        for place, (run, name) in enumerate(zip(runs, names, strict=True)):
            steps, values = run.curve(metric)
            colour = palette[order.index(name) % len(palette)]
            mark = points(values.tolist(), place, len(runs))
            axes.plot(steps, values, color=colour, linewidth=1.2, **mark)
        for number, name in enumerate(order[:_NAMED]):
            axes.plot([], [], color=palette[number % len(palette)], label=name)
        every = np.concatenate([run.curve(metric)[1] for run in runs]).tolist()
        by_step(axes, metric, every, from_flat(*(run.config for run in runs)))
        axes.set_ylabel(metric)
        axes.legend(fontsize=8)


def plot_quality(
    lines: list[dict[str, Any]], file: Path, own: Mapping[str, Any] | None = None
) -> None:
    """Draws quality against trained parameters, with the spread over seeds; ``own`` as above."""
    metric = next(name for name in lines[0] if "/" in name)
    with figure(file) as (_, ((axes,),)):
        points: dict[tuple[float, float], list[str]] = {}
        for line in lines:
            mean, deviation = line[metric]
            axes.errorbar(line["parameters"], mean, yerr=deviation, fmt="o", capsize=3, alpha=0.8)
            points.setdefault((line["parameters"], mean), []).append(line["name"])
        for number, ((x, y), names) in enumerate(sorted(points.items())):
            above = number % 2 == 0
            axes.annotate(
                "\n".join(names),  # points that coincide share a label
                (x, y),
                xytext=(5, 6 if above else -12),
                textcoords="offset points",
                fontsize=9,
            )
        # Where nothing trains there is no logarithm.
        axes.set_xscale("log" if all(line["parameters"] for line in lines) else "symlog")
        axes.set_xlabel("trained parameters")
        axes.set_ylabel(f"{metric}, mean and standard deviation")
        axes.margins(x=0.12)
        within_range(axes, metric, [line[metric][0] for line in lines], own)
