"""The picture of a run's curves: losses, and the metric that chooses the weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.reporting import figures

FILE = "curves.png"
_MARKED = 30  # points of a curve up to which each has a mark; a single one is seen only so
_SMOOTHED = 50  # points of the training loss above which a running mean is drawn over it

Curve = Sequence[tuple[int, float]]


def draw(
    training: Curve,
    validation: Mapping[str, Curve],
    chosen: str,
    best: Mapping[str, Any],
    file: Path,
    own: Mapping[str, Any] | None = None,
) -> bool:
    """Draws the curves of a run into a file, if there is a point to draw; tells whether it did.

    Args:
        training: The training loss by step.
        validation: The validation metrics by step.
        chosen: The validation metric that chooses the weights.
        best: The ``step`` and ``value`` of the best validation; empty without one.
        file: The file.
        own: The facts about metrics that the run declares; see ``common.metrics``.
    """
    losses = {"train/loss": training, "val/loss": validation.get("val/loss", ())}
    panels = [{name: _finite(curve) for name, curve in losses.items()}]
    if chosen != "val/loss":
        panels.append({chosen: _finite(validation.get(chosen, ()))})
    panels = [{n: curve for n, curve in panel.items() if len(curve)} for panel in panels]
    panels = [panel for panel in panels if panel]
    if not panels:
        return False
    width = 6 * len(panels)
    with figures.figure(file, width, 4, columns=len(panels)) as (_, (row,)):
        for axes, panel in zip(row, panels, strict=True):
            _panel(axes, panel, own)
            if chosen in panel and "step" in best:
                axes.axvline(best["step"], color="grey", linestyle="--", linewidth=1, zorder=0)
                axes.plot([], [], color="grey", linestyle="--", label=f"best, {best['value']:.4g}")
            axes.set_xlabel("step")
            axes.set_xlim(0, 1.02 * max(curve[-1, 0] for curve in panel.values()) or 1)
            axes.legend(fontsize=8)
    return True


def _panel(axes: Any, curves: Mapping[str, np.ndarray], own: Mapping[str, Any] | None) -> None:
    colours = figures.colours(2)
    for name, points in curves.items():
        steps, values = points.T
        colour, marker = colours[name.startswith("val/")], "o" if len(points) <= _MARKED else None
        many = len(points) > _SMOOTHED and name == "train/loss"
        alpha, label = (0.3, None) if many else (1, name)
        axes.plot(
            *(steps, values),
            **{"color": colour, "marker": marker, "alpha": alpha, "label": label},
            markersize=4,
            linewidth=1.2,
            clip_on=marker is None,  # a mark at the end of the range stays whole
        )
        if many:
            width = len(points) // 20
            mean = np.convolve(values, np.ones(width) / width, "valid")
            label = f"{name}, mean over {steps[width - 1] - steps[0] + 1:,.0f} steps"
            axes.plot(steps[width - 1 :], mean, color=colour, linewidth=1.2, label=label)
    axes.set_ylabel(" and ".join(curves))
    name, points = next(iter(curves.items()))
    figures.within_range(axes, name, points[:, 1], own, spare=0.0)


def _finite(curve: Curve) -> np.ndarray:
    """The points whose value is a number, (N, 2)."""
    points = np.array([[step, value] for step, value in curve], float).reshape(-1, 2)
    return points[np.isfinite(points[:, 1])]
