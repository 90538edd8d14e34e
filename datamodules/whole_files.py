"""Files that are written completely or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(file: Path) -> Iterator[Path]:
    """Yield a scratch file that replaces ``file`` at the end: readers see all of it or nothing."""
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
