"""Labelled text: tables to checked splits, class ids, numbers and label names."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from datamodules.files import Table, read_table, split_files

# What a row brings: the id of its class, a number, the ids of several classes, or nothing.
LabelKind = Literal["class", "number", "several", "none"]


@dataclass(frozen=True)
class TextSplit:
    """Texts of one split, their second sentences for pairs, and labels (None: unlabelled)."""

    texts: list[str]
    pairs: list[str] | None
    labels: list[int] | list[float] | list[list[int]] | None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every text, pair and label, with their boundaries."""
        digest = hashlib.sha256()
        for column in (self.texts, self.pairs or [], self.labels or []):
            digest.update(f"{len(column)};".encode())
            for value in column:
                data = str(value).encode()
                digest.update(b"%d:%b" % (len(data), data))
        return digest.hexdigest()

    def take(self, indices: Sequence[int]) -> "TextSplit":
        """The examples at the given positions, in that order."""
        columns = (self.texts, self.pairs, self.labels)
        return TextSplit(*(None if c is None else [c[i] for i in indices] for c in columns))


@dataclass(frozen=True)
class Dataset:
    """Splits "train", "validation" and, where there is one, "test", with one-line remarks."""

    splits: dict[str, TextSplit]
    label_names: tuple[str, ...]
    notes: list[str]
    kind: LabelKind = "class"

    @property
    def fingerprint(self) -> str:
        """Of every text and label of every split."""
        prints = "".join(self.splits[name].fingerprint for name in sorted(self.splits))
        return hashlib.sha256(prints.encode()).hexdigest()[:16]

    @property
    def test_split(self) -> str:
        """Where the files hold no labelled test rows, the test is on the validation rows."""
        return "test" if "test" in self.splits else "validation"


def subsample(dataset: Dataset, rows: int, seed: int) -> Dataset:
    """The data set with so many training rows, drawn by the seed.

    Of one seed, the rows of a smaller number are among those of a larger one.
    """
    train = dataset.splits["train"]
    if rows > len(train.texts):
        raise ValueError(f"--data.train_rows {rows}: there are {len(train.texts):,} training rows")
    kept = np.sort(np.random.default_rng(seed).permutation(len(train.texts))[:rows])
    return replace(dataset, splits=dataset.splits | {"train": train.take(kept.tolist())})


def hash_split(text: str, validation: float = 0.1, test: float = 0.1) -> str:
    """The split a text belongs to, whatever else is in the file; spacing and case do not count."""
    digest = hashlib.sha256(" ".join(text.split()).lower().encode()).digest()
    h = int.from_bytes(digest[:8], "big") / 2**64
    return "test" if h < test else "validation" if h < test + validation else "train"


def drop_duplicates(split: TextSplit) -> TextSplit:
    """Each text (or pair) once; where copies disagree on the label, the first one counts."""
    keys = split.texts if split.pairs is None else zip(split.texts, split.pairs, strict=True)
    first: dict = {}
    for i, key in enumerate(keys):
        first.setdefault(key, i)
    return split.take(list(first.values()))


def split_by_hash(
    split: TextSplit, validation: float = 0.1, test: float = 0.1
) -> dict[str, TextSplit]:
    """Train, validation and test by `hash_split` each text; a part can come out empty."""
    indices: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for i, text in enumerate(split.texts):
        indices[hash_split(text, validation, test)].append(i)
    return {name: split.take(keep) for name, keep in indices.items()}


def read_path(
    path: Path,
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str = "label",
    label_names: tuple[str, ...] | None = None,
    kind: LabelKind = "class",
) -> Dataset:
    """Read a folder of train, dev or validation, and test files, or one file split by text hash."""
    path = Path(path).expanduser()
    paths = split_files(path) if path.is_dir() else {"train": path}
    tables = {split: read_table(file) for split, file in paths.items()}
    return build_dataset(tables, text_column, pair_column, label_column, label_names, kind)


