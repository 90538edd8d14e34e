"""Files as bytes and characters: compression, archives of files, encodings."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from datamodules.files.compression import PACKED, decompressed
from datamodules.files.encodings import ZERO_BYTE, looks_binary

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
            return decompressed(open(self.path, "rb"), self.path)
        return decompressed(zipfile.ZipFile(self.path).open(self.member))


def lines_of(file: Any) -> Iterator[bytes]:
    """The lines of an open file; they end with a line feed."""
    return iter(io.BufferedReader(file))


def is_binary(data: bytes) -> bool:
    """Whether bytes are no text: they hold zero bytes as well as others that texts have not."""
    return data[:2] not in _BOMS and b"\0" in data[:8000] and looks_binary(data[:8000])


def stray_zero(data: bytes) -> str:
    """The line of the first zero byte in a text, for an error; "" without one."""
    if data[:2] in _BOMS or (place := data.find(0)) < 0:
        return ""
    return f"line {data.count(10, 0, place) + 1} {ZERO_BYTE}"


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
