"""Files that are written completely or not at all, and the lock that marks a folder as in use."""

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from datamodules.whole_files import atomic_write as atomic_write
from datamodules.whole_files import write_text


def lock(folder: Path) -> FileLock:
    """Marks a run as going on for as long as this process lives or holds the lock.

    It tries for a moment: `is_locked` of another process holds a free lock for a moment.

    Raises:
        Timeout: If another process holds the lock.
    """
    held = FileLock(folder / ".lock")
    held.acquire(timeout=0.3)
    return held


def unlock(held: FileLock) -> None:
    """Releases the lock of a folder and removes its file."""
    file = Path(held.lock_file)
    try:
        file.unlink(missing_ok=True)  # before another process can take the lock
        held.release()
    except PermissionError:  # Windows removes no open file
        held.release()
        with suppress(OSError):
            file.unlink(missing_ok=True)


def is_locked(folder: Path) -> bool:
    """Tells whether a process holds the lock of the folder."""
    if not (folder / ".lock").exists():
        return False
    held = FileLock(folder / ".lock")
    try:
        held.acquire(timeout=0)
    except Timeout:
        return True
    unlock(held)
    return False


def finite(value: Any) -> Any:
    """The value with None in place of NaN and infinities, which JSON does not have."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(file: Path, value: Any) -> None:
    """Writes a value as indented JSON, in one step; a number that is not finite becomes null."""
    write_text(file, json.dumps(finite(value), indent=2, default=str, allow_nan=False) + "\n")


def write_yaml(file: Path, value: Any) -> None:
    """Writes a value as YAML, in one step."""
    write_text(file, yaml.safe_dump(value, sort_keys=False))
