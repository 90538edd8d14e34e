"""Predictions as the server sends them: the values and the rounding of ``pretune predict``."""

from typing import Any

import numpy as np

from experiments.tools.prediction_loop import confidence
from modules.inference import Predictions


def rows(
    found: Predictions, labels: list[str], several: bool, top: int | None
) -> list[dict[str, Any]]:
    """An object for each text: ``prediction``, ``truncated`` and, of labels, their probabilities.

    Args:
        found: The predictions.
        labels: The names of the labels.
        several: Whether a text may have several labels.
        top: The number of likeliest labels to send; None sends all.
    """
    made: list[dict[str, Any]] = []
    for place, value in enumerate(found.values):
        row = {"prediction": round(value, 6) if isinstance(value, float) else value}
        if labels and found.probabilities[place].ndim == 2:  # of words
            chances = found.probabilities[place]
            row["prediction"] = [
                {"word": word, "tag": tag, "probability": round(float(chance), 6)}
                for (word, tag), chance in zip(value, chances.max(1), strict=True)
            ]
            row["confidence"] = round(confidence(chances, several), 6)
        elif found.probabilities is not None:
            chances = found.probabilities[place]
            row["confidence"] = round(confidence(chances, several), 6)
            order = np.argsort(-chances, kind="stable")[:top] if top else range(len(labels))
            row["probabilities"] = {labels[n]: round(float(chances[n]), 6) for n in order}
        made.append({**row, "truncated": found.truncated[place]})
    return made
