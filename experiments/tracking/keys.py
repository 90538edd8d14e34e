"""Names and rules that all readers and writers of tracked runs share."""

import math
from pathlib import Path
from typing import Any

STEP = "trainer/global_step"
STATES = ("interrupted", "failed")  # the tags that finish() writes
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def run_folders(folder: Path) -> list[Path]:
    """W&B's folders in a run's folder, or that folder itself, in the order of their start."""
    folder = Path(folder)
    if any(folder.glob("run-*.wandb")):
        return [folder]
    logs = [*folder.glob("*run-*/run-*.wandb"), *folder.glob("wandb/*run-*/run-*.wandb")]
    return sorted((log.parent for log in logs), key=lambda path: path.name.partition("run-")[2])


def merge_summary(old: dict, new: dict) -> None:
    """Merges a later summary into an earlier one; `max` and `min` keep the best of both."""
    for key, value in new.items():
        value = _number(value)
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            merge_summary(old[key], value)
        elif key in ("max", "min") and key in old and not math.isnan(old[key]):
            worse = value <= old[key] if key == "max" else value >= old[key]
            old[key] = old[key] if worse or math.isnan(value) else value
        else:
            old[key] = value


def _number(value: Any) -> Any:
    return _SPECIAL.get(value, value) if isinstance(value, str) else value
