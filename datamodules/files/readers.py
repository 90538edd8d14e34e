"""Tables from TSV, CSV, JSON lines, Parquet or text; every error names the file and the row."""

import codecs
import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from datamodules.files.table import BadRow, ReadOptions, Table, fault

STEMS = {"train": ("train",), "validation": ("dev", "validation"), "test": ("test",)}


def split_files(folder: Path) -> dict[str, list[Path]]:
    """Find the file of each split in a folder; none or two for one split is an error."""
    entries = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    there = ", ".join(p.name for p in entries[:8]) + ", ..." * (len(entries) > 8) or "no files"
    files: dict[str, list[Path]] = {}
    for split, stems in STEMS.items():
        found = [p for p in entries if p.stem in stems]
        # A train.log beside train.tsv is none of our business; alone it is an unknown format.
        found = [p for p in found if p.suffix.lower() in READERS] or found
        if len(found) > 1:
            names = " and ".join(p.name for p in found)
            raise fault(folder, f"{names} are both the {split} split: keep one of them")
        if found:
            files[split] = found[:1]
        elif split != "test":
            wanted = " or ".join(f"{stem}.*" for stem in stems)
            message = f"no {wanted} in this folder (there: {there}): add it, or give one file"
            raise FileNotFoundError(str(fault(folder, message)))
    return files


def read_splits(path: Path, options: ReadOptions | None = None) -> dict[str, Table]:
    """Read the table of each split of a folder; one file is the table "train"."""
    files = split_files(path) if path.is_dir() else {"train": [path]}
    return {split: read_table(parts[0], options) for split, parts in files.items()}


def records(
    path: Path, options: ReadOptions | None = None, notes: list[str] | None = None
) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """Read the rows of a file one by one, each with its number.

    Args:
        notes: A list to which remarks about the reading are added, a line each.
    """
    table = read_table(path, options)
    for i, row in enumerate(table.rows):
        yield int(row), {name: column[i] for name, column in table.columns.items()}


def read_table(path: Path, options: ReadOptions | None = None) -> Table:
    """Read all columns of a file. An unknown format and an unreadable file or row are errors."""
    if not path.exists():
        message = "there is no such file or folder: check the path"
        raise FileNotFoundError(str(fault(path, message)))
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise fault(path, f"unknown format {path.suffix!r}: use one of {', '.join(READERS)}")
    try:
        table = reader(path)
    except OSError as error:
        raise fault(path, f"cannot be read ({error.strerror or error})") from error
    if not table.rows:
        raise fault(path, "has a header but no rows: add labelled text, or give another file")
    return table


def _text(path: Path) -> str:
    # A byte-order mark from a spreadsheet would become part of the first column's name.
    data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8"
        raise fault(path, message, row=row) from error
    if not text.strip():
        raise fault(path, "is empty: add a header and labelled text, or give another file")
    return text


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    # Not splitlines(): U+2028, form feeds and the like are characters of a text, not row ends.
    for row, line in enumerate(_text(path).split("\n"), 1):
        line = line.removesuffix("\r")
        if line:
            yield row, line


def _tsv(path: Path) -> Table:
    # GLUE's files are tab separated without quoting: a lone " is a character.
    return _columns(path, ((row, line.split("\t")) for row, line in _lines(path)))


def _csv(path: Path) -> Table:
    return _columns(path, _csv_records(path))


def _csv_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(2**31 - 1)  # the default refuses a text of more than 131,072 characters
    # Strict, because otherwise a quote that is never closed swallows the rest of the file.
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    row = 1
    try:
        for record in reader:
            if record:
                yield row, record
            row = reader.line_num + 1  # a quoted field may span lines
    except csv.Error as error:
        message = f"is not valid CSV ({error}): check the quotes"
        raise fault(path, message, row=row) from error


def _columns(path: Path, records: Iterator[tuple[int, list[str]]]) -> Table:
    _, header = next(records)
    if len(set(header)) < len(header):
        raise fault(path, f"two columns of one name in {', '.join(header)}: rename one", row=1)
    rows, fields = [], []
    for row, record in records:
        if len(record) != len(header):
            counts = f"the header has {len(header)} fields and this row {len(record)}"
            raise fault(path, f"{counts}: check its tabs, commas or quotes", row=row)
        rows.append(row)
        fields.append(record)
    return Table(str(path), dict(zip(header, zip(*fields, strict=True), strict=False)), rows)


def _json(path: Path) -> Table:
    """Read one array, as Alpaca's and ShareGPT's files are, or JSON lines."""
    text = _text(path)
    if not text.lstrip().startswith("["):
        return _jsonl(path)
    try:
        records = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"is not JSON ({error.msg}, column {error.colno}): close the array"
        raise fault(path, message, row=error.lineno) from error
    return _objects(path, records, range(1, len(records) + 1))


def _jsonl(path: Path) -> Table:
    rows, records = [], []
    for row, line in _lines(path):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            message = f"is not JSON ({error.msg}, column {error.colno}): put one object on a line"
            raise fault(path, message, row=row) from error
        rows.append(row)
        records.append(record)
    return _objects(path, records, rows)


def _objects(path: Path, records: list, rows: Sequence[int]) -> Table:
    for row, record in zip(rows, records, strict=True):
        if not isinstance(record, dict):
            raise fault(path, "is not a JSON object: put one object on a line", row=row)
    names = dict.fromkeys(name for record in records for name in record)
    return Table(str(path), {n: [record.get(n) for record in records] for n in names}, rows)


def _parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = pq.read_table(path).to_pydict()
    except (pa.ArrowException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise fault(path, f"is not readable as Parquet ({reason}): write it again") from error
    return Table(str(path), columns, range(1, len(next(iter(columns.values()), ())) + 1))


def _txt(path: Path) -> Table:
    rows, lines = zip(*_lines(path), strict=True)
    return Table(str(path), {"text": lines}, rows)


READERS: dict[str, Callable[[Path], Table]] = {
    ".tsv": _tsv,
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".json": _json,
    ".parquet": _parquet,
    ".txt": _txt,
}
