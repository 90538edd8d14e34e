"""Pictures of what pre-training gives: accuracy against labels and against tokens, with bands."""

from collections.abc import Callable
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

    def draw(axes: Any) -> None:
        for origin, colour in zip(origins, figures.colours(len(origins)), strict=False):
            found = {}
            for place, amount in enumerate(labels):
                runs = {s: r for (n, a, s), r in tuned.items() if (n, a) == (origin.name, amount)}
                if runs:
                    found[place] = quality(runs, _METRIC)
            dashed = "--" if origin.against is None else "-"
            _curve(axes, found, origin.name, colour, dashed)
        axes.set_xticks(range(len(labels)), [str(amount) for amount in labels])
        axes.set_xlabel("labelled sentences")

    _draw(draw, file)


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

    def draw(axes: Any) -> None:
        drawn = [origin for origin in origins if origin.against is not None]
        for origin, colour in zip(drawn, figures.colours(len(drawn)), strict=False):
            points: dict[float, dict[int, dict]] = {}
            for line in lines:
                if line["origin"] in (origin.name, origin.against):
                    run = {"metrics": {_METRIC: float(line["accuracy"])}, "run": line["run"]}
                    here = points.setdefault(round(float(line["tokens"]) / 1e6, 1), {})
                    here[int(line["seed"])] = run
            found = {place: quality(points[place], _METRIC) for place in sorted(points)}
            _curve(axes, found, origin.name, colour, "-")
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlabel(f"million tokens of pre-training ({amount} labels)")

    _draw(draw, file)


def _curve(axes: Any, found: dict[Any, Quality], name: str, colour: Any, style: str) -> None:
    """A line through means in %, with a band of their 95 % intervals; bars at a single point."""
    if not found:
        return
    places = list(found)
    reach = [figures.reach(*point[:3]) for point in found.values()]
    means = [100 * point.mean for point in found.values()]
    low = [mean - 100 * below for mean, (below, _) in zip(means, reach, strict=True)]
    high = [mean + 100 * above for mean, (_, above) in zip(means, reach, strict=True)]
    axes.plot(places, means, marker="o", linestyle=style, color=colour, label=name)
    if len(places) > 1:
        axes.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
    else:
        axes.vlines(places, low, high, color=colour)


def _draw(draw: Callable[[Any], None], file: Path) -> None:
    with figures.figure(file) as (_, ((axes,),)):
        draw(axes)
        axes.set_ylabel("test accuracy in %, mean and 95 % interval")
        axes.legend(fontsize=8)
