"""Token files in the cache folder: kept by key, and the oldest removed where they grow too many.

``PRETUNE_CACHE_LIMIT`` is the size that they may reach together, such as 500MB, 20GB or none. What
was used longest ago goes first, and never what a running process uses.
"""

import contextlib
import hashlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from datamodules.packaged import build_once, cache_folder

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows, which does not remove a file that is open
    fcntl = None

DEFAULT_LIMIT = "20GB"
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_held: dict[str, IO[bytes]] = {}  # open files, by which other processes see that they are in use


class CachedFile(NamedTuple):
    """A token file: its path, its size in bytes, and when it was last used, as a Unix time."""

    path: Path
    size: int
    used: float


def cached_tensors(
    key: str, make: Callable[[], dict[str, torch.Tensor]]
) -> dict[str, torch.Tensor]:
    """Take tensors from the cache by their key, or make and keep them."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:24]
    file = token_folder() / f"{digest}.safetensors"
    found = _load_cached(file)
    while found is None:
        limit = cache_limit()
        with build_once(file) as scratch:
            if scratch is not None:
                save_file(make(), scratch / "rows")
                os.replace(scratch / "rows", file)
        with contextlib.suppress(FileNotFoundError), _in_use(file):  # another process removed it
            found = load_file(file)
        _remove_oldest(limit)
    return found


def token_folder() -> Path:
    """Return the folder of the token files."""
    return cache_folder() / "tokens"


def cache_limit() -> int | None:
    """Return the limit in bytes that ``PRETUNE_CACHE_LIMIT`` sets, or None for no limit."""
    text = os.environ.get("PRETUNE_CACHE_LIMIT") or DEFAULT_LIMIT
    if text.strip().lower() == "none":
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?\s*", text, re.IGNORECASE)
    if found is None:
        raise ValueError(f"PRETUNE_CACHE_LIMIT {text}: give a size such as 500MB or 20GB, or none")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def list_files() -> list[CachedFile]:
    """List the token files, those that were used longest ago first."""
    found = []
    for path in token_folder().glob("*.safetensors"):
        with contextlib.suppress(FileNotFoundError):  # removed meanwhile
            stat = path.stat()
            found.append(CachedFile(path, stat.st_size, stat.st_mtime))
    return sorted(found, key=lambda file: file.used)


def remove(file: CachedFile) -> bool:
    """Remove a token file; return whether no process uses it and it is gone."""
    if str(file.path) in _held:
        return False
    try:
        with open(file.path, "rb") as handle:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                file.path.unlink()
        if fcntl is None:
            file.path.unlink()
    except FileNotFoundError:
        return True
    except OSError:  # it is in use
        return False
    return True


def _remove_oldest(limit: int | None) -> None:
    if limit is None:
        return
    files = list_files()
    total = sum(file.size for file in files)
    gone = []
    for file in files:
        if total <= limit:
            break
        if remove(file):
            gone.append(file)
            total -= file.size
    if gone:
        days = (time.time() - gone[-1].used) / 86_400
        print(
            f"cache: removed {len(gone)} token files of {sum(f.size for f in gone) / 1e9:,.2f} GB, "
            f"last used {days:,.1f} days ago or earlier (PRETUNE_CACHE_LIMIT)",
            file=sys.stderr,
            flush=True,
        )


def _load_cached(file: Path) -> dict[str, torch.Tensor] | None:
    """Load the tensors of an earlier run; a damaged file is removed, with a note."""
    try:
        with _in_use(file):
            return load_file(file)
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError, ValueError) as error:
        print(f"{file} is damaged ({error}): tokenising again", file=sys.stderr, flush=True)
        file.unlink(missing_ok=True)
        return None


@contextlib.contextmanager
def _in_use(file: Path) -> Iterator[None]:
    """Mark a file as in use by this process until it ends, unless loading it fails."""
    handle = open(file, "rb")  # noqa: SIM115, it stays open
    try:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_SH)
        with contextlib.suppress(PermissionError):  # a cache that others own
            os.utime(file)
        yield
    except BaseException:
        handle.close()
        raise
    if before := _held.get(str(file)):
        before.close()
    _held[str(file)] = handle
