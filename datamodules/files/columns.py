"""Columns by their names or numbers, and what an error says where one is missing."""

from collections.abc import Iterable, Sequence

from datamodules.spelling import listed

_SHOWN = 20  # columns that an error names


def find_column(columns: Iterable[str], name: str) -> str | None:
    """The name of a column that is given by name, or by its number from 1; None if missing."""
    there = list(columns)
    if name in there:
        return name
    place = int(name) - 1 if name.isdecimal() else -1
    return there[place] if 0 <= place < len(there) else None


def no_column(columns: Iterable[str], wanted: Sequence[str], flag: str) -> str:
    """The message and cure where none of the wanted columns is there."""
    names = " or ".join(map(repr, wanted))
    there = listed((f"{str(column)[:40]!r}" for column in columns), _SHOWN)
    return f"no column {names} (there: {there}): give {flag} one of them"
