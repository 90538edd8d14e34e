"""Curves of several runs: a line of blocks each for the terminal, and a picture."""

from pathlib import Path

import numpy as np

from experiments import folders
from experiments.tracking.reading import Run

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 40
_NAMED = 12  # runs; more are told apart by their group only


def sparklines(runs: list[Run], metric: str, labels: list[str]) -> str:
    """A line for each run, all on one scale of steps and values."""
    curves = [run.curve(metric) for run in runs]
    values = np.concatenate([values[np.isfinite(values)] for _, values in curves])
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    last = max(steps[-1] for steps, _ in curves)
    width = max(len(run.id) for run in runs)
    lines = [f"{metric}, {low:.4g} to {high:.4g}, steps to {last:,.0f}"]
    for run, (steps, values), label in zip(runs, curves, labels, strict=True):
        line = spark(steps, values, float(low), float(high), float(last))
        lines.append(f"{run.id.ljust(width)}  {line}  {values[-1]:.4g}  {label}".rstrip())
    return "\n".join(lines)


def spark(steps: np.ndarray, values: np.ndarray, low: float, high: float, last: float) -> str:
    """A curve as blocks, each the mean of its share of the steps; what is missing is blank."""
    places = np.minimum((steps / max(last, 1) * _WIDTH).astype(int), _WIDTH - 1)
    line = [" "] * _WIDTH
    for place in np.unique(places):
        here = values[places == place]
        if np.isfinite(here).any():
            height = (np.nanmean(here) - low) / ((high - low) or 1)
            line[place] = _BLOCKS[int(np.clip(height * len(_BLOCKS), 0, len(_BLOCKS) - 1))]
    return "".join(line)


def plot(runs: list[Run], metric: str, labels: list[str], groups: list[str], file: Path) -> None:
    """The curves as PNG or SVG: a colour for each run, or for each group where runs are many."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    few = len(runs) <= _NAMED
    names = labels if few else groups
    names = [name or run.id for name, run in zip(names, runs, strict=True)]
    order = list(dict.fromkeys(names))
    palette = pyplot.get_cmap("tab10" if len(order) <= 10 else "tab20")
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for run, name in zip(runs, names, strict=True):
        steps, values = run.curve(metric)
        colour = palette(order.index(name) % palette.N)
        marker = "o" if len(steps) < 20 else None
        axes.plot(steps, values, color=colour, marker=marker, markersize=3, linewidth=1.2)
    for number, name in enumerate(order[:_NAMED]):
        axes.plot([], [], color=palette(number % palette.N), label=name)
    axes.set_xlabel("step")
    axes.set_ylabel(metric)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        folders.whole(file) as scratch,
        pyplot.rc_context({"svg.hashsalt": "pretune", "svg.fonttype": "none"}),
    ):
        figure.savefig(scratch, format=file.suffix[1:], dpi=120)
    pyplot.close(figure)
