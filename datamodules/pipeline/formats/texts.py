"""Texts: one document a file, or several by their unit; HTML pages; source code."""

import re
from collections.abc import Iterator
from itertools import chain

from datamodules.books import without_frame
from datamodules.files.encodings import ZERO_BYTE
from datamodules.pipeline.formats.documents import (
    RawDocument,
    RawRow,
    ReadingOptions,
    Unreadable,
)
from datamodules.pipeline.formats.opening import SourceFile, decode, is_binary, lines_of, stray_zero
from datamodules.units import SAMPLE, find_unit, split_units

HTML = (".html", ".htm", ".xhtml")
MARKDOWN = (".md", ".markdown")
_NOTES = {
    "document": "documents stand between marks",
    "paragraph": "blank lines stand between documents",
    "line": "each line is a document",
}


def read_text(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Read the documents of a text. A file of a document a line is never whole in memory."""
    with file.open() as opened:
        head = opened.read(SAMPLE)
        if is_binary(head):
            yield Unreadable(None, "is not a text")
            return
        unit, note = options.unit, ""
        if unit == "auto":
            # The end of the sample may lie inside of a character.
            unit = find_unit(decode(head).replace("\r\n", "\n")[:SAMPLE])
            note = f"{_NOTES[unit]}; --unit decides" if unit in _NOTES else ""
        if unit == "line" and head[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            yield from _lines(head, opened, note)
            return
        data = head + opened.read()
    text, stray = decode(data), stray_zero(data)
    if unit == "paragraph":
        text = without_frame(text) or text  # its paragraphs are no documents
    markdown = file.suffix in MARKDOWN
    parts = list(split_units(re.sub(r"\r\n?", "\n", text), unit))
    for number, part in enumerate(parts, 1):
        own = part.id or (file.relative if len(parts) == 1 else None)
        if stray and "\0" in part.text:
            yield Unreadable(number, ZERO_BYTE) if len(parts) > 1 else Unreadable(None, stray)
            continue
        yield RawDocument(part.text, own, markdown=markdown, note=note)


def _lines(head: bytes, rest: object, note: str) -> Iterator[RawRow]:
    *whole, begun = head.split(b"\n")
    lines = lines_of(rest)
    joined = begun + next(lines, b"")
    for row, line in enumerate(chain(whole, [joined] * bool(joined), lines), 1):
        yield _line(line, row, note)


def _line(line: bytes, row: int, note: str) -> RawRow:
    if b"\0" in line:
        return Unreadable(row, ZERO_BYTE)
    return RawDocument(decode(line).strip("\r\n"), note=note) if line.strip() else None


def read_page(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Read a file as one HTML page."""
    with file.open() as opened:
        data = opened.read()
    if is_binary(data):
        yield Unreadable(None, "is not a text")
    elif stray := stray_zero(data):
        yield Unreadable(None, stray)
    else:
        yield RawDocument(decode(data), file.relative, html=True)
