"""Rows of tables: JSON lines, Parquet, and what the reading layer for tables reads."""

import functools
import json
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

from datamodules.files import BadRow, ReadOptions, records
from datamodules.pipeline.formats.documents import (
    Raw,
    RawRow,
    ReadingOptions,
    Unreadable,
    has_text,
    to_document,
)
from datamodules.pipeline.formats.opening import SourceFile, lines_of


def read_jsonl(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Yield a parser for each line, so that only the task that a row belongs to parses it."""
    with file.open() as opened:
        for row, line in enumerate(lines_of(opened), 1):
            yield functools.partial(_parsed, line, row, options) if line.strip() else None


def _parsed(line: bytes, row: int, options: ReadingOptions) -> Raw:
    try:
        record = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        return Unreadable(row, f"is not JSON ({error})")
    return to_document(record, row, options)


def read_json(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Read JSON lines, one array of records, or one record over several lines."""
    with file.open() as opened:
        first = next((line for line in lines_of(opened) if line.strip()), b"")
    first = first.removeprefix(b"\xef\xbb\xbf").strip()
    if first.startswith(b"{") and first.endswith(b"}"):
        yield from read_jsonl(file, options)
        return
    with file.open() as opened:
        try:
            whole = json.loads(opened.read())
        except (ValueError, RecursionError) as error:
            yield Unreadable(None, f"is not JSON ({error})")
            return
    rows = whole if isinstance(whole, list) else _only_list(whole)
    for row, record in enumerate(rows, 1):
        yield to_document(record, row, options)


def _only_list(whole: Any) -> list:
    """The records of an object such as {"data": [...]}; else the object is the only record."""
    lists = [value for value in whole.values() if isinstance(value, list)]
    records = [value for value in lists if value and isinstance(value[0], dict)]
    return records[0] if len(records) == 1 and len(whole) <= 3 else [whole]


def read_parquet(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Yield a maker of each row's document; only the task that a row belongs to calls it."""
    with file.open() as opened, pq.ParquetFile(opened) as table:
        names = table.schema_arrow.names
        wanted = [options.text, options.id, "license", "licence"]
        known = [name for name in wanted if name in names]
        if not has_text(names, options):
            there = ", ".join(names)
            yield Unreadable(
                None, f"has no column {options.text!r} (there: {there}); see --text_column"
            )
            return
        row = 0
        columns = known if options.text in names else None  # a usual name is looked for in all
        for batch in table.iter_batches(batch_size=256, columns=columns):
            for place in range(len(batch)):
                row += 1
                yield functools.partial(_made, batch, place, row, options)


def _made(batch: Any, place: int, row: int, options: ReadingOptions) -> Raw:
    try:
        record = {name: batch.column(name)[place].as_py() for name in batch.schema.names}
    except ValueError as error:
        return Unreadable(row, f"cannot be decoded ({error})")
    return to_document(record, row, options)


def read_table(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Read a CSV or TSV file, or a spreadsheet."""
    if file.member is not None:
        yield Unreadable(None, "is a table inside of an archive of several files; unpack it")
        return
    named = () if options.text == "text" else (options.text,)
    layer = ReadOptions(bad_rows="skip", columns=named, prefix="--")
    try:
        for number, record in records(file.path, layer):
            if isinstance(record, BadRow):
                yield Unreadable(number, record.reason)
            else:
                yield to_document(record, number, options)
    except ValueError as error:
        yield Unreadable(None, f"cannot be read ({error})")