def build_dataset(
    tables: dict[str, Table],
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str = "label",
    label_names: tuple[str, ...] | None = None,
    kind: LabelKind = "class",
) -> Dataset:
    """Checked splits from one table each; without validation, train is cut by text hash.

    Class ids follow `label_names` where they fit what is found, else integers 0..n-1 stay as they
    are and names are numbered in sorted order. The classes are those of train. Several names in
    one field are separated by commas, or come as a list.
    """
    if kind == "none":
        return _with_splits(
            tables, {split: None for split in tables}, (), kind, text_column, pair_column
        )
    notes, labels = [], {}
    for split, table in tables.items():
        if split == "test" and label_column not in table.columns:
            continue
        column = [_PARSERS[kind](value) for value in table.column(label_column, "label_column")]
        if split != "test" or any(label not in (None, -1) for label in column):
            labels[split] = column
    if "test" in tables and "test" not in labels:
        notes.append(f"{Path(tables['test'].name).name} has no labels: it is not used")
    if kind == "number":
        names, encoded = (), {s: _numbers(tables[s], column) for s, column in labels.items()}
    elif kind == "several":
        names, encoded = _names_of_rows(tables, labels)
    else:
        _two_classes(tables["train"], labels["train"])
        names, ids = _classes(labels["train"], label_names)
        encoded = {split: _encode(tables[split], column, ids) for split, column in labels.items()}
    return _with_splits(tables, encoded, names, kind, text_column, pair_column, notes)


def _with_splits(
    tables: dict[str, Table],
    labels: dict[str, list | None],
    names: tuple[str, ...],
    kind: LabelKind,
    text_column: str | None,
    pair_column: str | None,
    notes: list[str] | None = None,
) -> Dataset:
    """Texts to labels that have been read, and the splits that are missing."""
    notes = notes or []
    splits = {
        split: TextSplit(
            _texts(tables[split], text_column, "text_column"),
            None if pair_column is None else _texts(tables[split], pair_column, "pair_column"),
            column,
        )
        for split, column in labels.items()
    }
    if "validation" not in splits:
        splits |= _missing_splits(tables["train"], splits, notes)
        if kind == "class":
            _two_classes(tables["train"], splits["train"].labels)
    return Dataset(splits, names, notes, kind)


def _two_classes(table: Table, labels: list) -> None:
    if len(set(labels)) == 1 and labels[0] is not None:
        message = f"train holds one class only (label {labels[0]!r}): give text of two or more"
        raise table.fault(message, "label_column")


def _missing_splits(
    table: Table, splits: dict[str, TextSplit], notes: list[str]
) -> dict[str, TextSplit]:
    """Parts of train for the splits that are missing, each text in one part only."""
    unique = drop_duplicates(splits["train"])
    dropped = len(splits["train"].texts) - len(unique.texts)
    if dropped:
        notes.append(f"{Path(table.name).name}: {dropped:,} duplicate texts were left out")
    parts = split_by_hash(unique, test=0.0 if "test" in splits else 0.1)
    if "test" in splits:
        del parts["test"]
    empty = [name for name, part in parts.items() if not part.texts]
    if empty:
        message = f"{len(unique.texts)} different texts are too few to be split by their hash"
        raise table.fault(f"{message}, no {empty[0]} text: add some, or give a folder", "source")
    sizes = ", ".join(f"{len(part.texts):,} {name}" for name, part in parts.items())
    notes.append(f"{Path(table.name).name} was split by text hash: {sizes}")
    return parts


def _texts(table: Table, name: str | None, flag: str) -> list[str]:
    if name is None:
        name = next((n for n in ("sentence", "text") if n in table.columns), "sentence")
    texts = list(table.column(name, flag))
    for i, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            found = "is empty" if text is None or isinstance(text, str) else "is not a text"
            raise table.fault(f"{name!r} {found}: fill it in or remove the row", flag, i)
    return texts


