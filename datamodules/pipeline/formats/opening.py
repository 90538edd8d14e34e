"""Files as bytes and characters: compression, archives of files, encodings."""

import bz2
import gzip
import importlib.util
import io
import lzma
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from datamodules.optional import install_command

PACKED = (".gz", ".bz2", ".xz", ".zst")
_BOMS = (b"\xff\xfe", b"\xfe\xff")


class SourceFile(NamedTuple):
    """A file of a source.

    Attributes:
        path: The path of the file, or of the zip archive that holds it.
        relative: The path inside of the source, which is the id of its only document.
        member: The name of the file inside of the archive.
    """

    path: Path
    relative: str
    member: str | None = None

    @property
    def name(self) -> str:
        """The name without folders and without the suffix of a compression, in lower case."""
        name = (self.member or self.path.name).rpartition("/")[2].lower()
        for packed in PACKED:
            name = name.removesuffix(packed)
        return name

    @property
    def suffix(self) -> str:
        return Path(self.name).suffix

    def open(self) -> Any:
        """Open the file for reading bytes, decompressed."""
        if self.member is None:
            return _decompressed(open(self.path, "rb"), self.path)
        return _decompressed(zipfile.ZipFile(self.path).open(self.member), Path(self.member))


def _decompressed(file: Any, path: Path) -> Any:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(file)
    if suffix == ".bz2":
        return bz2.open(file)
    if suffix == ".xz":
        return lzma.open(file)
    if suffix == ".zst":
        return _zstd(file, path)
    return file


def _zstd(file: Any, path: Path) -> Any:
    """Decompress zstd, also with the window of 2 GiB that dumps of forums have."""
    if importlib.util.find_spec("zstandard"):
        import zstandard

        unpacker = zstandard.ZstdDecompressor(max_window_size=2**31)
        return unpacker.stream_reader(file, read_across_frames=True)
    start = file.read(18)
    file.seek(0)
    if _window(start) <= 2**27:  # the most that pyarrow unpacks
        return pa.CompressedInputStream(pa.PythonFile(file), "zstd")
    program = shutil.which("zstd")
    if program is None or not path.exists():
        raise OSError(
            f"its zstd window is too large for what is installed: {install_command('dumps')}"
        )
    process = subprocess.Popen([program, "-dc", "--long=31", path], stdout=subprocess.PIPE)
    return process.stdout


def _window(header: bytes) -> int:
    """The window of a zstd frame in bytes, by RFC 8878, section 3.1.1.1."""
    if len(header) < 6 or header[:4] != b"\x28\xb5\x2f\xfd":
        return 0
    descriptor = header[4]
    if not descriptor & 32:
        base = 1 << (10 + (header[5] >> 3))
        return base + (base >> 3) * (header[5] & 7)
    size, start = (1, 2, 4, 8)[descriptor >> 6], 5 + (0, 1, 2, 4)[descriptor & 3]
    return int.from_bytes(header[start : start + size], "little")


def lines_of(file: Any) -> Iterator[bytes]:
    """The lines of an open file; they end with a line feed."""
    return iter(io.BufferedReader(file))


def is_binary(data: bytes) -> bool:
    """Whether bytes are no text: they hold a zero byte, and are not UTF-16."""
    return b"\0" in data[:8000] and data[:2] not in _BOMS


def decode(data: bytes) -> str:
    """Decode UTF-8, else the encoding that the bytes look like; broken bytes become U+FFFD."""
    from resiliparse.parse.encoding import detect_encoding

    if data[:2] in _BOMS:
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", errors="replace")
        # Mostly valid UTF-8 with broken places is not another encoding.
        if text.count("\ufffd") * 20 < sum(byte > 127 for byte in data[:1_000_000]):
            return text
        name = detect_encoding(data[:100_000]) or "utf-8"
        return data.decode(name, errors="replace")
