"""Where a run lies: ``outputs/<experiment>/<run id>/``, made, found again, and written whole."""

import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

import yaml

_RUN = "PRETUNE_RUN"  # the processes of one multi-device run share its id through this


def new_id() -> str:
    """A run id that sorts by time; the same in every process of a multi-device run."""
    if "LOCAL_RANK" not in os.environ:
        os.environ[_RUN] = f"{time.strftime('%y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    return os.environ.setdefault(_RUN, "run")


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


def write(file: Path, text: str) -> None:
    """All of it or nothing: a reader never sees half a file."""
    scratch = file.with_name(f".{file.name}")
    scratch.write_text(text)
    os.replace(scratch, file)


def write_json(file: Path, value: Any) -> None:
    write(file, json.dumps(value, indent=2, default=str) + "\n")


def write_yaml(file: Path, value: Any) -> None:
    write(file, yaml.safe_dump(value, sort_keys=False))