def _parse_label(value) -> int | float | str | None:
    """What a label says: an integer (1, "1", 1.0), a name, a fraction, or nothing usable."""
    if isinstance(value, str):
        value = value.strip() or None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return value if isinstance(value, str) else None
    if not math.isfinite(number):
        return value if isinstance(value, str) else None  # "nan" may be a name, NaN is a gap
    return int(number) if number.is_integer() else number


def _parse_names(value) -> list[str] | None:
    """Several names from a list, or from a text with commas; an empty one is no name at all."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple):
        return None if value is None or value != value else [str(_parse_label(value))]
    return [name for part in value if (name := str(part).strip())]


_PARSERS = {"class": _parse_label, "number": _parse_label, "several": _parse_names}


def _numbers(table: Table, labels: list) -> list[float]:
    for i, label in enumerate(labels):
        if not isinstance(label, int | float):
            found = "no label" if label is None else f"label {label!r} is not a number"
            message = f"{found}: a regression needs one in every row"
            raise table.fault(message, "label_column", i)
    return [float(label) for label in labels]


def _names_of_rows(
    tables: dict[str, Table], labels: dict[str, list[list[str] | None]]
) -> tuple[tuple[str, ...], dict[str, list[list[int]]]]:
    """The names of train, sorted, and the ids of each row's names."""
    for split, column in labels.items():
        if None in column:
            message = "no usable labels (names separated by commas, or a list): fill them in"
            raise tables[split].fault(message, "label_column", column.index(None))
    names = tuple(sorted({name for row in labels["train"] for name in row}))
    if len(names) < 2:
        message = f"train holds {len(names)} different labels: give two or more"
        raise tables["train"].fault(message, "label_column")
    ids = {name: number for number, name in enumerate(names)}
    for split, column in labels.items():
        for i, row in enumerate(column):
            if unknown := [name for name in row if name not in ids]:
                message = f"label {unknown[0]!r} is outside the set ({', '.join(names[:8])})"
                raise tables[split].fault(message, "label_column", i)
    return names, {
        split: [sorted({ids[n] for n in row}) for row in c] for split, c in labels.items()
    }


def _classes(
    labels: list, label_names: tuple[str, ...] | None
) -> tuple[tuple[str, ...], dict[int | str, int]]:
    """Find the label names in the order of their ids, and the id of each parsed label."""
    strings = sum(isinstance(label, str) for label in labels)
    numbers = sum(isinstance(label, (int, float)) for label in labels)
    found = set(labels)
    # Only the more frequent kind counts, and integers only up to the first gap: a stray "yes" or
    # 7 in a column of 0 and 1 is then reported with its row and does not become a class.
    if strings > numbers:
        words = sorted(label for label in found if isinstance(label, str))
        names = label_names if set(words) <= set(label_names or ()) else tuple(words)
        return names, {_parse_label(name): i for i, name in enumerate(names)}
    count = next(n for n in range(len(found) + 1) if n not in found)
    fits = label_names is not None and count <= len(label_names)
    names = label_names if fits else tuple(str(n) for n in range(count))
    return names, {i: i for i in range(len(names))}


def _encode(table: Table, labels: list, ids: dict[int | str, int]) -> list[int]:
    encoded = [ids.get(label) for label in labels]
    if None in encoded:
        i = encoded.index(None)
        known = ", ".join(str(label) for label in list(ids)[:8]) + ", ..." * (len(ids) > 8)
        if labels[i] is None:
            message = "no usable label (an integer or a name): fill it in or remove the row"
        elif isinstance(labels[i], float):
            message = f"label {labels[i]} is not an integer: give classes, 0..n-1 or names"
        elif not ids or isinstance(next(iter(ids)), int):
            rule = f"integers run from 0 without gaps{', here ' * bool(ids)}{known}"
            message = f"label {labels[i]!r} is outside the set ({rule})"
        else:
            message = f"label {labels[i]!r} is outside the set ({known})"
        raise table.fault(message, "label_column", i)
    return encoded


def read_texts(path: Path) -> list[str]:
    """The texts of one file, without labels."""
    return _texts(read_table(path), None, "source")
