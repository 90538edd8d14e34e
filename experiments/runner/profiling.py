"""The Trainer's profiler writes its reports into the run's folder."""

from pathlib import Path
from typing import Any

from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler

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
    if profiler is not None:
        profiler.dirpath = profiler.dirpath or folder
        profiler.filename = profiler.filename or "profile"
    return profiler


def reports(profiler: Profiler) -> list[Path]:
    """The reports of a profiler that has ended; none if there was no profiler."""
    if profiler.dirpath is None or profiler.filename is None:
        return []
    return sorted(Path(profiler.dirpath).glob(f"*{profiler.filename}*.txt"))
