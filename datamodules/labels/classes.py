"""One class a row: integers in their order, or names."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from datamodules.files import Table
from datamodules.labels import lists
from datamodules.labels.kinds import Encoder, LabelOptions, Unusable
from datamodules.labels.values import (
    Label,
    count_fields,
    count_labels,
    markers,
    parse_label,
    spelling,
)
from datamodules.spelling import listed

Variants = dict[Label, Counter[str]]  # how often each label is spelled in which way


def class_encoder(
    table: Table,
    columns: Mapping[str, list],
    stated: tuple[str, ...] | None,
    label_names: tuple[str, ...] | None,
    options: LabelOptions,
) -> Encoder:
    """Make the encoder from a field to the id of its class.

    Args:
        table: The table of train, for errors.
        columns: The fields of each split.
        stated: The names of the classes, if the file states them.
        label_names: The names of classes 0..n-1, if the integers of the file fit them.
        options: How the labels are read.
    """
    _refuse_several(table, columns["train"], options)
    gaps = markers(count_labels(columns.values()), options.unlabelled, stated) | {None}
    variants: Variants = {}
    for field, rows in count_fields([columns["train"]]).items():
        label = parse_label(field)
        if not isinstance(label, list) and label not in gaps:
            typed = field if isinstance(label, str) else spelling(field, label)
            variants.setdefault(label, Counter())[str(typed)] += rows
    check_two_classes(table, list(variants))
    names, ids = _classes(variants, stated, label_names)
    # Outside of train, -1 beside 0..n-1 can only stand for nothing, as in test sets of the hub.
    gaps |= {-1} if {0, 1} <= set(ids) and -1 not in ids else set()

    def encode(field: Any) -> int | Unusable | None:
        label = parse_label(field)
        if isinstance(label, list):
            return Unusable("no usable label: a list, which --model.task MultiLabel reads")
        if label in gaps:
            return None
        return ids[label] if label in ids else Unusable(_why_not(label, ids))

    return Encoder(names, encode, warnings=_merged(variants))


def check_two_classes(table: Table, labels: Sequence) -> None:
    """Refuse training data of one class only."""
    if len(set(labels)) == 1:
        message = f"train holds one class only (label {labels[0]!r}): give text of two or more"
        raise table.fault(message, "label_column")


def _classes(
    variants: Variants, stated: tuple[str, ...] | None, label_names: tuple[str, ...] | None
) -> tuple[tuple[str, ...], dict[Label, int]]:
    """The names of the classes in the order of their ids, and the id of each label."""
    given = stated or label_names or ()
    words = sorted(label for label in variants if isinstance(label, str))
    numbers = sorted(label for label in variants if isinstance(label, int))
    # Only the more frequent kind counts: a stray "yes" in a column of 0 and 1 is then reported
    # with its row and does not become a class.
    rows = {label: found.total() for label, found in variants.items()}
    if 2 * sum(rows[word] for word in words) > sum(rows.values()):
        names = given if set(words) <= set(given) else tuple(words)
        return names, {parse_label(name): i for i, name in enumerate(names)}  # type: ignore[misc]
    if stated or (given and set(numbers) <= set(range(len(given)))):
        ids: dict[Label, int] = {i: i for i in range(len(given))}
        # The file of another split may have the names themselves.
        words = [name for name in stated or () if isinstance(parse_label(name), str)]
        return given, ids | {name: given.index(name) for name in words}
    names = tuple(variants[number].most_common(1)[0][0] for number in numbers)
    return names, {number: i for i, number in enumerate(numbers)}


def _merged(variants: Variants) -> tuple[str, ...]:
    """A line on labels that the file spells in several ways."""
    found = [spelled for spelled in variants.values() if len(spelled) > 1]
    each = [
        " and ".join(f"{typed!r} ({count:,})" for typed, count in spelled.most_common(3))
        for spelled in found
    ]
    return (f"merged into one class: {listed(each, 3)}",) if each else ()


def _refuse_several(table: Table, fields: Sequence[Any], options: LabelOptions) -> None:
    """Refuse a column in which most rows have several labels, where one class is wanted.

    Raises:
        ValueError: With the flag that reads several labels.
    """
    if options.delimiter == "none":
        return
    delimiter = lists.find_delimiter(fields, options.delimiter)
    texts = Counter(field for field in fields if isinstance(field, str))
    names = sum(n for text, n in texts.items() if not lists.looks_several(text, delimiter))
    others = sum(not isinstance(field, str | list | tuple | dict) for field in fields)
    if 2 * (names + others) >= len(fields):
        return
    if delimiter == "," and not lists.parts_recur(texts, delimiter):  # as in names: Smith, Ann
        return
    row = next(i for i, field in enumerate(fields) if lists.looks_several(field, delimiter))
    first = fields[row]
    message = f"label {first!r} looks like several, and so do most: give --model.task MultiLabel"
    if isinstance(first, str):
        message += ", or --data.label_delimiter none if each is the name of one class"
    raise table.fault(message, "label_column", row)


def _why_not(label: Label, ids: Mapping[Label, int]) -> str:
    if isinstance(label, float):
        return (
            f"label {label} is not an integer: give integers or names, or --model.task Regression"
        )
    why = f"label {label!r} is outside the set ({listed(ids)})"
    numeric = isinstance(next(iter(ids), 0), int)
    if isinstance(label, str) == numeric:
        return f"{why}: correct it; most labels are {'integers' if numeric else 'names'}"
    return f"{why} of train: correct it, or add such rows to train"
