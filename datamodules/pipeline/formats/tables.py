"""Rows of tables: JSON lines and Parquet dealt out to tasks, others by the reading layer."""

import functools
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from datamodules.files import BadRow, ReadOptions, records
from datamodules.files.columns import first_column, no_column
from datamodules.files.encodings import ZERO_BYTE
from datamodules.pipeline.formats.documents import (
    Raw,
    RawRow,
    ReadingOptions,
    Unreadable,
    has_text,
    to_document,
    with_names,
)
from datamodules.pipeline.formats.opening import SourceFile, lines_of


def read_jsonl(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Yield a parser for each line, so that only the task that a row belongs to parses it."""
    with file.open() as opened:
        for row, line in enumerate(lines_of(opened), 1):
            yield functools.partial(parsed_row, line, row, options) if line.strip() else None


def parsed_row(line: bytes, row: int, options: ReadingOptions) -> Raw:
    """Make the document of a line of JSON."""
    if b"\0" in line:
        return Unreadable(row, ZERO_BYTE)
    try:
        record = json.loads(line.removeprefix(b"\xef\xbb\xbf").rstrip().removesuffix(b","))
    except (ValueError, RecursionError) as error:
        return Unreadable(row, f"is not JSON ({error})")
    return to_document(record, row, options)


def read_parquet(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Yield a maker of each row's document; only the task that a row belongs to calls it."""
    with file.open() as opened, pq.ParquetFile(opened) as table:
        names = table.schema_arrow.names
        if not has_text(names, options):
            yield Unreadable(None, no_column(names, [options.text], "--text_column"))
            return
        row, options = 0, with_names(names, options)
        for batch in table.iter_batches(batch_size=256, columns=columns_of(names, options)):
            for place in range(len(batch)):
                row += 1
                yield functools.partial(made_row, batch, place, row, options)


def columns_of(names: list[str], options: ReadingOptions) -> list[str] | None:
    """Choose the columns to read; all where the text is looked for under usual names."""
    wanted = [options.text, first_column(names, options.id), "license", "licence"]
    return [name for name in wanted if name in names] if options.text in names else None


def made_row(batch: Any, place: int, row: int, options: ReadingOptions) -> Raw:
    """Make the document of a row of a batch."""
    try:
        record = {name: batch.column(name)[place].as_py() for name in batch.schema.names}
    except ValueError as error:
        return Unreadable(row, f"cannot be decoded ({error})")
    return to_document(record, row, options)


def read_table(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Read delimited text, JSON that is no lines, Arrow or a spreadsheet, a row at a time."""
    if file.member is None:
        yield from _records(file.path, options)
        return
    with tempfile.TemporaryDirectory() as folder, file.open() as opened:
        copy = Path(folder) / file.name
        with open(copy, "wb") as target:
            shutil.copyfileobj(opened, target)
        yield from _records(copy, options)


def _records(path: Path, options: ReadingOptions) -> Iterator[RawRow]:
    named = () if options.text == "text" else (options.text,)
    layer = ReadOptions(bad_rows="skip", columns=named, prefix="--")
    try:
        for row, record in records(path, layer):
            if isinstance(record, BadRow):
                yield Unreadable(int(row), record.reason)
            else:
                yield functools.partial(to_document, record, int(row), options)
    except ValueError as error:
        reason = str(error).rpartition(f"{path}: ")[2]
        yield Unreadable(None, reason)
