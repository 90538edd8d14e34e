"""One file to a table, or to records one by one: the format is that of its content."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from datamodules.files import arrow
from datamodules.files.containers import BROKEN, Content, content, format_of
from datamodules.files.delimited import read_delimited
from datamodules.files.encodings import find_encoding, text_chunks
from datamodules.files.headers import guess_names
from datamodules.files.json_records import HEAD, Records, looks_like_json, read_json
from datamodules.files.rows import NamedRows, name_rows
from datamodules.files.table import BadRow, ReadOptions, Table, fault
from datamodules.files.workbook import read_sheet

FORMATS = "csv, tsv, jsonl, json, parquet, arrow, xlsx and txt, also .gz, .bz2, .xz, .zst or .zip"
JSON = (".json", ".jsonl", ".ndjson", ".jsonlines")
NO_DATA = {
    "<!doctype html": "is a web page: download the file itself",
    "<html": "is a web page: download the file itself",
    "version https://git-lfs": "is a pointer of Git LFS: fetch the file by `git lfs pull`",
}
SKIP = "or leave such rows out with {}bad_rows skip"


@dataclass(frozen=True)
class _Binary:
    """The columns of a file that holds them as such."""

    columns: dict[str, list]
    label_names: Any


def read_table(path: Path, options: ReadOptions | None = None) -> Table:
    """Read all columns of a file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: For a file that cannot be read, and for the first row that cannot be unless
            such rows are skipped.
    """
    options = options or ReadOptions()
    notes: list[str] = []
    try:
        found = _open(path, _content(path, options), options, notes)
        if isinstance(found, _Binary):
            count = len(next(iter(found.columns.values()), ()))
            numbers = range(1, count + 1)
            table = Table(str(path), found.columns, numbers, label_names=found.label_names)
            table = replace(table, adds_nulls=True)
        elif isinstance(found, NamedRows):
            table = _of_rows(path, found, options, notes)
        else:
            table = table_of_records(path, found, options)
    except (ValueError, *BROKEN) as error:
        raise _named(error, path, options) from error
    if not table.rows:
        if table.left_out:
            row, reason = table.left_out[0]
            raise fault(path, f"no row can be read; row {row}: {reason}", of=options.prefix)
        flags = f"add rows, or give another file{' or --data.header false' * bool(table.columns)}"
        raise fault(path, f"has no rows that can be read: {flags}", of=options.prefix)
    return replace(table, notes=tuple(notes))


def records(
    path: Path, options: ReadOptions | None = None, notes: list[str] | None = None
) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """Read the rows of a file one by one, each with its number; a bad row comes with its reason.

    Memory stays bounded for delimited text, JSON lines, JSON arrays and Parquet.

    Args:
        notes: A list to which remarks about the reading are added, a line each.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: For a file that cannot be read.
    """
    options, notes = options or ReadOptions(), [] if notes is None else notes
    try:
        inside = _content(path, options)
        if inside.suffix in arrow.PARQUET:
            _note_unused(options.given("delimiter", "header", "encoding"), notes)
            yield from enumerate(arrow.parquet_records(_seekable(inside)), 1)
            return
        found = _open(path, inside, options, notes)
        if isinstance(found, _Binary):
            for number, values in enumerate(zip(*found.columns.values(), strict=True), 1):
                yield number, dict(zip(found.columns, values, strict=True))
        elif isinstance(found, NamedRows):
            for row, fields in found.rows:
                if isinstance(fields, BadRow):
                    yield row, fields
                else:
                    yield row, dict(zip(found.columns, fields, strict=True))
        else:
            yield from found
    except (ValueError, *BROKEN) as error:
        raise _named(error, path, options) from error


def _content(path: Path, options: ReadOptions) -> Content:
    if not path.exists():
        message = "there is no such file or folder: check the path"
        raise FileNotFoundError(str(fault(path, message, of=options.prefix)))
    inside = content(path)
    with inside.open() as file:
        start = file.read(8)
    if start[:4] == b"PAR1":
        return inside._replace(suffix=".parquet")
    return inside._replace(suffix=".arrow") if start[:6] == b"ARROW1" else inside


def _seekable(inside: Content) -> Any:
    file = inside.open()
    return io.BytesIO(file.read()) if inside.packed else file


def _open(
    path: Path, inside: Content, options: ReadOptions, notes: list[str]
) -> _Binary | NamedRows | Records:
    if inside.suffix in (*arrow.PARQUET, *arrow.ARROW):
        _note_unused(options.given("delimiter", "header", "encoding"), notes)
    if inside.suffix in arrow.PARQUET:
        return _Binary(*arrow.read_parquet(_seekable(inside)))
    if inside.suffix in arrow.ARROW:
        return _Binary(*arrow.read_arrow(_seekable(inside)))
    if inside.suffix == ".xlsx":
        _note_unused(options.given("delimiter", "encoding"), notes)
        return name_rows(read_sheet(_seekable(inside), notes), options, False, notes)
    encoding = find_encoding(path, inside, options, notes)
    start = next(filter(str.strip, text_chunks(inside, encoding, HEAD)), "")
    if not start:
        raise ValueError("is empty: add a header and rows, or give another file")
    for sign, reason in NO_DATA.items():
        if start.lstrip().lower().startswith(sign):
            raise ValueError(reason)
    if inside.suffix in (".xls", ".ods", ".pdf", ".docx", ".html"):
        raise ValueError(f"unknown format {inside.suffix!r}: use one of {FORMATS}")
    named = inside.suffix in (".csv", ".tsv", ".tab", ".psv", ".txt")
    if inside.suffix in JSON or looks_like_json(start, named):
        _note_unused(options.given("delimiter", "header"), notes)
        return read_json(inside, encoding)
    return read_delimited(path, inside, encoding, options, notes)


def _note_unused(flags: list[str], notes: list[str]) -> None:
    if flags:
        notes.append(f"{' and '.join(flags)} decide nothing in this format")


def _of_rows(path: Path, found: NamedRows, options: ReadOptions, notes: list[str]) -> Table:
    numbers, fields, left_out = [], [], []
    for number, row in found.rows:
        if isinstance(row, BadRow):
            left_out.append(_refused(path, number, row, options))
        else:
            numbers.append(number)
            fields.append(row)
    values = list(zip(*fields, strict=True)) if fields else [()] * len(found.columns)
    names, flag = found.columns, f"{options.prefix}header"
    hint = f", or {flag} false if the first row is data"
    if not found.header:
        names, note = guess_names(values)  # all rows tell more than the first ones did
        notes.append(f"{note} ({flag} true if the first row names the columns)")
        hint = f" or its number from 1; the file has no header ({flag} true if it has one)"
    columns = dict(zip(names, values, strict=True))
    return Table(str(path), columns, numbers, tuple(left_out), hint=hint, header=found.header)


def table_of_records(path: Path, found: Records, options: ReadOptions) -> Table:
    """Make a table of records that may have different keys."""
    numbers, kept, left_out = [], [], []
    for number, record in found:
        if isinstance(record, BadRow):
            left_out.append(_refused(path, number, record, options))
        else:
            numbers.append(number)
            kept.append(record)
    names = dict.fromkeys(name for record in kept for name in record)
    columns = {name: [record.get(name) for record in kept] for name in names}
    return Table(str(path), columns, numbers, tuple(left_out))


def _refused(
    path: Path, number: int | str, row: BadRow, options: ReadOptions
) -> tuple[int | str, str]:
    if options.bad_rows == "stop":
        cure = f", {SKIP.format(options.prefix)}"
        if "byte 0x" in row.reason:
            cure = f": give its encoding with {options.prefix}encoding{cure}"
        raise fault(path, f"{row.reason}{cure}", row=number, of=options.prefix)
    return number, row.reason


def _named(error: Exception, path: Path, options: ReadOptions) -> Exception:
    """The error with the flag and the file, in one line."""
    if isinstance(error, FileNotFoundError) or str(error).startswith(options.prefix):
        return error
    reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    if isinstance(error, pa.ArrowException):
        message = f"is not readable as {format_of(path)[1:].title() or 'Arrow'} ({reason})"
    elif isinstance(error, BROKEN):
        reason = "it ends in the middle" if isinstance(error, EOFError) else reason
        message = f"cannot be read ({reason})"
    else:
        return fault(path, reason, row=getattr(error, "row", None), of=options.prefix)
    return fault(path, f"{message}: write it again", of=options.prefix)
