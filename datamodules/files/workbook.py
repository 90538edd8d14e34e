"""Rows out of the first sheet of a spreadsheet that has some."""

import datetime
import io
from typing import IO, Any

from datamodules.files.rows import Rows
from datamodules.files.table import BadRow
from datamodules.optional import require

_NO_RESULT = "holds a formula without its result: open and save the file in a spreadsheet program"


def read_sheet(file: IO[bytes], notes: list[str]) -> Rows:
    """Read the first sheet that has rows: numbered rows of the texts that a CSV would have.

    Raises:
        ValueError: If openpyxl is not installed.
    """
    require("openpyxl", "tables", "reads .xlsx")
    import pandas as pd

    data = file.read()
    with pd.ExcelFile(io.BytesIO(data), engine="openpyxl") as book:
        for name in book.sheet_names:
            # "NA" and "null" are texts like others; an empty cell comes as an empty text.
            frame = book.parse(name, header=None, dtype=object, keep_default_na=False, na_values=[])
            if len(frame):
                break
        if len(book.sheet_names) > 1:
            notes.append(f"sheet {name!r} of {len(book.sheet_names)} is read")
    rows = [[_text(value) for value in values] for values in frame.itertuples(index=False)]
    gaps = any("" in row for row in rows)
    unknown = _formulas(data, str(name)) if gaps else {}
    for number, row in enumerate(rows, 1):
        if [column for column in unknown.get(number, ()) if not row[column - 1]]:
            yield number, BadRow(_NO_RESULT)
        elif any(row):
            yield number, row


def _formulas(data: bytes, sheet: str) -> dict[int, list[int]]:
    """The columns with a formula in each row, both counted from 1."""
    from openpyxl import load_workbook

    found: dict[int, list[int]] = {}
    with io.BytesIO(data) as file:
        for row in load_workbook(file, read_only=True)[sheet].iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    found.setdefault(cell.row, []).append(cell.column)
    return found


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()  # a spreadsheet stores a date as its midnight
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)
