"""Pictures of what pre-training gives: accuracy over labels and over tokens, with bands.

Each network has a panel of its own, with its curve without pre-training.
"""

from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from experiments.reporting import figures
from experiments.reporting.quality import Quality, quality

_METRIC = "test/accuracy"
_USUAL = 500  # labels of the picture over tokens


def over_labels(origins: list, labels: list, tuned: dict, file: Path) -> None:
    """Draws accuracy over the labelled rows; new networks are dashed.

    Args:
        origins: The origins of ``studies.pretraining``.
        labels: The numbers of labels.
        tuned: The results of the fine-tuning runs by (name, labels, seed).
        file: The picture.
    """

    def draw(axes: Any, panel: list) -> None:
        for origin, colour in _coloured(panel):
            found = {}
            for place, amount in enumerate(labels):
                runs = {s: r for (n, a, s), r in tuned.items() if (n, a) == (origin.name, amount)}
                if runs:
                    found[place] = quality(runs, _METRIC)
            _curve(axes, found, origin, colour)
        axes.set_xticks(range(len(labels)), [f"{a:,}" if a != "all" else a for a in labels])
        axes.set_xlabel("labelled sentences")

    _draw(draw, origins, file)


def over_tokens(origins: list, labels: list, lines: list[dict], file: Path) -> None:
    """Draws accuracy over pre-training tokens, for 500 labels or else the fewest.

    Args:
        origins: The origins of ``studies.pretraining``.
        labels: The numbers of labels.
        lines: The lines of runs.csv of one size.
        file: The picture.
    """
    amount = str(_USUAL if _USUAL in labels else labels[0])
    lines = [line for line in lines if line["labels"] == amount]
    budgets = sorted({_millions(line) for line in lines})
    least = min(filter(None, budgets), default=1)

    def draw(axes: Any, panel: list) -> None:
        for origin, colour in _coloured(panel):
            points: dict[float, dict[int, dict]] = {}
            # Its own lines come last: without training it has points at 0 tokens as well.
            for name in (origin.against, origin.name):
                for line in (one for one in lines if one["origin"] == name):
                    run = {"metrics": {_METRIC: float(line["accuracy"])}, "run": line["run"]}
                    points.setdefault(_millions(line), {})[int(line["seed"])] = run
            found = {place: quality(points[place], _METRIC) for place in sorted(points)}
            _curve(axes, found, origin, colour)
        axes.set_xscale("symlog", linthresh=least)
        axes.set_xticks(budgets, [f"{budget:g}" for budget in budgets])
        axes.set_xticks([], minor=True)
        axes.set_xlim(-least / 8, 1.3 * max(budgets[-1], least))  # the same in all panels
        axes.set_xlabel(f"million tokens of pre-training ({amount} labels)")

    _draw(draw, origins, file)


def _millions(line: dict) -> float:
    return round(float(line["tokens"]) / 1e6, 1)


def _coloured(panel: list) -> Iterator[tuple[Any, Any]]:
    """The origins of a panel with their colours: grey without pre-training."""
    colours = iter(figures.colours(len(panel)))
    return ((origin, "0.4" if origin.against is None else next(colours)) for origin in panel)


def _curve(axes: Any, found: dict[Any, Quality], origin: Any, colour: Any) -> None:
    """A line through means in %, with a band of their 95 % intervals; bars at a single point."""
    if not found:
        return
    places = list(found)
    reach = [figures.reach(*point[:3]) for point in found.values()]
    means = [100 * point.mean for point in found.values()]
    low = [mean - 100 * below for mean, (below, _) in zip(means, reach, strict=True)]
    high = [mean + 100 * above for mean, (_, above) in zip(means, reach, strict=True)]
    style = "--" if origin.against is None else "-"
    axes.plot(places, means, marker="o", linestyle=style, color=colour, label=origin.name)
    if len(places) > 1:
        axes.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
    else:
        axes.vlines(places, low, high, color=colour)


def _draw(draw: Callable[[Any, list], None], origins: list, file: Path) -> None:
    """Draws a panel for each network without pre-training and those that begin as it does."""
    names = dict.fromkeys(origin.against or origin.name for origin in origins)
    panels = [[o for o in origins if name in (o.name, o.against)] for name in names]
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    with figures.figure(file, 3 + 4 * columns, 2 + 3 * rows, rows, columns) as (drawn, grid):
        first, *others = grid.flat
        for axes in others:
            axes.sharey(first)
        for axes, panel in zip_longest(grid.flat, panels):
            if panel is None:
                axes.remove()
                continue
            draw(axes, panel)
            axes.legend(fontsize=8, loc="best")
        drawn.supylabel("test accuracy in %, mean and 95 % interval", fontsize="medium")
