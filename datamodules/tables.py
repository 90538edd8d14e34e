"""Labelled text: tables to checked splits of texts with their labels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.comparison import compare
from datamodules.copies import normalized
from datamodules.files import BadRows, ReadOptions, Table, read_splits, read_table
from datamodules.labels import LabelKind, LabelOptions, Labels, encode_labels
from datamodules.labels.classes import check_two_classes
from datamodules.plain_text import passages
from datamodules.splitting import stratified_split
from datamodules.text_splits import Dataset, TextSplit, first_of_each, split_by_hash


def read_path(
    path: Path,
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str = "label",
    label_names: tuple[str, ...] | None = None,
    kind: LabelKind = "class",
    options: ReadOptions | None = None,
    label_options: LabelOptions | None = None,
) -> Dataset:
    """Read a folder with a file or more for each split, or one file."""
    given = [name for name in (text_column, pair_column, *label_column.split(",")) if name]
    options = replace(options or ReadOptions(), columns=tuple(given))
    tables = read_splits(Path(path).expanduser(), options)
    if kind == "none" and text_column is None and pair_column is None:
        tables = passages(tables)
    columns = (text_column, pair_column, label_column)
    return build_dataset(tables, *columns, label_names, kind, options.bad_rows, label_options)


def read_texts(path: Path) -> list[str]:
    """Read the texts of one file, without labels."""
    return _texts(read_table(path), None, "source")


def build_dataset(
    tables: Mapping[str, Table],
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str = "label",
    label_names: tuple[str, ...] | None = None,
    kind: LabelKind = "class",
    bad_rows: BadRows = "stop",
    label_options: LabelOptions | None = None,
    stratified: bool = True,
) -> Dataset:
    """Make checked splits of one table each; without validation, train is split.

    Class ids follow the names that a file states for its classes, or ``label_names`` where these
    fit. Otherwise integers are numbered in their order, and names in sorted order. The classes are
    those of train.

    Args:
        tables: The table of each split.
        text_column: The column of the texts; "sentence" or "text" by default.
        pair_column: The column of the second texts, if there is one.
        label_column: The column of the labels; or columns of 0 and 1 joined by commas.
        label_names: The names of classes 0..n-1.
        kind: The kind of the labels.
        bad_rows: Whether a row that cannot be used is an error, or is left out.
        label_options: How labels are read.
        stratified: Whether a split by hash gives each class its share of each part.

    Raises:
        ValueError: For a text or label that cannot be used, with its file and row.
    """
    options = label_options or LabelOptions()
    if bad_rows == "skip":
        given = (text_column, pair_column)
        tables = {split: _without_unusable_texts(t, *given) for split, t in tables.items()}
    names: tuple[str, ...] = ()
    labels: Mapping[str, Labels | None] = dict.fromkeys(tables)
    notes, warnings, counts = [], [], {}
    if kind != "none":
        found = encode_labels(tables, label_column, kind, label_names, options, bad_rows)
        tables, names, labels = found.tables, found.names, found.labels
        notes, warnings = found.notes, found.warnings
        counts = {"unlabelled": found.unlabelled} if found.unlabelled else {}
    splits = {
        split: TextSplit(
            _texts(table, text_column, "text_column"),
            None if pair_column is None else _texts(table, pair_column, "pair_column"),
            labels[split],
            table.rows,
        )
        for split, table in tables.items()
    }
    remarks = dict.fromkeys(line for table in tables.values() for line in table.remarks())
    notes = [*remarks, *notes]
    dataset = Dataset(splits, names, notes, kind, warnings, counts)
    dataset, keys = compare(dataset, tables, options.drop_shared)
    if "validation" in splits:
        return dataset
    return _complete(dataset, tables["train"], keys if stratified else None)


def _complete(dataset: Dataset, table: Table, keys: np.ndarray | None) -> Dataset:
    """Split train for the splits that are missing, each text into one part only.

    Args:
        keys: The hashes of the training texts, for a split in which each class has its share.
    """
    name, splits, notes = Path(table.name).name, dataset.splits, list(dataset.notes)
    kept = first_of_each(splits["train"])
    unique = splits["train"].take(kept)
    dropped = len(splits["train"].texts) - len(unique.texts)
    if dropped:
        texts = "text was" if dropped == 1 else "texts were"
        notes.append(f"{name}: {dropped:,} duplicate {texts} left out")
    test = 0.0 if "test" in splits else 0.1
    if keys is not None:
        found = stratified_split(keys[kept], _strata(unique, dataset.kind), test=test)
        parts = {part: unique.take(indices) for part, indices in found.items()}
    else:
        parts = split_by_hash(unique, test=test)
    if "test" in splits:
        parts["test"] = splits["test"]
    empty = [part for part, rows in parts.items() if not rows.texts]
    classes = set(unique.labels or ()) if dataset.kind == "class" else set()
    if empty and len(classes) > max(10, len(unique.texts) // 2):
        message = (
            f"{len(classes):,} classes for {len(unique.texts):,} texts: ids or numbers, perhaps"
        )
        raise table.fault(f"{message} (--model.task Regression)", "label_column")
    if empty:
        count, first = (
            len(set(map(normalized, unique.texts))),
            " first" * (unique.pairs is not None),
        )
        message = f"{count:,} different{first} texts are too few to be split by their hash"
        raise table.fault(f"{message}, no {empty[0]} text: add some, or give a folder", "source")
    if dataset.kind == "class":
        check_two_classes(table, parts["train"].labels or [])
    sizes = ", ".join(
        f"{len(parts[p].texts):,} {p}" for p in parts if p not in splits or p == "train"
    )
    each = " (of each class its share)" * (keys is not None and dataset.kind == "class")
    notes.append(f"{name} was split by text hash: {sizes}{each}")
    return replace(dataset, splits=parts, notes=notes)


def _strata(split: TextSplit, kind: LabelKind) -> list[int]:
    """The class of each row, or the rarest of its labels; -1 without any."""
    labels: Any = split.labels
    if kind == "class":
        return labels
    if kind != "several":
        return [-1] * len(split.texts)
    counts = Counter(label for row in labels for label in row)
    return [min(row, key=lambda label: (counts[label], label), default=-1) for row in labels]


def _text_column(table: Table, name: str | None) -> str:
    return name or next((n for n in ("sentence", "text") if n in table.columns), "sentence")


def _texts(table: Table, name: str | None, flag: str) -> list[str]:
    name = _text_column(table, name)
    texts = list(table.column(name, flag))
    for i, reason in _unusable_texts(texts, name).items():
        cure = "fill it in" if reason.endswith("empty") else "give a column of texts"
        more = "or leave such rows out with --data.bad_rows skip"
        raise table.fault(f"{reason}: {cure}, {more}", flag, i)
    return texts


def _unusable_texts(texts: Sequence, name: str) -> dict[int, str]:
    """The positions of the texts that cannot be used, and why."""
    bad = (i for i, text in enumerate(texts) if not isinstance(text, str) or not text.strip())
    return {i: f"{name!r} {_why_not_text(texts[i])}" for i in bad}


def _why_not_text(value: Any) -> str:
    return "is empty" if isinstance(value, str | None) else f"is not a text ({value!r:.40})"


def _without_unusable_texts(
    table: Table, text_column: str | None, pair_column: str | None
) -> Table:
    """Leave out the rows without a text, or without the second text of a pair."""
    reasons: dict[int, str] = {}
    given = {_text_column(table, text_column): "text_column"}
    for name, flag in (given | ({pair_column: "pair_column"} if pair_column else {})).items():
        reasons = _unusable_texts(table.column(name, flag), name) | reasons
    if len(reasons) == len(table.rows):
        message = f"no row has a text that can be used; row {table.rows[0]}: {reasons[0]}"
        raise table.fault(f"{message}: give a column of texts", flag)
    return table.without(reasons)
