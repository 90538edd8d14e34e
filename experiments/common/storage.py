"""Errors of a disk that is full or of a folder that cannot be written, with the folder's name."""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_IN_RUST = re.compile(rf"os error ({'|'.join(map(str, _FULL))})\b")
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
_LEAST = 2**20  # bytes; a disk with fewer is taken as full


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and the errors that led to it, each once."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def storage_error(error: BaseException, folder: Path | None) -> str:
    """The message of an error that a full disk or an unwritable cache caused; empty for others.

    Args:
        error: The error, or one that it led to.
        folder: The folder of the run; None before there is one.
    """
    for one in causes(error):
        number = getattr(one, "errno", None)
        if number in _FULL or _FULL_IN_RUST.search(str(one)):
            return f"no space left to write {_full_place(one, folder)}"
        named = [getattr(one, "filename2", None), getattr(one, "filename", None)]
        if number in _CLOSED and any(_in_cache(name) for name in named if name):
            return (
                f"{_cache()}: cannot be written ({os.strerror(number)}): set PRETUNE_CACHE to a "
                f"folder that can"
            )
    return ""


def _full_place(error: BaseException, folder: Path | None) -> str:
    """The file or folder on the disk that is full: a copy's error names its source as well."""
    named = [getattr(error, "filename2", None), getattr(error, "filename", None)]
    places = [str(name) for name in named if isinstance(name, (str, Path))]
    others = [str(folder or "here"), str(_cache()), tempfile.gettempdir()]
    place = next((p for p in (*places, *others) if _is_full(Path(p))), (places + others)[0])
    advice = " (set PRETUNE_CACHE to a folder on another disk)" if _in_cache(place) else ""
    return place.removeprefix(f"{Path.cwd()}/") + advice


def _is_full(place: Path) -> bool:
    there = next((p for p in (place, *place.absolute().parents) if p.exists()), Path("/"))
    return shutil.disk_usage(there).free < _LEAST


def _cache() -> Path:
    from datamodules.packaged import cache_folder

    return cache_folder()


def _in_cache(place: str | Path) -> bool:
    return Path(place).absolute().is_relative_to(_cache().absolute())
