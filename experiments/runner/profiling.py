"""The Trainer's profiler writes its reports into the run's folder."""

from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.profilers import (
    AdvancedProfiler,
    PassThroughProfiler,
    Profiler,
    PyTorchProfiler,
    SimpleProfiler,
)

from callbacks import StepProfile

_BY_NAME = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}


def into(folder: Path, profiler: Profiler | str | None) -> Any:
    """The profiler, with its reports as files in the run's folder unless it names another one.

    Args:
        folder: The run's folder.
        profiler: The value of ``--trainer.profiler``.
    """
    if isinstance(profiler, str):
        kind = _BY_NAME.get(profiler)
        return kind(dirpath=folder, filename="profile") if kind else profiler
    if profiler is not None and not isinstance(profiler, PassThroughProfiler):
        profiler.dirpath = profiler.dirpath or folder
        profiler.filename = profiler.filename or "profile"
    return profiler


def reports(trainer: Trainer) -> list[Path]:
    """The reports of a Trainer's profiler that has ended, and of its callback StepProfile."""
    found = [
        file for one in trainer.callbacks if isinstance(one, StepProfile) for file in one.files
    ]
    profiler: Any = trainer.profiler
    if profiler.dirpath is not None and profiler.filename is not None:
        found += sorted(Path(profiler.dirpath).glob(f"*{profiler.filename}*.txt"))
    return found
