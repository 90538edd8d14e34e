"""Pictures of predictions: the confusion matrix, the reliability curve, a scatter of numbers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.text_tables import fitted
from experiments.reporting import figures
from experiments.reporting.fonts import drawn_with, font_for, needs_font
from experiments.reporting.predicted.measures import ece, reliability
from experiments.reporting.predicted.table import Predicted

_CLASSES = 20  # of a picture
_NUMBERED = 12  # classes up to which each cell holds its number


def draw(found: Predicted, folder: Path, kinds: Sequence[str] = ("png",)) -> list[str]:
    """Draws the pictures that the labels allow, in each format; returns their names."""
    drawn: dict[str, Callable[[Predicted, Path], None]] = {}
    if found.kind == "number":
        drawn["residuals"] = _scatter
    if found.kind == "class":
        drawn["confusion"] = confusion
    if found.kind != "number" and ece(found) is not None:
        drawn["reliability"] = _reliability
    for name, picture in drawn.items():
        for kind in kinds:
            picture(found, folder / f"{name}.{kind}")
    return [f"{name}.{kind}" for name in drawn for kind in kinds]


def confusion(found: Predicted, file: Path) -> None:
    """Draws the confusion matrix, of many classes that of those with the most mistakes."""
    count = len(found.names)
    wrong = found.label != found.prediction
    if count > _CLASSES:
        mistakes = np.bincount(found.label[wrong], minlength=count)
        mistakes += np.bincount(found.prediction[wrong], minlength=count)
        chosen = np.sort(np.argsort(-mistakes, kind="stable")[:_CLASSES])
    else:
        chosen = np.arange(count)
    place = np.full(count, -1)
    place[chosen] = np.arange(len(chosen))
    both = (place[found.label] >= 0) & (place[found.prediction] >= 0)
    matrix = np.zeros((len(chosen), len(chosen)), int)
    np.add.at(matrix, (place[found.label[both]], place[found.prediction[both]]), 1)
    rows = np.maximum(matrix.sum(1, keepdims=True), 1)
    side = 3 + 0.35 * len(chosen)
    names = [fitted(found.names[at], 20) for at in chosen]
    if font_for(names) is None:
        names = [f"#{at}" if needs_font(n) else n for at, n in zip(chosen, names, strict=True)]
    with drawn_with(names), figures.figure(file, side + 1, side) as (drawn, ((axes,),)):
        axes.grid(False)
        shown = axes.imshow(matrix / rows, vmin=0, vmax=1, cmap="Blues")
        axes.set_xticks(range(len(names)), names, rotation=90 if len(names) > 3 else 0, fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set_xlabel("prediction")
        axes.set_ylabel("label")
        if len(chosen) < count:
            axes.set_title(f"the {len(chosen)} classes with the most mistakes", fontsize=9)
        if len(chosen) <= _NUMBERED:
            for (row, column), number in np.ndenumerate(matrix):
                dark = number / rows[row, 0] > 0.5
                axes.text(
                    column,
                    row,
                    f"{number:,}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if dark else "black",
                )
        drawn.colorbar(shown, ax=axes, label="share of the label's rows", shrink=0.8)


def _reliability(found: Predicted, file: Path) -> None:
    bins: list[Any] = reliability(found)
    with figures.figure(file, 5, 5) as (_, ((axes,),)):
        axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
        most = max(count for *_, count in bins)
        sure, right, counts = zip(*bins, strict=True)
        axes.plot(sure, right, color=figures.colours(1)[0], linewidth=1)
        axes.scatter(sure, right, [15 + 150 * count / most for count in counts])
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("confidence (size of a point: number of answers)")
        axes.set_ylabel("share of right answers")


def _scatter(found: Predicted, file: Path) -> None:
    with figures.figure(file, 5, 5) as (_, ((axes,),)):
        both = np.concatenate([found.label, found.prediction])
        ends = [float(both.min()), float(both.max())]
        axes.plot(ends, ends, color="grey", linestyle="--", linewidth=1)
        axes.scatter(found.label, found.prediction, 12, alpha=0.6)
        axes.set_xlabel("label")
        axes.set_ylabel("prediction")
