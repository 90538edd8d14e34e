"""Labels as files spell them, checked and turned into class ids, numbers or several ids a row."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from datamodules.files import Table

# What a row brings: the id of its class, a number, the ids of several classes, or nothing.
LabelKind = Literal["class", "number", "several", "none"]
Labels = list[int] | list[float] | list[list[int]]  # of N rows

_Label = int | float | str | None  # as a file gives it; None is no usable label


def read_labels(tables: Mapping[str, Table], column: str, kind: LabelKind) -> dict[str, list]:
    """The labels of each split as its file gives them; a test split without labels is left out."""
    parse = _parse_names if kind == "several" else _parse_label
    labels = {}
    for split, table in tables.items():
        if split == "test" and column not in table.columns:
            continue
        found = [parse(value) for value in table.column(column, "label_column")]
        if split != "test" or any(label not in (None, -1) for label in found):
            labels[split] = found
    return labels


def encode_labels(
    tables: Mapping[str, Table],
    labels: Mapping[str, list],
    kind: LabelKind,
    label_names: tuple[str, ...] | None,
) -> tuple[tuple[str, ...], Mapping[str, Labels]]:
    """The names of the classes, and the labels of each split as ids or numbers.

    Raises:
        ValueError: For a label that is missing or outside the set, with its file and row.
    """
    if kind == "number":
        return (), {split: _numbers(tables[split], column) for split, column in labels.items()}
    if kind == "several":
        return _encode_names(tables, labels)
    check_two_classes(tables["train"], labels["train"])
    names, ids = _classes(labels["train"], label_names)
    return names, {split: _encode(tables[split], column, ids) for split, column in labels.items()}


def check_two_classes(table: Table, labels: Sequence) -> None:
    """Refuse training data of one class only."""
    if len(set(labels)) == 1 and labels[0] is not None:
        message = f"train holds one class only (label {labels[0]!r}): give text of two or more"
        raise table.fault(message, "label_column")


def _parse_label(value: Any) -> _Label:
    """An integer (1, "1", 1.0), a name, a fraction, or None for nothing usable."""
    if isinstance(value, str):
        value = value.strip() or None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return value if isinstance(value, str) else None
    if not math.isfinite(number):
        return value if isinstance(value, str) else None  # "nan" may be a name, NaN is a gap
    return int(number) if number.is_integer() else number


def _parse_names(value: Any) -> list[str] | None:
    """Several names from a list, or from a text with commas; an empty one is no name at all."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple):
        return None if value is None or value != value else [str(_parse_label(value))]
    return [name for part in value if (name := str(part).strip())]


def _numbers(table: Table, labels: list[_Label]) -> list[float]:
    numbers = []
    for i, label in enumerate(labels):
        if not isinstance(label, int | float):
            found = "no label" if label is None else f"label {label!r} is not a number"
            message = f"{found}: a regression needs one in every row"
            raise table.fault(message, "label_column", i)
        numbers.append(float(label))
    return numbers


def _encode_names(
    tables: Mapping[str, Table], labels: Mapping[str, list[list[str] | None]]
) -> tuple[tuple[str, ...], dict[str, list[list[int]]]]:
    """The names of train, sorted, and the ids of each row's names."""
    named: dict[str, list[list[str]]] = {}
    for split, column in labels.items():
        named[split] = [row for row in column if row is not None]
        if len(named[split]) < len(column):
            message = "no usable labels (names separated by commas, or a list): fill them in"
            raise tables[split].fault(message, "label_column", column.index(None))
    names = tuple(sorted({name for row in named["train"] for name in row}))
    if len(names) < 2:
        message = f"train holds {len(names)} different labels: give two or more"
        raise tables["train"].fault(message, "label_column")
    ids = {name: number for number, name in enumerate(names)}
    for split, rows in named.items():
        for i, row in enumerate(rows):
            if unknown := [name for name in row if name not in ids]:
                message = f"label {unknown[0]!r} is outside the set ({', '.join(names[:8])})"
                raise tables[split].fault(message, "label_column", i)
    encoded = {s: [sorted({ids[n] for n in row}) for row in rows] for s, rows in named.items()}
    return names, encoded


def _classes(
    labels: list[_Label], label_names: tuple[str, ...] | None
) -> tuple[tuple[str, ...], dict[_Label, int]]:
    """Find the label names in the order of their ids, and the id of each parsed label."""
    strings = sum(isinstance(label, str) for label in labels)
    numbers = sum(isinstance(label, (int, float)) for label in labels)
    found = set(labels)
    given = label_names or ()
    # Only the more frequent kind counts, and integers only up to the first gap: a stray "yes" or
    # 7 in a column of 0 and 1 is then reported with its row and does not become a class.
    if strings > numbers:
        words = sorted(label for label in found if isinstance(label, str))
        names = given if set(words) <= set(given) else tuple(words)
        return names, {_parse_label(name): i for i, name in enumerate(names)}
    count = next(n for n in range(len(found) + 1) if n not in found)
    fits = label_names is not None and count <= len(given)
    names = given if fits else tuple(str(n) for n in range(count))
    return names, {i: i for i in range(len(names))}


def _encode(table: Table, labels: list[_Label], ids: dict[_Label, int]) -> list[int]:
    encoded = []
    for i, label in enumerate(labels):
        if label not in ids:
            raise table.fault(_why_not(label, ids), "label_column", i)
        encoded.append(ids[label])
    return encoded


def _why_not(label: _Label, ids: dict[_Label, int]) -> str:
    known = ", ".join(str(label) for label in list(ids)[:8]) + ", ..." * (len(ids) > 8)
    if label is None:
        return "no usable label (an integer or a name): fill it in or remove the row"
    if isinstance(label, float):
        return f"label {label} is not an integer: give classes, 0..n-1 or names"
    if not ids or isinstance(next(iter(ids)), int):
        rule = f"integers run from 0 without gaps{', here ' * bool(ids)}{known}"
        return f"label {label!r} is outside the set ({rule})"
    return f"label {label!r} is outside the set ({known})"
