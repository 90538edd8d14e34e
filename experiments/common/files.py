"""Files that are written whole or not at all, and the lock that marks a folder as in use."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout


def hold(folder: Path) -> FileLock:
    """Marks a run as going on for as long as this process lives or holds the lock."""
    lock = FileLock(folder / ".lock")
    lock.acquire(timeout=0)
    return lock


def let_go(lock: FileLock) -> None:
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def busy(folder: Path) -> bool:
    if not (folder / ".lock").exists():
        return False
    try:
        let_go(hold(folder))
        return False
    except Timeout:
        return True


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """A file to write that takes its place at the end: a reader sees all of it or nothing."""
    file = Path(file)
    scratch = file.with_name(f".{file.name}")
    try:
        yield scratch
        os.replace(scratch, file)
    except OSError as error:
        error.filename = str(file)  # a full disk's names none
        raise
    finally:
        scratch.unlink(missing_ok=True)


def write_json(file: Path, value: Any) -> None:
    with whole(file) as scratch:
        scratch.write_text(json.dumps(value, indent=2, default=str) + "\n")


def write_yaml(file: Path, value: Any) -> None:
    with whole(file) as scratch:
        scratch.write_text(yaml.safe_dump(value, sort_keys=False))
