"""Where a run lies: ``outputs/<experiment>/<run id>/``, made, found again, and written whole."""

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

_RUN = "PRETUNE_RUN"  # the processes of one multi-device run share its id through this


def new_id() -> str:
    """A run id that sorts by time; the same in every process of a multi-device run."""
    if "LOCAL_RANK" not in os.environ:
        os.environ[_RUN] = f"{time.strftime('%y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    elif _RUN not in os.environ:  # started by torchrun or the like, which all ranks share
        started = time.localtime(psutil.Process(os.getppid()).create_time())
        os.environ[_RUN] = f"{time.strftime('%y%m%d-%H%M%S', started)}-{os.getppid() % 2**16:04x}"
    return os.environ[_RUN]


def find(output: str, experiment: str, wanted: str) -> Path:
    """The folder of the run to resume: ``last``, a run id, or a path."""
    root = Path(output) / experiment
    runs = sorted(path.parent for path in root.glob("*/config.yaml"))
    if wanted == "last":
        open_runs = [run for run in runs if not (run / "result.json").exists()]
        if open_runs:
            return max(open_runs, key=lambda run: (run / "config.yaml").stat().st_mtime)
        raise ValueError(f"--resume last: no unfinished run in {root}")
    for folder in (root / wanted, Path(wanted)):
        if (folder / "config.yaml").is_file():
            if (folder / "result.json").exists():
                raise ValueError(f"--resume {wanted}: that run is finished, see {folder}")
            return folder
    names = ", ".join(run.name for run in runs[-5:]) or "none"
    raise ValueError(f"--resume {wanted}: no such run in {root}; the latest there: {names}")


def make(folder: Path, settings: dict[str, Any]) -> None:
    """A run's folder with its checkpoints/ and config.yaml."""
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        write_yaml(folder / "config.yaml", settings)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        reason = f"cannot be written ({error.strerror})"
        raise ValueError(f"--output {folder.parents[1]}: {reason}") from error


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """A file to write that takes its place at the end: a reader sees all of it or nothing."""
    file = Path(file)
    scratch = file.with_name(f".{file.name}")
    try:
        yield scratch
        os.replace(scratch, file)
    except OSError as error:
        error.filename = str(file.with_name(file.name.lstrip(".")))  # a full disk's names none
        raise
    finally:
        scratch.unlink(missing_ok=True)


def write_json(file: Path, value: Any) -> None:
    with whole(file) as scratch:
        scratch.write_text(json.dumps(value, indent=2, default=str) + "\n")


def write_yaml(file: Path, value: Any) -> None:
    with whole(file) as scratch:
        scratch.write_text(yaml.safe_dump(value, sort_keys=False))
