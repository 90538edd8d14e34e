"""Raw documents out of files; a format is told by the name of a file, or by its first bytes."""

import json
from collections.abc import Callable, Iterator

from datamodules.files.containers import BROKEN
from datamodules.pipeline.formats.archives import read_arc, read_warc
from datamodules.pipeline.formats.code import is_code, read_code
from datamodules.pipeline.formats.documents import (
    RawRow,
    ReadingOptions,
    Unreadable,
)
from datamodules.pipeline.formats.dumps import read_dump
from datamodules.pipeline.formats.opening import SourceFile
from datamodules.pipeline.formats.tables import read_jsonl, read_parquet, read_table
from datamodules.pipeline.formats.texts import HTML, MARKDOWN, read_page, read_text

Reader = Callable[[SourceFile, ReadingOptions], Iterator[RawRow]]


def read_unnamed(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Read a file whose name does not tell its format by the format of its first bytes."""
    with file.open() as opened:
        head = opened.read(4096)
    yield from _by_content(head)(file, options)


READERS: dict[str, Reader] = {
    # The outputs of some tools are JSON lines, or archives, under the name of a text.
    **dict.fromkeys((".txt", ".text"), read_unnamed),
    **dict.fromkeys(MARKDOWN, read_text),
    **dict.fromkeys(HTML, read_page),
    **dict.fromkeys((".jsonl", ".ndjson"), read_jsonl),
    ".parquet": read_parquet,
    **dict.fromkeys((".json", ".csv", ".tsv", ".tab", ".psv", ".arrow", ".xlsx"), read_table),
    ".xml": read_dump,
    **dict.fromkeys((".warc", ".wet"), read_warc),
    ".arc": read_arc,
}
_DATA = (
    ".json",
    ".csv",
    ".tsv",
    ".tab",
    ".psv",
    ".xlsx",
    ".xml",
    ".txt",
    ".text",
)  # in a tree of source code


def _by_content(head: bytes) -> Reader:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"PAR1"):
        return read_parquet
    if start.startswith(b"WARC/1"):
        return read_warc
    if start.startswith(b"<mediawiki") or (start.startswith(b"<?xml") and b"<posts" in start):
        return read_dump
    if start.startswith(b"{"):
        line, whole, _ = start.partition(b"\n")
        try:
            is_record = not whole or isinstance(json.loads(line), dict)
        except ValueError:
            is_record = False
        if is_record:
            return read_jsonl
    return read_text


def reader_of(file: SourceFile, options: ReadingOptions, alone: bool = False) -> Reader | None:
    """The reader of a file, or None for a file that the kind of the source does not read.

    Args:
        alone: Whether the file is the whole source; then data are read as well in a source of code.
    """
    if options.kind == "code":
        if is_code(file):
            return read_code
        if file.suffix in _DATA and not alone:
            return None
    if not file.suffix:
        return None if options.kind == "code" and not alone else read_unnamed
    # Names such as RC_2012-01 and wiki_00 have no suffix; in others a dot is a part of the name.
    return READERS.get(file.suffix)


def read_file(
    file: SourceFile, reader: Reader, options: ReadingOptions
) -> Iterator[tuple[int, RawRow]]:
    """Read the rows of a file, numbered from 0; a broken end is an ``Unreadable``."""
    yield from with_broken_end(enumerate(reader(file, options)))


def with_broken_end(rows: Iterator[tuple[int, RawRow]]) -> Iterator[tuple[int, RawRow]]:
    """Put an ``Unreadable`` in the place of the error in which reading numbered rows ends."""
    row = -1
    try:
        for row, raw in rows:
            yield row, raw
    except BROKEN as error:
        reason = "ends in the middle" if isinstance(error, EOFError) else str(error).split("\n")[0]
        after = f" after row {row + 1}" if row >= 0 else ""
        # Row 0 of the file, so that of all the tasks that read it one reports it.
        yield 0, Unreadable(None, f"cannot be read{after} ({reason})")
