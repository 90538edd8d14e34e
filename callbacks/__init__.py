"""Every callback by name: ``from callbacks import StepSeed``."""

from callbacks.curves import Curves
from callbacks.discriminative_lr import DiscriminativeLearningRates
from callbacks.generation_samples import GenerationSamples
from callbacks.last_checkpoint import LastCheckpoint
from callbacks.layerwise_unfreezing import LayerwiseUnfreezing
from callbacks.mfu import MFUMonitor
from callbacks.objective_examples import ObjectiveExamples
from callbacks.predictions import Predictions
from callbacks.progress import Progress
from callbacks.step_profile import StepProfile
from callbacks.step_seed import StepSeed
from callbacks.stop_on_nan import StopOnNaN
from callbacks.throughput import ThroughputMonitor
from callbacks.unseen_tasks import UnseenTasks
from callbacks.written_texts import WrittenTexts

__all__ = [
    "Curves",
    "DiscriminativeLearningRates",
    "GenerationSamples",
    "LastCheckpoint",
    "LayerwiseUnfreezing",
    "MFUMonitor",
    "ObjectiveExamples",
    "Predictions",
    "Progress",
    "StepProfile",
    "StepSeed",
    "StopOnNaN",
    "ThroughputMonitor",
    "UnseenTasks",
    "WrittenTexts",
]
