"""Columns of labels to ids or numbers, without the rows that have none."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datamodules.files import BadRows, Table
from datamodules.labels.classes import class_encoder
from datamodules.labels.kinds import Encoder, LabelKind, LabelOptions, Labels, Unusable
from datamodules.labels.several import binary_columns, bit_encoder, list_encoder
from datamodules.labels.values import count_labels, markers, parse_label, parse_number
from datamodules.spelling import listed

_SHOWN = 5  # rows that a line names


@dataclass(frozen=True)
class EncodedLabels:
    """The labels of each split, with the rows that they belong to.

    Attributes:
        tables: The rows of each split that have a usable label.
        names: The names of the classes in the order of their ids.
        labels: The label of each of these rows.
        notes: Remarks on the reading for the user, a line each.
        warnings: Remarks on the labels themselves, a line each.
        unlabelled: The number of rows without a label, by split.
    """

    tables: dict[str, Table]
    names: tuple[str, ...]
    labels: dict[str, Labels]
    notes: list[str]
    warnings: list[str]
    unlabelled: dict[str, int]


def encode_labels(
    tables: Mapping[str, Table],
    column: str,
    kind: LabelKind,
    label_names: tuple[str, ...] | None = None,
    options: LabelOptions | None = None,
    bad_rows: BadRows = "stop",
) -> EncodedLabels:
    """Encode the labels of all splits; the classes are those of train.

    Rows without a label are left out, and so is a test split in which no row has one.

    Args:
        tables: The table of each split.
        column: The column of the labels; or columns of 0 and 1, one for each label, joined by
            commas.
        kind: The kind of the labels.
        label_names: The names of classes 0..n-1, if the integers of the file fit them.
        options: How the labels are read.
        bad_rows: Whether a label that cannot be used is an error, or its row is left out.

    Raises:
        ValueError: For a label that cannot be used, with its file and row.
    """
    options, notes = options or LabelOptions(), []
    columns = _columns(tables, column, kind)
    _check_stated(tables, column)
    encoder = _encoder(tables["train"], columns, column, kind, label_names, options)
    encoded = {split: _encode(encoder, fields) for split, fields in columns.items()}
    if all(label is None for label in encoded.get("test", ())):
        encoded.pop("test", None)
    if "test" in tables and "test" not in encoded:
        notes.append(f"{tables['test'].name.rsplit('/', 1)[-1]} has no labels: it is not used")
    kept, labels, unlabelled = {}, {}, {}
    for split, found in encoded.items():
        table, fields = tables[split], columns[split]
        if bad_rows == "stop":
            _check(table, found)
        kept[split], labels[split] = _usable(table, fields, found, split)
        unlabelled[split] = sum(label is None for label in found)
    return EncodedLabels(
        kept,
        encoder.names,
        labels,
        [*notes, *encoder.notes],
        list(encoder.warnings),
        {split: count for split, count in unlabelled.items() if count},
    )


def column_names(column: str, table: Table) -> list[str]:
    """The columns that a flag names: one, or several joined by commas."""
    if "," not in column or table.find(column) is not None:
        return [column]
    return [name.strip() for name in column.split(",") if name.strip()]


def _columns(tables: Mapping[str, Table], column: str, kind: LabelKind) -> dict[str, list]:
    """The field of each row, or a tuple of the fields of several columns; a test may have none."""
    found: dict[str, list] = {}
    for split, table in tables.items():
        names = column_names(column, table)
        if len(names) > 1 and kind != "several":
            message = f"{column} are several columns: give one, or --model.task MultiLabel"
            raise table.fault(message, "label_column")
        if any(table.find(name) is None for name in names):
            if split == "test":
                continue
            table = replace(table, hint=table.hint + _hint(table, kind))
        values = [table.column(name, "label_column") for name in names]
        found[split] = list(values[0]) if len(names) == 1 else list(zip(*values, strict=True))
    return found


def _check_stated(tables: Mapping[str, Table], column: str) -> None:
    """Refuse files that name the classes of the same integers in different orders."""
    stated = {
        split: names
        for split, table in tables.items()
        if (names := table.label_names.get(table.find(column) or column))
    }
    for split, names in stated.items():
        if names != stated.get("train", names):
            message = f"its classes ({listed(names)}) are not those of train, in their order"
            raise tables[split].fault(f"{message}: write both again", "label_column")


def _hint(table: Table, kind: LabelKind) -> str:
    bits = binary_columns(table.columns)
    if len(bits) < 2:
        return ""
    task = "" if kind == "several" else "--model.task MultiLabel "
    return f"; {task}--data.label_column {','.join(bits)} reads a label from each"


def _encoder(
    table: Table,
    columns: Mapping[str, list],
    column: str,
    kind: LabelKind,
    label_names: tuple[str, ...] | None,
    options: LabelOptions,
) -> Encoder:
    names = column_names(column, table)
    found = [table.find(name) or name for name in names]
    stated = table.label_names.get(found[0])
    if kind == "number":
        if stated:
            message = f"the file names the classes of {column!r} ({listed(stated)}): no numbers"
            raise table.fault(message, "label_column")
        return _number_encoder(columns, options)
    if kind == "several" and len(names) > 1:
        return bit_encoder(tuple(found))
    if kind == "several":
        return list_encoder(table, columns, stated, options)
    return class_encoder(table, columns, stated, label_names, options)


def _number_encoder(columns: Mapping[str, list], options: LabelOptions) -> Encoder:
    """Make the encoder from a field to a number."""
    counts = count_labels(columns.values())
    gaps = markers(counts, options.unlabelled, None)
    names = sum(count for label, count in counts.items() if isinstance(label, str))
    cure = ": most are names, --model.task Classification reads them" * (2 * names > counts.total())

    def encode(field: Any) -> float | Unusable | None:
        number, label = parse_number(field), parse_label(field)
        if number is None or (not isinstance(label, list) and label in gaps):
            return None
        if isinstance(number, str):
            if re.fullmatch(r"[+-]?\d+,\d+", number):
                return Unusable(f"label {number!r} has a comma: write {number.replace(',', '.')}")
            return Unusable(f"label {number!r} is not a number, as a regression needs{cure}")
        return number

    return Encoder((), encode)


def _encode(encoder: Encoder, fields: Sequence[Any]) -> list[Any]:
    """Encode each different field once."""
    known: dict[Any, Any] = {}
    found = []
    for field in fields:
        key = field.__class__, str(field) if isinstance(field, list | dict) else field
        if key not in known:
            known[key] = encoder.encode(field)
        found.append(known[key])
    return found


def _check(table: Table, encoded: Sequence[Any]) -> None:
    """Stop at the first label that cannot be used."""
    for i, label in enumerate(encoded):
        if isinstance(label, Unusable):
            raise table.fault(label.reason, "label_column", i)


def _usable(
    table: Table, fields: Sequence[Any], encoded: Sequence[Any], split: str
) -> tuple[Table, list]:
    """The rows with a label, and their labels; the table remembers which are left out and why."""
    gaps = [i for i, label in enumerate(encoded) if label is None]
    bad = {i: label.reason for i, label in enumerate(encoded) if isinstance(label, Unusable)}
    if len(gaps) + len(bad) == len(encoded):
        raise table.fault(
            f"no {split} row has a label that can be used: label some", "label_column"
        )
    if gaps:
        rows = listed([table.rows[i] for i in gaps], _SHOWN)
        spelled = listed(Counter(_spelled(fields[i]) for i in gaps), 3)
        verb = "row has no label and was" if len(gaps) == 1 else "rows have no label and were"
        which = f"{spelled}; row{'s' * (len(gaps) > 1)} {rows}"
        table = replace(table, notes=(*table.notes, f"{len(gaps):,} {verb} left out ({which})"))
    table, left = table.without(bad), {*bad}
    kept = [i for i in range(len(encoded)) if i not in left]
    labelled = [place for place, i in enumerate(kept) if encoded[i] is not None]
    if len(labelled) == len(encoded):
        return table, list(encoded)
    return table.take(labelled), [encoded[kept[place]] for place in labelled]


def _spelled(field: Any) -> str:
    if field is None or field != field or not str(field).strip():
        return "empty"
    return repr(field) if isinstance(field, str) else str(field)
