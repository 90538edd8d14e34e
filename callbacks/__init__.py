"""Every callback by name."""

from callbacks.answers import Answers
from callbacks.cost import Cost
from callbacks.discriminative_lr import DiscriminativeLearningRates
from callbacks.finite import StopOnNaN
from callbacks.last import LastCheckpoint
from callbacks.layerwise_unfreezing import LayerwiseUnfreezing
from callbacks.predictions import Predictions
from callbacks.progress import Progress
from callbacks.randomness import StepSeed
from callbacks.unseen_tasks import UnseenTasks
from callbacks.utilization import Utilization

__all__ = [
    "Answers",
    "Cost",
    "DiscriminativeLearningRates",
    "LastCheckpoint",
    "LayerwiseUnfreezing",
    "Predictions",
    "Progress",
    "StepSeed",
    "StopOnNaN",
    "UnseenTasks",
    "Utilization",
]
