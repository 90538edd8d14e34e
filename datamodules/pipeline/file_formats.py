"""Raw documents out of files: text, HTML, JSON lines, Parquet and WARC, also compressed."""

import functools
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from datamodules.pipeline.http_bodies import decode_body


class RawDocument(NamedTuple):
    """A document as its file has it.

    Attributes:
        text: The text, with all markup.
        id: The document's own id, if it has one.
        html: Whether the text is HTML; None if that has to be found out.
        licence: The licence that the file states for the document.
    """

    text: str
    id: str | None = None
    html: bool | None = None
    licence: str | None = None


class Unreadable(Exception):
    """A file, or a row of it, that holds no document."""

    def __init__(self, row: int | None, reason: str) -> None:
        super().__init__(reason)
        self.row = row


def _decode(data: bytes) -> str:
    """Decode UTF-8, else the encoding that the bytes look like; broken bytes become U+FFFD."""
    from resiliparse.parse.encoding import detect_encoding

    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
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


def _open(path: Path) -> io.BufferedIOBase:
    if path.suffix == ".gz":
        return gzip.open(path)
    if path.suffix == ".zst":
        return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    return open(path, "rb")


def read_whole(path: Path, names: tuple[str, str]) -> Iterator[RawDocument | Unreadable]:
    html = bool({".html", ".htm"} & set(path.suffixes)) or None
    with _open(path) as file:
        data = file.read()
    if b"\0" in data[:1000] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        yield Unreadable(None, "is not a text")
        return
    yield RawDocument(_decode(data), html=html)


def _jsonl(
    path: Path, names: tuple[str, str]
) -> Iterator[Callable[[], RawDocument | Unreadable] | None]:
    """Yield a parser for each row, so that only the task that the row belongs to parses it."""
    with _open(path) as file:
        for row, line in enumerate(io.BufferedReader(file), 1):
            yield functools.partial(_parsed, line, row, names) if line.strip() else None


def _parsed(line: bytes, row: int, names: tuple[str, str]) -> RawDocument | Unreadable:
    try:
        return to_document(json.loads(line), row, *names)
    except ValueError as error:
        return Unreadable(row, f"is not JSON ({error})")


def to_document(record: Any, row: int, text: str, key: str) -> RawDocument | Unreadable:
    """Make a document of a record with its text and its id under these names."""
    if not isinstance(record, dict) or not isinstance(record.get(text), str):
        there = ", ".join(map(str, record)) if isinstance(record, dict) else type(record).__name__
        return Unreadable(row, f"has no text in {text!r} (there: {there}); see --text_column")
    licence = record.get("license", record.get("licence"))
    found = None if record.get(key) is None else str(record[key])
    return RawDocument(record[text], found, licence=str(licence) if licence else None)


def _parquet(path: Path, names: tuple[str, str]) -> Iterator[RawDocument | Unreadable]:
    with pq.ParquetFile(path) as file:
        wanted = [n for n in (*names, "license", "licence") if n in file.schema_arrow.names]
        if names[0] not in wanted:
            there = ", ".join(file.schema_arrow.names)
            yield Unreadable(None, f"has no column {names[0]!r} (there: {there})")
            return
        batches = file.iter_batches(batch_size=256, columns=wanted)
        records = (record for batch in batches for record in batch.to_pylist())
        for row, record in enumerate(records, 1):
            yield to_document(record, row, *names)


def _warc(path: Path, names: tuple[str, str]) -> Iterator[RawDocument | Unreadable]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    kinds = WarcRecordType.response | WarcRecordType.conversion | WarcRecordType.resource
    with open(path, "rb") as file:
        records = 0
        for record in ArchiveIterator(file, record_types=kinds):
            records += 1
            kind = record.http_content_type or record.headers.get("Content-Type") or ""
            if not re.search(r"html|text/plain", kind):
                continue
            address = record.headers.get("WARC-Target-URI")
            html = "html" in kind or None
            headers = {k.lower(): v for k, v in record.http_headers or ()}
            try:
                body = decode_body(record.reader.read(), headers)
            except ValueError as error:
                yield Unreadable(records, str(error))
                continue
            yield RawDocument(_decode(body), address, html)
    if not records:
        yield Unreadable(None, "holds no WARC records")


def _arc(path: Path, names: tuple[str, str]) -> Iterator[RawDocument | Unreadable]:
    """Read the HTTP responses of an ARC file, the format of web archives before WARC."""
    with _open(path) as file:
        while line := file.readline():
            if not line.strip():
                continue
            fields = line.split()
            if len(fields) < 5 or not fields[-1].isdigit():
                raise OSError(f"no record of an ARC file begins with {line[:40]!r}")
            record = file.read(int(fields[-1]))
            head, _, body = record.partition(b"\r\n\r\n" if b"\r\n\r\n" in record else b"\n\n")
            if not head.startswith(b"HTTP/"):
                continue
            pairs = (pair.partition(":") for pair in head.decode("latin-1").splitlines()[1:])
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            kind = headers.get("content-type", fields[-2].decode("latin-1"))
            if re.search(r"html|text/plain", kind):
                address = fields[0].decode("latin-1")
                try:
                    text = _decode(decode_body(body, headers))
                    yield RawDocument(text, address, "html" in kind or None)
                except ValueError as error:
                    yield Unreadable(None, f"{address}: {error}")


RawRow = (
    RawDocument | Unreadable | Callable[[], RawDocument | Unreadable] | None
)  # None is a blank line
Reader = Callable[[Path, tuple[str, str]], Iterator[RawRow]]
READERS: dict[str, Reader] = {
    **dict.fromkeys((".txt", ".md", ".html", ".htm"), read_whole),
    **dict.fromkeys((".jsonl", ".json"), _jsonl),
    ".parquet": _parquet,
    **dict.fromkeys((".warc", ".wet"), _warc),
    ".arc": _arc,
}


def reader_of(path: Path) -> Reader | None:
    """The reader for the format that the file's name tells, or None for other formats.

    A file without an extension is read as one text.
    """
    name = path.name.lower()
    for packed in (".gz", ".zst"):
        name = name.removesuffix(packed)
    suffix = Path(name).suffix
    return READERS.get(suffix) if suffix else read_whole


def read_file(path: Path, names: tuple[str, str]) -> Iterator[tuple[int, RawRow]]:
    """Read the rows of a file with a known format, numbered; a broken end is an ``Unreadable``.

    Args:
        names: The columns of the text and of the id, for formats that have columns.
    """
    row, reader = -1, reader_of(path)
    assert reader is not None
    try:
        for row, raw in enumerate(reader(path, names)):
            yield row, raw
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        reason = "ends in the middle" if isinstance(error, EOFError) else str(error).split("\n")[0]
        if "too much memory" in reason:  # dumps of forums, with a window of 2 GiB
            reason = f"its zstd window is too large; unpack it: zstd -d --long=31 {path.name}"
        after = f" after row {row + 1}" if row >= 0 else ""
        # Row 0 of the file, so that of all the tasks that read it one reports it.
        yield 0, Unreadable(None, f"cannot be read{after} ({reason})")
