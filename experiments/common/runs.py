"""Finds runs on disk for every command: the last one, or one by its id or its folder."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from experiments.common.files import is_locked, write_json

_START = "run.json"  # written when a run starts; it marks the folder of a run
_NEVER_INSIDE = {"documents", "train", "validation", "work", "wandb"}
_SHOWN = 5  # runs that a message names


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run, ``<output>/<experiment>/<id>/``.

    Attributes:
        path: The folder.
        started: When the run was first started, as UTC in ISO 8601; it orders runs.
        experiment: The experiment that made the run.
        job: The SLURM job and command line that made the run; empty outside SLURM.
        name: The name of the run.
    """

    path: Path
    started: str
    experiment: str
    job: str = ""
    name: str = ""

    @property
    def id(self) -> str:
        return self.path.name

    def __str__(self) -> str:
        return f"{self.id} ({self.name})" if self.name else self.id

    @property
    def finished(self) -> bool:
        return (self.path / "result.json").is_file()

    @property
    def in_use(self) -> bool:
        return is_locked(self.path)


def record_start(folder: Path, **more: Any) -> None:
    """Records the time at which a run starts; a run that is resumed keeps its first time.

    Where the clock was set back, the time is a millisecond after that of the newest run beside it,
    so that the newest run stays the last.

    Args:
        folder: The folder of the run.
        more: Further entries: ``name``, ``warnings``, ``origins`` (the origin of each setting that
            is not a default, by flag), and ``job``, the SLURM job and command line that make the
            run. Those that are empty are left out.
    """
    if (folder / _START).is_file():
        return
    started = datetime.now(UTC)
    for run in filter(None, map(read_run_folder, folder.parent.iterdir())):
        try:
            after = datetime.fromisoformat(run.started) + timedelta(milliseconds=1)
            started = max(started, after)
        except (TypeError, ValueError, OverflowError):  # written by another program
            continue
    known = {
        "id": folder.name,
        "experiment": folder.parent.name,
        "started": started.isoformat(timespec="milliseconds"),
    }
    write_json(folder / _START, known | {key: value for key, value in more.items() if value})


def _start_of(folder: Path) -> Any:
    """What a run has recorded of its start."""
    return json.loads((folder / _START).read_text(encoding="utf-8"))


def warnings_of(folder: Path) -> list[str]:
    """The warnings that a run gave when it was first started."""
    try:
        return _start_of(folder).get("warnings", [])
    except (OSError, ValueError):
        return []


def read_origins(folder: Path) -> dict[str, str]:
    """The origin of each setting of a run that is not a default, by flag."""
    return _start_of(folder).get("origins", {})


def record_end(folder: Path, state: str, reason: str) -> None:
    """Records how a run ended, and why: also one that is interrupted or fails."""
    try:
        known = _start_of(folder)
    except (OSError, ValueError):  # of a run that was refused before it began
        return
    write_json(folder / _START, known | {"state": state, "ended": reason})


def read_run_folder(folder: Path) -> RunFolder | None:
    """The run in a folder; None if the folder holds no run."""
    try:
        known = _start_of(folder)
        experiment = known.get("experiment", folder.absolute().parent.name)
        more = known.get("job", ""), known.get("name", "")
        return RunFolder(folder, known["started"], experiment, *more)
    except (OSError, ValueError, KeyError, AttributeError):
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
    wanted: str,
    root: Path,
    unfit: Callable[[RunFolder], str],
    kind: str,
    flag: str = "",
    passed_over: list[str] | None = None,
) -> RunFolder:
    """Finds the run that a command line asks for.

    Args:
        wanted: ``last``, a run's id or folder, or a name, of whose runs it is the newest.
        root: The folder to search.
        unfit: The reason for which ``last`` may not be this run, to follow its id; empty if it may.
        kind: The name of such runs in the error, as "unfinished run".
        flag: The flag that the error names.
        passed_over: Takes the newer runs that ``last`` is not, each with the reason.

    Raises:
        ValueError: If there is no such run; the message names the latest runs, and for ``last``
            the reason for each.
    """
    lead = f"{flag} {wanted}".strip()
    if wanted != "last" and (run := read_run_folder(Path(wanted).expanduser())):
        return run
    runs = list_runs(root)
    if wanted == "last":
        passed = [] if passed_over is None else passed_over
        for run in reversed(runs):
            if not (reason := unfit(run)):
                return run
            passed.append(f"{run.id} {reason}")
        reasons = f"; passed over: {'; '.join(shortened(passed))}" if passed else ""
        raise ValueError(f"{lead}: no {kind} in {root}{reasons}")
    for key in ("id", "name"):
        if same := [run for run in runs if getattr(run, key) == wanted]:
            return same[-1]
    names = ", ".join(map(str, runs[-_SHOWN:])) or "none"
    raise ValueError(f"{lead}: no such run in {root}; the latest there: {names}")


def choose_run(wanted: str, root: Path, unfit: Callable[[RunFolder], str], kind: str) -> RunFolder:
    """Finds a run as ``find_run`` does, and prints the newer runs that ``last`` is not."""
    passed: list[str] = []
    run = find_run(wanted, root, unfit, kind, "", passed)
    for reason in shortened(passed):
        print(f"{wanted}: passed over {reason}", file=sys.stderr)
    return run


def shortened(reasons: list[str]) -> Iterator[str]:
    """Yields the first reasons, and how many more there are."""
    yield from reasons[:_SHOWN]
    if len(reasons) > _SHOWN:
        yield f"and {len(reasons) - _SHOWN} more"
