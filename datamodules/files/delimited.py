"""Rows of fields out of CSV, TSV and their like, and texts out of files with one a line."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from datamodules.files.containers import Content
from datamodules.files.dialects import Dialect, find_dialect, read_rows, shown
from datamodules.files.encodings import text_lines, undecodable
from datamodules.files.rows import NamedRows, Rows, name_rows
from datamodules.files.table import BadRow, ReadOptions, fault

SAMPLE = 2000  # lines
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*')  # the first line of a file for Excel
_FASTTEXT = "__label__"


def read_delimited(
    path: Path, inside: Content, encoding: str, options: ReadOptions, notes: list[str]
) -> NamedRows:
    """Read a delimited file, or one text a line where no delimiter is found.

    Args:
        path: The file, for errors.
        inside: Its content.
        encoding: The encoding of its text.
        options: How it is read.
        notes: A list to which remarks are added; the last ones when all rows were read.
    """
    sample = list(_sample(inside, encoding))
    if stated := _SEPARATOR.fullmatch(sample[0] if sample else ""):
        options = _stated(options, stated[1])
        sample = sample[1:]
    if sample and all(line.startswith(_FASTTEXT) for line in sample if line.strip()):
        return NamedRows(["label", "text"], _fasttext(inside, encoding))
    try:
        dialect = find_dialect(sample, inside.suffix, options)
    except ValueError as error:
        raise fault(path, str(error), "delimiter", of=options.prefix) from error
    if dialect is None:
        if options.header is True:
            notes.append(f"{options.prefix}header decides nothing where each line is a text")
        return NamedRows(["text"], _texts(inside, encoding))
    usual = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}.get(inside.suffix)
    if options.delimiter == "auto" and dialect.delimiter != usual:
        flag = f"{options.prefix}delimiter"
        notes.append(f"fields are delimited by {shown(dialect.delimiter)} ({flag} decides)")
    if dialect.quotes == "escaped":
        notes.append("quotation marks after a backslash are read as characters")
    rows = _numbered(inside, encoding, dialect, skip=bool(stated))
    return name_rows(rows, options, dialect.delimiter in ", ;", notes)


def _stated(options: ReadOptions, delimiter: str) -> ReadOptions:
    return options if options.delimiter != "auto" else replace(options, delimiter=delimiter)


def _sample(inside: Content, encoding: str) -> Iterator[str]:
    """The first lines, and those from the first quotation mark on if it comes later."""
    lines = text_lines(inside, encoding)
    seen = False
    for line in islice(lines, SAMPLE):
        seen = seen or '"' in line
        if line.strip():
            yield line
    if seen:
        return
    for line in lines:
        if '"' in line:
            yield line
            yield from (more for more in islice(lines, SAMPLE) if more.strip())
            return


def _numbered(inside: Content, encoding: str, dialect: Dialect, skip: bool) -> Rows:
    lines = text_lines(inside, encoding)
    if skip:
        next(lines)
    for number, row in read_rows(dialect, lines):
        if isinstance(row, BadRow):
            yield number + skip, row
        elif whole := "".join(row):  # a spreadsheet writes empty rows with their delimiters
            bad = undecodable(whole, encoding)
            yield number + skip, BadRow(bad) if bad else row


def _texts(inside: Content, encoding: str) -> Rows:
    for number, line in enumerate(text_lines(inside, encoding), 1):
        if line := line.rstrip("\r\n"):
            bad = undecodable(line, encoding)
            yield number, BadRow(bad) if bad else [line]


def _fasttext(inside: Content, encoding: str) -> Rows:
    """Rows of fastText: labels with a prefix, then the text."""
    for number, row in _texts(inside, encoding):
        if isinstance(row, BadRow):
            yield number, row
            continue
        words = row[0].split(" ")
        labels = [word for word in words if word.startswith(_FASTTEXT)]
        text = " ".join(words[len(labels) :])
        yield number, [",".join(label.removeprefix(_FASTTEXT) for label in labels), text]
