"""Rows out of the first sheet of a spreadsheet."""

import datetime
from typing import IO, Any

from datamodules.files.rows import Rows
from datamodules.optional import require


def read_sheet(file: IO[bytes], notes: list[str]) -> Rows:
    """Read the rows of the first sheet, with their numbers, as the texts that a CSV would have.

    Raises:
        ValueError: If openpyxl is not installed.
    """
    require("openpyxl", "tables", "reads .xlsx")
    import pandas as pd

    with pd.ExcelFile(file, engine="openpyxl") as book:
        if len(book.sheet_names) > 1:
            notes.append(f"sheet {book.sheet_names[0]!r} of {len(book.sheet_names)} is read")
        # "NA" and "null" are texts like others; an empty cell comes as an empty text.
        frame = book.parse(0, header=None, dtype=object, keep_default_na=False, na_values=[])
    for number, values in enumerate(frame.itertuples(index=False, name=None), 1):
        row = [_text(value) for value in values]
        if any(row):
            yield number, row


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)
