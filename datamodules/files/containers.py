"""What is inside a file: its bytes without compression, and the ending that names its format."""

import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import pyarrow as pa

from datamodules.files.compression import PACKED, decompressed, is_packed

COMPRESSED = (*PACKED, ".zip")
BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException)


class Content(NamedTuple):
    """The content of a file.

    Attributes:
        suffix: The ending that names the format, in small letters; empty if there is none.
        open: Opens the content as bytes, from the start.
        packed: Whether the bytes come out of a compressed file.
    """

    suffix: str
    open: Callable[[], Any]
    packed: bool


def content(path: Path) -> Content:
    """Look into a file. Its first bytes tell the compression, whatever its name is.

    Raises:
        ValueError: For a zip archive of several files.
    """
    with open(path, "rb") as file:
        start = file.read(6)
    suffix = format_of(path)
    if is_packed(start):
        return Content(suffix, lambda: decompressed(open(path, "rb"), path), True)
    if start[:4] == b"PK\x03\x04":
        return _of_zip(path, suffix)
    return Content(suffix, lambda: open(path, "rb"), False)


def format_of(path: PurePath) -> str:
    """The ending of a name before that of its compression, in small letters."""
    name = PurePath(path.name.lower())
    while name.suffix in COMPRESSED:
        name = name.with_suffix("")
    return name.suffix


def zip_members(path: Path) -> list[str]:
    """The files in a zip archive, without those that an operating system adds."""
    with zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    return [n for n in names if not n.startswith("__MACOSX/") and PurePath(n).name[0] != "."]


def is_workbook(members: list[str]) -> bool:
    """Whether a zip archive with these files is a spreadsheet."""
    return "[Content_Types].xml" in members


def _of_zip(path: Path, suffix: str) -> Content:
    members = zip_members(path)
    if is_workbook(members):
        return Content(".xlsx", lambda: open(path, "rb"), False)
    if len(members) != 1:
        raise ValueError(f"is an archive of {len(members)} files: unpack it, or leave one in it")
    inside = format_of(PurePath(members[0]))
    return Content(inside, lambda: zipfile.ZipFile(path).open(members[0]), True)
