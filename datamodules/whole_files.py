"""Files that are written completely or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(file: Path, shared: bool = False) -> Iterator[Path]:
    """Yield a scratch file that replaces ``file`` at the end: readers see all of it or nothing.

    Args:
        file: The file.
        shared: Whether several processes may write it at once; each has a scratch file of its own.
    """
    file = Path(file)
    scratch = file.with_name(f".{file.name}" + f".{os.getpid()}" * shared)
    try:
        yield scratch
        os.replace(scratch, file)
    except OSError as error:
        error.filename = str(file)  # a full disk's names none
        raise
    finally:
        scratch.unlink(missing_ok=True)


def write_text(file: Path, text: str, shared: bool = False) -> None:
    """Write a text, in one step; ``shared`` as in :func:`atomic_write`."""
    with atomic_write(file, shared) as scratch:
        scratch.write_text(text, encoding="utf-8")
