"""Every callback by name."""

from callbacks.cost import Cost
from callbacks.finite import StopOnNaN
from callbacks.last import LastCheckpoint
from callbacks.predictions import Predictions
from callbacks.progress import Progress
from callbacks.randomness import StepSeed

__all__ = ["Cost", "LastCheckpoint", "Predictions", "Progress", "StepSeed", "StopOnNaN"]
