"""Columns by name, number or path, and what an error says where one is missing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from datamodules.spelling import listed

_SHOWN = 20  # columns that an error names


def find_column(columns: Iterable[str], name: str) -> str | None:
    """The name of a column that is given by name, or by its number from 1; None if missing."""
    there = list(columns)
    if name in there:
        return name
    place = int(name) - 1 if name.isdecimal() else -1
    return there[place] if 0 <= place < len(there) else None


def find_value(record: Mapping[str, Any], name: str) -> str | None:
    """The name or the path of a record's value, as ``value_at`` takes it; None if missing.

    A value may be null, and so may what it is inside of: another row may have it.
    """
    found = find_column(record, name)
    return name if found is None and _leads(record, name) else found


def _leads(value: Any, path: str) -> bool:
    """Whether a path leads to a value, or to a null or the end of a list on the way."""
    for part in path.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal():
            value = value[int(part)] if int(part) < len(value) else None
        else:
            return value is None
    return True


def first_column(columns: Iterable[str], name: str) -> str:
    """The column that holds what a name, a number or a path stands for, if any does."""
    return find_column(columns, name) or name.partition(".")[0]


def value_at(record: Mapping[str, Any], name: str) -> Any:
    """The value of a column, or of a path inside of columns; None if missing."""
    return record[name] if name in record else inside(record, name)


def inside(value: Any, path: str) -> Any:
    """The value at a path such as ``data.text`` or ``results.0.label``; None if missing.

    Args:
        value: An object or a list out of JSON, a struct out of Parquet.
        path: Keys and places joined by dots; the places of a list count from 0.
    """
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def paths(record: Mapping[str, Any]) -> list[str]:
    """The names of a record's values, and in place of those that hold others the paths of these."""
    return [path for item in record.items() for path in _paths(*item)]


def _paths(name: str, value: Any) -> list[str]:
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        value = {"0": value[0]}
    if not isinstance(value, Mapping) or not value:
        return [name]
    return [path for key, inner in value.items() for path in _paths(f"{name}.{key}", inner)]


def no_column(columns: Iterable[str], wanted: Sequence[str], flag: str) -> str:
    """The message and cure where none of the wanted columns is there."""
    names = " or ".join(map(repr, wanted))
    there = listed((f"{str(column)[:40]!r}" for column in columns), _SHOWN)
    return f"no column {names} (there: {there}): give {flag} one of them"
