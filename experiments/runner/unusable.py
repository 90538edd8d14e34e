"""Refuses what would pass without effect: flags of the Trainer and callbacks that a run cannot use.

Everything else of Lightning's is applied. tests/experiments/runner/test_everything_of_lightning.py
has the effect of each flag and each callback.
"""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch.callbacks import (
    BackboneFinetuning,
    BaseFinetuning,
    BasePredictionWriter,
    Callback,
    Checkpoint,
    GradientAccumulationScheduler,
    LearningRateMonitor,
    ModelCheckpoint,
    ModelPruning,
    ProgressBar,
    SpikeDetection,
    StochasticWeightAveraging,
    Timer,
    WeightAveraging,
)
from lightning.pytorch.loggers import WandbLogger
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from experiments.common import distributed

_FLAGS = {
    "barebones": "leaves out checkpoints, callbacks and records, which every run has; "
    "--tracking.mode disabled and --trainer.enable_progress_bar false are the least",
    "use_distributed_sampler": "the data's own sampler shares the rows among the devices",
    "model_registry": "a run's weights are in its export folder, which `hf upload` uploads",
}
_NEVER_VALIDATED = (
    "its averages come after the last validation, so that no checkpoint could be chosen among "
    "them; EMAWeightAveraging and WeightAveraging average, are validated and are kept"
)
_KINDS: dict[type[Callback], str] = {
    BackboneFinetuning: "asks for a module with a `backbone`; LayerwiseUnfreezing unfreezes the "
    "layers here",
    BasePredictionWriter: "a run does not predict; the predictions of its test are recorded",
    ModelPruning: "renames the weights that it prunes, which checkpoints and export know by name; "
    "prune what is in the export folder",
    StochasticWeightAveraging: _NEVER_VALIDATED,
}
REPLACEABLE = (LearningRateMonitor, ProgressBar)  # the user's own takes the place of ours
_BASES = (BaseFinetuning, Checkpoint, ProgressBar)  # to be subclassed
_HOOKS = [n for n in vars(Callback) if n.startswith(("on_", "setup")) and "predict" not in n]


def refused(kind: type) -> bool:
    """Tells whether a class is refused wherever it is named as a callback."""
    return issubclass(kind, tuple(_KINDS)) or kind in _BASES


def check(settings: Mapping[str, Any], ours: list[Callback], model: nn.Module) -> None:
    """Refuses flags of the Trainer that would have no effect.

    Args:
        settings: The Trainer's arguments, with lists of callbacks and loggers.
        ours: The callbacks of every run.
        model: The module of the run.

    Raises:
        ValueError: If there is one; the message names it and what to do instead.
    """
    for name, reason in _FLAGS.items():
        if settings[name]:
            raise ValueError(f"--trainer.{name}: {reason}")
    normalized = any(isinstance(layer, _BatchNorm) for layer in model.modules())
    if settings["sync_batchnorm"] and not normalized:
        raise ValueError("--trainer.sync_batchnorm: the model has no BatchNorm layer")
    if settings["default_root_dir"] is not None:
        raise ValueError("--trainer.default_root_dir: a run's folder is below --output; set that")
    if settings["limit_predict_batches"] is not None:
        raise ValueError(
            "--trainer.limit_predict_batches: a run does not predict; limit_test_batches is for "
            "its test"
        )
    strategy = settings["strategy"]
    kind = strategy if isinstance(strategy, str) else getattr(strategy, "_start_method", "popen")
    if any(word in str(kind) for word in ("spawn", "fork", "notebook")):
        raise ValueError(
            f"--trainer.strategy {kind}: its processes are copies of this one, and the record of a "
            f"run cannot be copied; ddp trains the same with processes of their own"
        )
    if settings["num_nodes"] > 1 and not distributed.launched_externally():
        raise ValueError(
            "--trainer.num_nodes: start several machines with torchrun or srun; docs/scaling.md "
            "has the commands"
        )
    if False in settings["logger"]:
        raise ValueError("--trainer.logger false: --tracking.mode disabled keeps no W&B record")
    if any(isinstance(logger, WandbLogger) for logger in settings["logger"]):
        raise ValueError(
            "--trainer.logger WandbLogger: every run is recorded in W&B already; see --tracking"
        )
    for callback in settings["callbacks"]:
        if reason := _reason(callback, settings, ours):
            raise ValueError(f"--trainer.callbacks {type(callback).__name__}: {reason}")


def _reason(callback: Callback, settings: Mapping[str, Any], ours: list[Callback]) -> str:
    """The reason for which a callback cannot be used; empty if it can."""
    kind = type(callback)
    for refused, reason in _KINDS.items():
        if isinstance(callback, refused):
            return reason
    if kind in _BASES or not any(_overrides(callback, hook) for hook in _HOOKS):
        return "does nothing by itself: it has no method that Lightning calls in training or tests"
    if any(type(own) is kind for own in ours if not isinstance(own, REPLACEABLE)):
        return "every run has it already"
    if isinstance(callback, GradientAccumulationScheduler):
        if settings["accumulate_grad_batches"] != 1:
            return "two schedules; leave out --trainer.accumulate_grad_batches or this one"
        if sum(isinstance(other, kind) for other in settings["callbacks"]) > 1:
            return "two schedules; leave out one"
    averages = [c for c in settings["callbacks"] if isinstance(c, WeightAveraging)]
    if callback in averages and len(averages) > 1:
        return "two averages of the same weights; leave out one"
    if isinstance(callback, SpikeDetection) and settings["accumulate_grad_batches"] != 1:
        return "reads the loss of one batch, which --trainer.accumulate_grad_batches weighs by rows"
    if isinstance(callback, Timer):
        if settings["max_time"] is not None:
            return "two time limits; leave out --trainer.max_time or this one"
        if callback.time_remaining() is None:
            return "without a duration it limits nothing: --trainer.max_time 00:12:00:00 is 12 h"
    if isinstance(callback, ModelCheckpoint) and callback.save_last and callback.dirpath is None:
        return "save_last: every run keeps checkpoints/last.ckpt, from which --resume goes on"
    return ""


def _overrides(callback: Callback, hook: str) -> bool:
    """Tells whether a callback has a method of its own for a hook, or was given a function."""
    return hook in vars(callback) or getattr(type(callback), hook) is not getattr(Callback, hook)
