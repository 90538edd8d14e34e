"""Splits of texts with their labels."""

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from datamodules.labels import LabelKind, Labels
from datamodules.splitting import hash_split

D = TypeVar("D", bound=Any)


@dataclass(frozen=True)
class TextSplit:
    """The texts of one split with their labels.

    Attributes:
        texts: The text of each row, or the first text of each pair.
        pairs: The second text of each pair; None if the texts are single.
        labels: The label of each row; None without labels.
        rows: The number of each row in the source, or the name of its file, as errors name it; None
            if they are numbered from 1.
    """

    texts: list[str]
    pairs: list[str] | None
    labels: Labels | None
    rows: Sequence[int | str] | None = field(default=None, compare=False)

    @property
    def keys(self) -> Iterable[Hashable]:
        """Each text, or each pair of texts."""
        return self.texts if self.pairs is None else zip(self.texts, self.pairs, strict=True)

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

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Sequence[int]) -> "TextSplit":
        """The examples at the given positions, in that order."""
        pairs, labels = self.pairs, self.labels
        return TextSplit(
            [self.texts[i] for i in indices],
            None if pairs is None else [pairs[i] for i in indices],
            None if labels is None else [labels[i] for i in indices],  # type: ignore[arg-type]  # of the one kind
            [i + 1 for i in indices] if self.rows is None else [self.rows[i] for i in indices],
        )


@dataclass(frozen=True)
class Dataset:
    """The splits of a data set.

    Attributes:
        splits: "train", "validation" and, where there is one, "test".
        label_names: The names of the classes in the order of their ids.
        notes: Remarks for the user, a line each.
        kind: The kind of the labels.
        warnings: Remarks on the labels that the check before training shows, a line each.
        counts: The numbers of conflicts, shared texts, ... that the records of a run keep.
    """

    splits: dict[str, TextSplit]
    label_names: tuple[str, ...]
    notes: list[str]
    kind: LabelKind = "class"
    warnings: list[str] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """A digest of every text and label of every split."""
        return joint_fingerprint(self.splits)

    @property
    def test_split(self) -> str:
        """The split for the test: the validation rows where no test rows have labels."""
        return "test" if "test" in self.splits else "validation"


def joint_fingerprint(splits: Mapping[str, Any]) -> str:
    """A digest of the fingerprints of all splits."""
    prints = "".join(splits[name].fingerprint for name in sorted(splits))
    return hashlib.sha256(prints.encode()).hexdigest()[:16]


def subsample(dataset: D, rows: int, seed: int, split: str = "train") -> D:
    """Draw so many rows of a split by the seed, in their order.

    Of one seed, the rows of a smaller number are among those of a larger one.

    Args:
        dataset: A data set of any kind, whose splits have a length and ``take``.
        rows: The number of rows.
        seed: The seed.
        split: The split, which is the one of the test if it is not train.

    Raises:
        ValueError: If there are fewer rows.
    """
    part = dataset.splits[split]
    if rows > len(part):
        flag, kind = ("train", "training") if split == "train" else ("test", "test")
        raise ValueError(f"--data.{flag}_rows {rows}: there are {len(part):,} {kind} rows")
    kept = np.sort(np.random.default_rng(seed).permutation(len(part))[:rows]).tolist()
    return replace(dataset, splits={**dataset.splits, split: part.take(kept)})


def take_share(dataset: Dataset, share: float, seed: int) -> Dataset:
    """Draw a share of the training rows by the seed, of each class the same share.

    Each class keeps a row. Of one seed, the rows of a smaller share are among those of a larger.
    """
    if not share:
        raise ValueError("--data.train_share 0: leaves no training row; give a share above 0")
    train = dataset.splits["train"]
    labels: Any = train.labels if dataset.kind == "class" else [0] * len(train.texts)
    order = np.random.default_rng(seed).permutation(len(train.texts))
    kept = []
    for stratum in np.unique(labels):
        members = order[np.asarray(labels)[order] == stratum]
        kept.append(members[: max(1, round(share * len(members)))])
    rows = np.sort(np.concatenate(kept)).tolist()
    return replace(dataset, splits=dataset.splits | {"train": train.take(rows)})


def take_per_class(dataset: Dataset, rows: int, seed: int) -> Dataset:
    """Draw so many training rows of each class by the seed.

    Of one seed, the rows of a smaller number are among those of a larger one.

    Raises:
        ValueError: If the labels are no classes, or a class has fewer rows.
    """
    flag, train = f"--data.rows_per_class {rows}", dataset.splits["train"]
    if dataset.kind != "class" or train.labels is None:
        raise ValueError(f"{flag}: the labels are no classes; give --data.train_rows")
    labels = np.asarray(train.labels)
    order = np.random.default_rng(seed).permutation(len(labels))
    kept = []
    for number, name in enumerate(dataset.label_names):
        members = order[labels[order] == number]
        if len(members) < rows:
            raise ValueError(f"{flag}: {name!r} has {len(members):,} training rows; give fewer")
        kept.append(members[:rows])
    chosen = np.sort(np.concatenate(kept)).tolist()
    return replace(dataset, splits=dataset.splits | {"train": train.take(chosen)})


def drop_duplicates(split: TextSplit) -> TextSplit:
    """Keep each text (or pair) once; where copies disagree on the label, the first one counts."""
    return split.take(first_of_each(split))


def first_of_each(split: TextSplit) -> list[int]:
    """The position of the first copy of each text (or pair)."""
    first: dict[Hashable, int] = {}
    for i, key in enumerate(split.keys):
        first.setdefault(key, i)
    return list(first.values())


def split_by_hash(
    split: TextSplit,
    validation: float = 0.1,
    test: float = 0.1,
    by: Iterable[str] | None = None,
) -> dict[str, TextSplit]:
    """Split into train, validation and test by ``hash_split``; a part can come out empty.

    The hash is that of ``by``, one for each row, or else of the text: rows with the same one are in
    the same part.
    """
    indices: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for i, text in enumerate(split.texts if by is None else by):
        indices[hash_split(text, validation, test)].append(i)
    return {name: split.take(keep) for name, keep in indices.items()}
