"""Temperature scaling: the one number that makes a model's confidence fit its accuracy."""

from dataclasses import replace

import numpy as np

from experiments.reporting.predicted.measures import ece
from experiments.reporting.predicted.table import Predicted

_RANGE = (-3.0, 3.0)  # of the temperature's logarithm
_LEAST = 1e-37  # of a probability in float32
_EDGE = 1e-7  # of one that is close to 0 or 1


def temperature(found: Predicted) -> float | None:
    """The temperature with the least loss on these rows (Guo et al. 2017).

    None without rows, or without the probabilities of all labels.
    """
    from scipy.optimize import minimize_scalar

    if found.probabilities is None or not len(found) or not np.isfinite(found.loss).all():
        return None
    best = minimize_scalar(
        lambda log: _loss(found, float(np.exp(log))), bounds=_RANGE, method="bounded"
    )
    return float(np.exp(best.x))


def scaled(found: Predicted, heat: float) -> Predicted:
    """The predictions with their logits divided by a temperature; none of them changes."""
    chances = _chances(found, heat)
    if found.kind == "several":
        sure = np.where(found.prediction, chances, 1 - chances).min(1)
    else:
        sure = np.take_along_axis(chances, found.prediction[:, None], 1)[:, 0]
    return replace(found, probabilities=chances, confidence=sure)


def after_scaling(shown: Predicted, fitted: Predicted) -> tuple[float, float] | None:
    """The temperature that fits one split, and the calibration error of the other with it."""
    heat = temperature(fitted)
    if heat is None or shown.probabilities is None:
        return None
    error = ece(scaled(shown, heat))
    return None if error is None else (heat, error)


def _chances(found: Predicted, heat: float) -> np.ndarray:
    assert found.probabilities is not None
    given = np.maximum(found.probabilities.astype(float), _LEAST)
    if found.kind == "several":
        given = np.clip(given, _EDGE, 1 - _EDGE)
        return 1 / (1 + np.exp(-np.log(given / (1 - given)) / heat))
    logits = np.log(given) / heat
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _loss(found: Predicted, heat: float) -> float:
    chances = _chances(found, heat)
    if found.kind == "several":
        right = np.where(found.label, chances, 1 - chances)
    else:
        right = np.take_along_axis(chances, found.label[:, None], 1)
    return float(-np.log(np.maximum(right, 1e-300)).mean())
