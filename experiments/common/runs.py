"""Finds runs on disk for every command: the last one, or one by its id or its folder."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from experiments.common.files import is_locked, write_json

_START = "run.json"  # written when a run starts; it marks the folder of a run
_NEVER_INSIDE = {"documents", "train", "validation", "work", "wandb"}


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run, ``<output>/<experiment>/<id>/``.

    Attributes:
        path: The folder.
        started: When the run was first started, as UTC in ISO 8601; it orders runs.
    """

    path: Path
    started: str

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def experiment(self) -> str:
        return self.path.parent.name

    @property
    def finished(self) -> bool:
        return (self.path / "result.json").is_file()

    @property
    def in_use(self) -> bool:
        return is_locked(self.path)


def record_start(folder: Path) -> None:
    """Records the time at which a run starts; a run that is resumed keeps its first time."""
    if not (folder / _START).is_file():
        started = datetime.now(UTC).isoformat(timespec="milliseconds")
        known = {"id": folder.name, "experiment": folder.parent.name, "started": started}
        write_json(folder / _START, known)


def read_run_folder(folder: Path) -> RunFolder | None:
    """The run in a folder; None if the folder holds no run."""
    try:
        return RunFolder(folder, json.loads((folder / _START).read_text())["started"])
    except (OSError, ValueError, KeyError):
        return None


def list_runs(root: Path) -> list[RunFolder]:
    """All runs below a folder, in the order in which they were started."""
    found = []
    for name, below, files in os.walk(root):
        below[:] = [folder for folder in below if folder not in _NEVER_INSIDE]
        if _START in files and (run := read_run_folder(Path(name))):
            below.clear()
            found.append(run)
    return sorted(found, key=lambda run: (run.started, run.id))


def find_run(
    wanted: str, root: Path, fits: Callable[[RunFolder], bool], kind: str, flag: str = ""
) -> RunFolder:
    """Finds the run that a command line asks for.

    Args:
        wanted: ``last``, a run's id, or a run's folder.
        root: The folder to search.
        fits: Tells whether ``last`` may be this run.
        kind: The name of such runs in the error, as "unfinished run".
        flag: The flag that the error names.

    Raises:
        ValueError: If there is no such run; the message names the latest runs.
    """
    lead = f"{flag} {wanted}".strip()
    if wanted != "last" and (run := read_run_folder(Path(wanted).expanduser())):
        return run
    runs = list_runs(root)
    if wanted == "last":
        if fitting := [run for run in runs if fits(run)]:
            return fitting[-1]
        raise ValueError(f"{lead}: no {kind} in {root}")
    if same := [run for run in runs if run.id == wanted]:
        return same[-1]
    names = ", ".join(run.id for run in runs[-5:]) or "none"
    raise ValueError(f"{lead}: no such run in {root}; the latest there: {names}")
