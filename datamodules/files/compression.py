"""Compressed files as streams of their content; the first bytes tell the compression."""

import bz2
import gzip
import importlib.util
import io
import lzma
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa

from datamodules.optional import install_command

PACKED = (".gz", ".bz2", ".xz", ".zst")
_ZSTD = b"\x28\xb5\x2f\xfd"
_LARGEST = 2**27  # bytes of the window of zstd that pyarrow unpacks


def is_packed(start: bytes) -> bool:
    """Whether a file that begins like this is compressed. Six bytes are enough."""
    return start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", _ZSTD))


def decompressed(file: Any, path: Path | None = None) -> Any:
    """The content of an open file, decompressed if it is compressed.

    Args:
        file: The file at its start, opened for bytes; it has ``peek``.
        path: Its path, if it is a file of its own and no part of an archive.

    Raises:
        OSError: For zstd with a window for which a library is missing.
    """
    start = file.peek(18)[:18]
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(file)
    if start.startswith(b"BZh"):
        return bz2.open(file)
    if start.startswith(b"\xfd7zXZ\x00"):
        return lzma.open(file)
    return _zstd(file, start, path) if start.startswith(_ZSTD) else file


def _zstd(file: Any, start: bytes, path: Path | None) -> Any:
    """Decompress zstd, also with the window of 2 GiB that dumps of forums have."""
    if window(start) <= _LARGEST:
        return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(file), "zstd"))
    if importlib.util.find_spec("zstandard"):
        import zstandard

        unpacker = zstandard.ZstdDecompressor(max_window_size=2**31)
        return io.BufferedReader(unpacker.stream_reader(file, read_across_frames=True))
    program = shutil.which("zstd")
    if program is None or path is None:
        raise OSError(
            f"its zstd window is too large for what is installed: {install_command('dumps')}"
        )
    process = subprocess.Popen([program, "-dc", "--long=31", path], stdout=subprocess.PIPE)
    return process.stdout


def window(header: bytes) -> int:
    """The window of a zstd frame in bytes, by RFC 8878, section 3.1.1.1."""
    if len(header) < 6 or header[:4] != _ZSTD:
        return 0
    descriptor = header[4]
    if not descriptor & 32:
        base = 1 << (10 + (header[5] >> 3))
        return base + (base >> 3) * (header[5] & 7)
    size, start = (1, 2, 4, 8)[descriptor >> 6], 5 + (0, 1, 2, 4)[descriptor & 3]
    return int.from_bytes(header[start : start + size], "little")
