"""Several labels a row: names or ids in one field, or a column of 0 and 1 for each label."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from datamodules.files import Table
from datamodules.labels.kinds import Encoder, LabelOptions, Unusable
from datamodules.labels.lists import find_delimiter, parse_list
from datamodules.labels.values import Label, count_labels, markers, parse_label
from datamodules.spelling import listed

_BITS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "no": 0, "yes": 1}
_STRAY = 0.05  # a smaller share of names among integers are slips, and no labels

Row = list[tuple[Label, str]] | None  # the labels of a row, parsed and as typed


def list_encoder(
    table: Table,
    columns: Mapping[str, list],
    stated: tuple[str, ...] | None,
    options: LabelOptions,
) -> Encoder:
    """Make the encoder from a field to the ids of its labels.

    Integers keep their order, names are sorted.

    Args:
        table: The table of train, for errors.
        columns: The fields of each split.
        stated: The names of the labels, if the file states them.
        options: How the labels are read.
    """
    gaps = markers(count_labels(columns.values()), options.unlabelled, None)
    delimiter = find_delimiter(list(chain(*columns.values())), options.delimiter)
    joined = f"labels in one field were separated at {delimiter!r} (--data.label_delimiter)"
    notes = (joined,) * (delimiter is not None and options.delimiter == "auto")

    def parse(field: Any) -> Row:
        label = parse_label(field)
        if not isinstance(label, list) and label in gaps:
            return None
        return parse_list(field, delimiter)

    train = [row for row in map(parse, columns["train"]) if row is not None]
    if is_multi_hot(train):
        size = len(train[0])
        names = stated if stated and len(stated) == size else tuple(map(str, range(size)))
        notes = (f"a list holds 0 or 1 for each of {size} labels",)
        return Encoder(names, lambda field: _from_bits(parse(field), names), notes)

    found = Counter(label for row in train for label, _ in row)
    numeric = sum(n for label, n in found.items() if isinstance(label, int))
    if stated and all(isinstance(label, int) for label in found):
        names, ids = stated, {str(i): i for i in range(len(stated))}
    elif numeric >= (1 - _STRAY) * found.total():
        numbers = sorted(label for label in found if isinstance(label, int))
        names, ids = tuple(map(str, numbers)), {str(n): i for i, n in enumerate(numbers)}
    else:
        typed = {name for row in train for _, name in row}
        names = stated if stated and typed <= set(stated) else tuple(sorted(typed))
        ids = {name: i for i, name in enumerate(names)}
        numeric = 0
    if len(names) < 2:
        message = f"train holds {len(names)} different labels: give two or more"
        raise table.fault(message, "label_column")

    def encode(field: Any) -> list[int] | Unusable | None:
        row = parse(field)
        if row is None:
            return None
        keys = [str(label) if numeric else name for label, name in row]
        if unknown := [key for key in keys if key not in ids]:
            return Unusable(f"label {unknown[0]!r} is outside the set ({listed(names)})")
        return sorted({ids[key] for key in keys})

    return Encoder(names, encode, notes)


def is_multi_hot(rows: Sequence[list[tuple[Label, str]]]) -> bool:
    """Whether lists of one length hold 0 or 1 for each label: as ids, all rows would be alike."""
    sizes = {len(row) for row in rows}
    return len(sizes) == 1 and max(sizes) > 1 and {n for row in rows for n, _ in row} <= {0, 1}


def _from_bits(row: Row, names: Sequence[str]) -> list[int] | Unusable | None:
    if row is None:
        return None
    if len(row) != len(names) or any(label not in (0, 1) for label, _ in row):
        return Unusable(f"no list of 0 or 1 for each of {len(names)} labels")
    return [i for i, (label, _) in enumerate(row) if label]


def binary_columns(columns: Mapping[str, Sequence]) -> list[str]:
    """The names of the columns that hold nothing but 0 and 1."""
    return [
        name
        for name, values in columns.items()
        if len(values) and all(_bit(value) is not None for value in values)
    ]


def _bit(value: Any) -> int | None:
    return _BITS.get(str(value).strip().lower())


def bit_encoder(names: tuple[str, ...]) -> Encoder:
    """Make the encoder from a row of 0 and 1, one for each label, to the ids of its labels.

    A row of which no column is filled in (or all are -1, as in test sets) has no label.
    """

    def encode(row: Sequence[Any]) -> list[int] | Unusable | None:
        if all(parse_label(value) in (None, -1) for value in row):
            return None
        for name, value in zip(names, row, strict=True):
            if _bit(value) is None:
                return Unusable(f"{value!r} in column {name!r} is neither 0 nor 1")
        return [i for i, value in enumerate(row) if _bit(value)]

    return Encoder(names, encode)
