"""Texts: one document a file, or several by their unit; HTML pages; source code."""

import re
from collections.abc import Iterator

from datamodules.books import without_frame
from datamodules.pipeline.formats.documents import (
    RawDocument,
    RawRow,
    ReadingOptions,
    Unreadable,
)
from datamodules.pipeline.formats.opening import SourceFile, decode, is_binary, lines_of
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
        text = decode(head + opened.read())
    if unit == "paragraph":
        text = without_frame(text) or text  # its paragraphs are no documents
    markdown = file.suffix in MARKDOWN
    parts = list(split_units(re.sub(r"\r\n?", "\n", text), unit))
    for part in parts:
        own = part.id or (file.relative if len(parts) == 1 else None)
        yield RawDocument(part.text, own, markdown=markdown, note=note)


def _lines(head: bytes, rest: object, note: str) -> Iterator[RawRow]:
    *whole, begun = head.split(b"\n")
    yield from (_line(line, note) for line in whole)
    for line in lines_of(rest):
        yield _line(begun + line, note)
        begun = b""
    if begun:
        yield _line(begun, note)


def _line(line: bytes, note: str) -> RawRow:
    return RawDocument(decode(line).strip("\r\n"), note=note) if line.strip() else None


def read_page(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Read a file as one HTML page."""
    with file.open() as opened:
        data = opened.read()
    binary = is_binary(data)
    page = RawDocument(decode(data), file.relative, html=True)
    yield Unreadable(None, "is not a text") if binary else page
