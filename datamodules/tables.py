"""Labelled text: tables to checked splits of texts with their labels."""

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from datamodules.files import BadRows, ReadOptions, Table, read_splits, read_table
from datamodules.labels import (
    LabelKind,
    Labels,
    check_two_classes,
    encode_labels,
    read_labels,
)


@dataclass(frozen=True)
class TextSplit:
    """The texts of one split with their labels.

    Attributes:
        texts: The text of each row, or the first text of each pair.
        pairs: The second text of each pair; None if the texts are single.
        labels: The label of each row; None without labels.
    """

    texts: list[str]
    pairs: list[str] | None
    labels: Labels | None

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
        pairs, labels = self.pairs, self.labels
        return TextSplit(
            [self.texts[i] for i in indices],
            None if pairs is None else [pairs[i] for i in indices],
            None if labels is None else [labels[i] for i in indices],  # type: ignore[arg-type]  # of the one kind
        )


@dataclass(frozen=True)
class Dataset:
    """The splits of a data set.

    Attributes:
        splits: "train", "validation" and, where there is one, "test".
        label_names: The names of the classes in the order of their ids.
        notes: Remarks for the user, a line each.
        kind: The kind of the labels.
    """

    splits: dict[str, TextSplit]
    label_names: tuple[str, ...]
    notes: list[str]
    kind: LabelKind = "class"

    @property
    def fingerprint(self) -> str:
        """A digest of every text and label of every split."""
        prints = "".join(self.splits[name].fingerprint for name in sorted(self.splits))
        return hashlib.sha256(prints.encode()).hexdigest()[:16]

    @property
    def test_split(self) -> str:
        """The split for the test: the validation rows where no test rows have labels."""
        return "test" if "test" in self.splits else "validation"


def subsample(dataset: Dataset, rows: int, seed: int) -> Dataset:
    """Draw training rows by the seed.

    Of one seed, the rows of a smaller number are among those of a larger one.
    """
    train = dataset.splits["train"]
    if rows > len(train.texts):
        raise ValueError(f"--data.train_rows {rows}: there are {len(train.texts):,} training rows")
    kept = np.sort(np.random.default_rng(seed).permutation(len(train.texts))[:rows])
    return replace(dataset, splits=dataset.splits | {"train": train.take(kept.tolist())})


def hash_split(text: str, validation: float = 0.1, test: float = 0.1) -> str:
    """The split of a text by its hash, whatever else is in the file; not by spacing and case."""
    digest = hashlib.sha256(" ".join(text.split()).lower().encode()).digest()
    h = int.from_bytes(digest[:8], "big") / 2**64
    return "test" if h < test else "validation" if h < test + validation else "train"


def drop_duplicates(split: TextSplit) -> TextSplit:
    """Keep each text (or pair) once; where copies disagree on the label, the first one counts."""
    keys: Iterable[Hashable] = split.texts
    if split.pairs is not None:
        keys = zip(split.texts, split.pairs, strict=True)
    first: dict[Hashable, int] = {}
    for i, key in enumerate(keys):
        first.setdefault(key, i)
    return split.take(list(first.values()))


def split_by_hash(
    split: TextSplit, validation: float = 0.1, test: float = 0.1
) -> dict[str, TextSplit]:
    """Split into train, validation and test by ``hash_split``; a part can come out empty."""
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
    options: ReadOptions | None = None,
) -> Dataset:
    """Read a folder with a file or more for each split, or one file."""
    given = [name for name in (text_column, pair_column, label_column) if name]
    options = replace(options or ReadOptions(), columns=tuple(given))
    tables = read_splits(Path(path).expanduser(), options)
    columns = (text_column, pair_column, label_column)
    return build_dataset(tables, *columns, label_names, kind, options.bad_rows)


def build_dataset(
    tables: dict[str, Table],
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str = "label",
    label_names: tuple[str, ...] | None = None,
    kind: LabelKind = "class",
    bad_rows: BadRows = "stop",
) -> Dataset:
    """Make checked splits of one table each; without validation, train is split by text hash.

    Class ids follow ``label_names`` where these fit the data. Otherwise integers 0..n-1 stay as
    they are, and names are numbered in sorted order. The classes are those of train. Several names
    in one field are separated by commas, or come as a list.

    Raises:
        ValueError: For a text or label that cannot be used, with its file and row.
    """
    if bad_rows == "skip":
        given = (text_column, pair_column)
        tables = {split: _without_unusable_texts(t, *given) for split, t in tables.items()}
    if kind == "none":
        unlabelled = dict.fromkeys(tables)
        return _with_splits(tables, unlabelled, (), kind, text_column, pair_column, [])
    notes, labels = [], read_labels(tables, label_column, kind)
    if "test" in tables and "test" not in labels:
        notes.append(f"{Path(tables['test'].name).name} has no labels: it is not used")
    names, encoded = encode_labels(tables, labels, kind, label_names)
    return _with_splits(tables, encoded, names, kind, text_column, pair_column, notes)


def _with_splits(
    tables: dict[str, Table],
    labels: Mapping[str, Labels | None],
    names: tuple[str, ...],
    kind: LabelKind,
    text_column: str | None,
    pair_column: str | None,
    notes: list[str],
) -> Dataset:
    """Join the texts to their labels, and make the splits that are missing."""
    notes = [*(line for table in tables.values() for line in table.remarks()), *notes]
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
            check_two_classes(tables["train"], splits["train"].labels or [])
    return Dataset(splits, names, notes, kind)


def _missing_splits(
    table: Table, splits: dict[str, TextSplit], notes: list[str]
) -> dict[str, TextSplit]:
    """Split train for the splits that are missing, each text into one part only."""
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


def _text_column(table: Table, name: str | None) -> str:
    return name or next((n for n in ("sentence", "text") if n in table.columns), "sentence")


def _texts(table: Table, name: str | None, flag: str) -> list[str]:
    name = _text_column(table, name)
    texts = list(table.column(name, flag))
    for i, reason in _unusable_texts(texts, name).items():
        cure = "fill it in, or leave such rows out with --data.bad_rows skip"
        raise table.fault(f"{reason}: {cure}", flag, i)
    return texts


def _unusable_texts(texts: Sequence, name: str) -> dict[int, str]:
    """The positions of the texts that cannot be used, and why."""
    bad = (i for i, text in enumerate(texts) if not isinstance(text, str) or not text.strip())
    reasons = ("is empty", "is not a text")
    return {i: f"{name!r} {reasons[not isinstance(texts[i], str | None)]}" for i in bad}


def _without_unusable_texts(
    table: Table, text_column: str | None, pair_column: str | None
) -> Table:
    """Leave out the rows without a text, or without the second text of a pair."""
    reasons: dict[int, str] = {}
    given = {_text_column(table, text_column): "text_column"}
    for name, flag in (given | ({pair_column: "pair_column"} if pair_column else {})).items():
        reasons = _unusable_texts(table.column(name, flag), name) | reasons
    return table.without(reasons)


def read_texts(path: Path) -> list[str]:
    """Read the texts of one file, without labels."""
    return _texts(read_table(path), None, "source")
