"""Makes and finds the folder of a run, ``outputs/<experiment>/<run id>/``."""

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from experiments.common import distributed, files
from experiments.common.redaction import redact
from experiments.common.runs import RunFolder, find_run, list_runs, record_start, shortened
from experiments.common.shell import relative
from experiments.runner import slurm

_held: dict[Path, FileLock] = {}  # locks of the runs of this process


def new_id() -> str:
    """A new run id, the same in every process: the time, or the id that `wandb agent` gives."""
    return distributed.decide_once("RUN", _id)


def _id() -> str:
    given = os.environ.get("WANDB_RUN_ID") if "WANDB_SWEEP_ID" in os.environ else None
    return given or f"{time.strftime('%y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def find(
    output: str, experiment: str, wanted: str | None, tests: bool = False
) -> tuple[Path | None, str]:
    """Finds the run to resume and locks it, on rank 0 for all processes.

    Args:
        output: The folder in which all runs are kept.
        experiment: The name of the experiment.
        wanted: ``last``, a run's id, or a run's folder; None for the run of a requeued SLURM job.
        tests: Whether a finished run is wanted, too, whose test rows were held out.

    Returns:
        The folder, or None for a new run; and a note on newer runs that ``last`` is not.

    Raises:
        ValueError: If there is no such run, or if it is finished or still going on.
    """
    if wanted is None and not slurm.requeued():
        return None, ""
    note = ""

    def decide() -> str:
        nonlocal note
        if wanted is None:
            return str(_of_job(Path(output) / experiment) or "")
        run, note = _find(Path(output) / experiment, experiment, wanted, tests)
        return str(run)

    chosen = distributed.decide_once("RESUMED", decide)
    return (Path(chosen) if chosen else None), note


def _of_job(root: Path) -> Path | None:
    """The run that this SLURM job made before it was requeued, and locks it; None without one."""
    for run in reversed(list_runs(root)):
        if run.job == slurm.job() and not _obstacle(run) and _try_lock(run.path):
            return run.path
    return None


def _find(root: Path, experiment: str, wanted: str, tests: bool) -> tuple[Path, str]:
    passed: list[str] = []

    def unfit(run: RunFolder) -> str:
        try:
            ends = tests and run.finished and held_out(run.path)
            return ("" if ends else _obstacle(run)) or (
                "" if _try_lock(run.path) else "is still going on"
            )
        except PermissionError:
            return "belongs to another user"

    run = find_run(wanted, root, unfit, "unfinished run", "--resume", passed)
    if wanted == "last":
        over = "; ".join(shortened(passed))
        return run.path, f"--resume last passed over newer runs: {over}" if over else ""
    lead = f"--resume {wanted}"
    if run.finished and not (tests and held_out(run.path)):
        more = "; --hold_out_test false tests it" if held_out(run.path) else ""
        raise ValueError(f"{lead}: that run is finished, see {run.path}{more}")
    if run.experiment != experiment:
        raise ValueError(
            f"{lead}: that run is of {run.experiment}.py, which resumes it, and this is "
            f"{experiment}.py"
        )
    if not (run.path / "config.yaml").is_file():
        raise ValueError(f"{lead}: {run.path} has no config.yaml to go on with; begin a new run")
    if not _try_lock(run.path):
        raise ValueError(f"{lead}: that run is still going on in {run.path}")
    return run.path, ""


def held_out(folder: Path) -> bool:
    """Whether a run is finished without a test, because its test rows were held out."""
    try:
        return bool(json.loads((folder / "result.json").read_text("utf-8")).get("held_out"))
    except (OSError, ValueError):
        return False


def _obstacle(run: RunFolder) -> str:
    """The reason for which a run cannot go on, to follow its id; empty if it can."""
    if run.finished:
        return "is finished"
    if not (run.path / "config.yaml").is_file():
        return "has no config.yaml"
    if not (run.path / "checkpoints" / "last.ckpt").exists():
        if run.in_use:
            return "is still going on"
        return f"has no checkpoint yet (--resume {run.id} begins it again)"
    return ""


def _try_lock(folder: Path) -> bool:
    try:
        _held[folder.absolute()] = files.lock(folder)
    except Timeout:
        return False
    return True


def make(folder: Path, settings: dict[str, Any], **known: Any) -> None:
    """Makes and locks a run's folder, with checkpoints/, run.json, and config.yaml without secrets.

    Nothing is written before the lock is held.

    Args:
        folder: The folder.
        settings: The settings.
        known: Further entries of run.json, such as the name of the run.

    Raises:
        ValueError: If the folder cannot be written, or if another process has the run.
    """
    lead = f"--output {relative(folder.parents[1])}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.absolute() not in _held and not _try_lock(folder):
            raise ValueError(f"{lead}: {folder.name} is still going on there")
        (folder / "checkpoints").mkdir(exist_ok=True)
        files.write_yaml(folder / "config.yaml", redact(settings))
        record_start(folder, job=slurm.job(), **known)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise ValueError(f"{lead}: cannot be written ({error.strerror})") from error


def release(folder: Path) -> None:
    """Releases the lock of a folder, if this process holds it."""
    if held := _held.pop(folder.absolute(), None):
        files.unlock(held)


@contextmanager
def released_at_end() -> Iterator[None]:
    """Releases all locks at the end, also those of a run that was refused."""
    try:
        yield
    finally:
        for folder in list(_held):
            release(folder)


def check_same(folder: Path, settings: dict[str, Any]) -> None:
    """Checks that a resumed run keeps its model, data and seed, and the metric of its checkpoints.

    Raises:
        ValueError: If a flag of these has changed; the message names it.
    """
    before = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    settings = redact(settings)  # as those on disk are
    kept_of = {"monitor": "the metric of its checkpoints", "name": "its name"}
    for key in ("model", "data", "seed_everything", "monitor", "tuned", "name"):
        if key == "tuned" and key not in before:  # a run of before there was the flag
            continue
        kept = kept_of.get(key, "its model, data and seed")
        for flag, was, now in _differences(f"--{key}", before.get(key), settings.get(key)):
            raise ValueError(
                f"--resume {folder.name}: {flag} was {was} and is {now}; a resumed run keeps {kept}"
            )


def _differences(flag: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in [*was, *(key for key in now if key not in was)]:
            below = flag if key in ("class_path", "init_args") else f"{flag}.{key}"
            yield from _differences(below, was.get(key), now.get(key))
    elif was != now:
        yield flag, was, now
