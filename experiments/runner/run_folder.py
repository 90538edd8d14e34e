"""Makes and finds the folder of a run, ``outputs/<experiment>/<run id>/``."""

import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from experiments.common import distributed
from experiments.common.files import write_yaml
from experiments.common.redaction import redact
from experiments.common.runs import RunFolder, find_run, record_start


def new_id() -> str:
    """A new run id, the same in every process: the time, or the id that `wandb agent` gives."""
    return distributed.decide_once("RUN", _id)


def _id() -> str:
    given = os.environ.get("WANDB_RUN_ID") if "WANDB_SWEEP_ID" in os.environ else None
    return given or f"{time.strftime('%y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def find(output: str, experiment: str, wanted: str) -> Path:
    """Finds the folder of the run to resume, on rank 0 for all processes.

    Args:
        output: The folder in which all runs are kept.
        experiment: The name of the experiment.
        wanted: ``last``, a run's id, or a run's folder.

    Raises:
        ValueError: If there is no such run, or if it is finished or still going on.
    """
    return Path(distributed.decide_once("RESUMED", lambda: str(_find(output, experiment, wanted))))


def _find(output: str, experiment: str, wanted: str) -> Path:
    def resumable(run: RunFolder) -> bool:
        return not (run.finished or run.in_use)

    root = Path(output) / experiment
    run = find_run(wanted, root, resumable, "unfinished run", "--resume")
    if run.finished:
        raise ValueError(f"--resume {wanted}: that run is finished, see {run.path}")
    if run.in_use:
        raise ValueError(f"--resume {wanted}: that run is still going on in {run.path}")
    return run.path


def check_same(folder: Path, settings: dict[str, Any]) -> None:
    """Checks that a resumed run keeps its model, data and seed.

    Raises:
        ValueError: If a flag of these has changed; the message names it.
    """
    before = yaml.safe_load((folder / "config.yaml").read_text())
    settings = redact(settings)  # as those on disk are
    for key in ("model", "data", "seed_everything"):
        for flag, was, now in _differences(f"--{key}", before.get(key), settings.get(key)):
            raise ValueError(
                f"--resume {folder.name}: {flag} was {was} and is {now}; a resumed run keeps its "
                f"model, data and seed"
            )


def _differences(flag: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in [*was, *(key for key in now if key not in was)]:
            below = flag if key in ("class_path", "init_args") else f"{flag}.{key}"
            yield from _differences(below, was.get(key), now.get(key))
    elif was != now:
        yield flag, was, now


def make(folder: Path, settings: dict[str, Any]) -> None:
    """Makes a run's folder with checkpoints/, run.json, and config.yaml without secrets.

    Raises:
        ValueError: If the folder cannot be written.
    """
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        write_yaml(folder / "config.yaml", redact(settings))
        record_start(folder)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        reason = f"cannot be written ({error.strerror})"
        raise ValueError(f"--output {folder.parents[1]}: {reason}") from error
